#include "tier1-core/db/receipts.h"

#include "common/observe/log.h"
#include "common/tlog/tile-proof.h"

#include <string.h>

const struct es_db_statement receipts_read_statement = {
    .name = "receipts_read",
    .params = "i",
    .sql = "SELECT leaf_index, size, note, state, raw, bump, block_hash, block_height,"
           "  block_header FROM anchor.receipt($1)",
};

static const unsigned char *copy_bytes(const struct es_db_rows *rows, const char *column,
                                       struct es_arena *arena, size_t *ret_length)
{
    *ret_length = 0;
    if (es_db_is_null(rows, 0, column)) {
        return NULL;
    }
    const void *bytes = es_db_bytea(rows, 0, column, ret_length);
    return (const unsigned char *)es_arena_strndup(arena, bytes, *ret_length);
}

static void read_block(const struct es_db_rows *rows, struct es_arena *arena,
                       struct es_receipt *receipt)
{
    size_t length = 0;
    receipt->bump = copy_bytes(rows, "bump", arena, &receipt->bump_length);
    receipt->block.height = (uint64_t)es_db_i64(rows, 0, "block_height");
    const void *hash = es_db_bytea(rows, 0, "block_hash", &length);
    memcpy(receipt->block.hash.bytes, hash, sizeof(receipt->block.hash.bytes));
    const void *header = es_db_bytea(rows, 0, "block_header", &length);
    memcpy(receipt->block.header, header, sizeof(receipt->block.header));
}

enum es_db_result receipts_read(struct es_db *db, int64_t leaf_id, struct es_arena *arena,
                                struct es_receipt *receipt, uint64_t *ret_size)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &receipts_read_statement, &rows, leaf_id);
    if (result == ES_DB_NO_ROW) { /* not even waiting: treat as pending, sealing moves it */
        receipt->status = ES_RECEIPT_PENDING;
        *ret_size = 0;
        return ES_DB_OK;
    }
    if (result != ES_DB_OK) {
        return result;
    }
    if (!es_receipt_status_parse(es_db_text(rows, 0, "state"), &receipt->status)) {
        return ES_DB_BUG;
    }
    *ret_size = 0;
    if (receipt->status >= ES_RECEIPT_SEALED) {
        receipt->leaf_index = (uint64_t)es_db_i64(rows, 0, "leaf_index");
        receipt->checkpoint = es_arena_strdup(arena, es_db_text(rows, 0, "note"));
        *ret_size = (uint64_t)es_db_i64(rows, 0, "size");
    }
    if (receipt->status >= ES_RECEIPT_SENT) {
        receipt->transaction = copy_bytes(rows, "raw", arena, &receipt->transaction_length);
    }
    if (receipt->status >= ES_RECEIPT_MINED) {
        read_block(rows, arena, receipt);
    }
    return ES_DB_OK;
}

const struct es_db_statement receipts_tiles_statement = {
    .name = "receipts_tiles",
    .params = "SI",
    .sql =
        "SELECT t.level, t.tile_index, t.hashes FROM unnest($1, $2) AS wanted (level, tile_index)"
        " JOIN anchor.tiles t USING (level, tile_index)",
};

/* What is wider than a tile is damaged, and left out: the proof then cannot be made. */
static struct es_tile_set *keep_tiles(const struct es_db_rows *rows, struct es_arena *arena)
{
    struct es_tile_set *set = ES_ARENA_NEW(arena, struct es_tile_set);
    struct es_held_tile *tiles = es_arena_alloc(arena, es_db_row_count(rows) * sizeof(*tiles));
    set->tiles = tiles;
    for (size_t i = 0; i < es_db_row_count(rows); i++) {
        size_t length = 0;
        const void *hashes = es_db_bytea(rows, i, "hashes", &length);
        if (length <= ES_TILE_WIDTH * sizeof(struct es_hash)) {
            tiles[set->count++] = (struct es_held_tile){
                .tile = {.level = (unsigned)es_db_i64(rows, i, "level"),
                         .index = (uint64_t)es_db_i64(rows, i, "tile_index"),
                         .width = length / sizeof(struct es_hash)},
                .hashes = (const struct es_hash *)es_arena_strndup(arena, hashes, length),
            };
        }
    }
    return set;
}

enum es_db_result receipts_tiles(struct es_db *db, uint64_t index, uint64_t size,
                                 struct es_arena *arena, struct es_tile_store *ret_store)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    struct es_tile wanted[ES_TILE_INCLUSION_MAX];
    int16_t levels[ES_TILE_INCLUSION_MAX];
    int64_t indexes[ES_TILE_INCLUSION_MAX];
    size_t count = es_tile_inclusion_tiles(index, size, wanted);
    for (size_t i = 0; i < count; i++) {
        levels[i] = (int16_t)wanted[i].level;
        indexes[i] = (int64_t)wanted[i].index;
    }
    enum es_db_result result = es_db_run(db, &receipts_tiles_statement, &rows,
                                         &(struct es_db_array){.items = levels, .count = count},
                                         &(struct es_db_array){.items = indexes, .count = count});
    if (result == ES_DB_OK) {
        *ret_store = es_tile_set_store(keep_tiles(rows, arena));
    }
    return result;
}

/* From the block backwards by its parent's hash (bytes 5..36 of a header), so that only headers of
 * that block's own chain are taken, whatever else shares their height. At most RECEIPT_HEADERS_MAX:
 * the limit stands before the walk, or one request could walk the whole chain. */
const struct es_db_statement receipts_headers_statement = {
    .name = "receipts_headers",
    .params = "ixi",
    .sql = "WITH RECURSIVE chain AS ("
           " SELECT height, header FROM anchor.headers WHERE block_hash = $2"
           "  AND height >= $1 AND height - $1 < $3"
           " UNION ALL"
           " SELECT h.height, h.header FROM chain c JOIN anchor.headers h"
           "  ON h.block_hash = substring(c.header FROM 5 FOR 32)"
           " WHERE c.height > $1 AND h.height = c.height - 1"
           ") SELECT height, header FROM chain ORDER BY height",
};

enum es_db_result receipts_headers(struct es_db *db, int64_t from, const unsigned char *block_hash,
                                   struct es_arena *arena, const unsigned char **ret_headers,
                                   size_t *ret_count)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_run(db, &receipts_headers_statement, &rows, from, block_hash,
                                         (size_t)32, (int64_t)RECEIPT_HEADERS_MAX);
    if (result != ES_DB_OK) {
        return result;
    }
    size_t count = es_db_row_count(rows);
    *ret_count = 0;
    if (count == 0 || es_db_i64(rows, 0, "height") != from) {
        return ES_DB_OK; /* the chain we hold does not reach back that far */
    }
    unsigned char *headers = es_arena_alloc(arena, count * ES_RECEIPT_HEADER_SIZE);
    for (size_t i = 0; i < count; i++) {
        size_t length = 0;
        const void *header = es_db_bytea(rows, i, "header", &length);
        memcpy(headers + i * ES_RECEIPT_HEADER_SIZE, header, ES_RECEIPT_HEADER_SIZE);
    }
    *ret_headers = headers;
    *ret_count = count;
    return ES_DB_OK;
}
