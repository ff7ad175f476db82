#include "worker-ledger/db/log.h"

#include <string.h>

const struct es_db_statement es_log_create_statement = {
    .name = "log_create",
    .params = "t",
    .sql = "INSERT INTO anchor.log (log_id, origin) VALUES (1, $1) ON CONFLICT (log_id) DO NOTHING",
};

const struct es_db_statement es_log_origin_statement = {
    .name = "log_origin",
    .params = "t",
    .sql = "SELECT origin = $1 AS same FROM anchor.log WHERE log_id = 1",
};

/* Identities follow time closely enough that the oldest leaf is among the first ones. */
const struct es_db_statement es_log_waiting_statement = {
    .name = "log_waiting",
    .params = "i",
    .sql = "SELECT count(w.waiting_since) AS leaves,"
           "  coalesce(extract(epoch FROM clock_timestamp() - min(w.waiting_since)) * 1000, 0)"
           "   ::bigint AS oldest_ms,"
           "  (extract(epoch FROM clock_timestamp() - min(l.sealed_at)) * 1000)::bigint"
           "   AS since_sealed_ms"
           " FROM anchor.log l LEFT JOIN LATERAL"
           "  (SELECT waiting_since FROM anchor.leaves ORDER BY leaf_id LIMIT $1) w ON true"
           " WHERE l.log_id = 1",
};

const struct es_db_statement es_log_lock_statement = {
    .name = "log_lock",
    .params = "",
    .sql = "SELECT size FROM anchor.log WHERE log_id = 1 FOR NO KEY UPDATE",
};

/* One statement: nothing is in both tables or in neither for anybody else. The last leaf to take is
 * found first, so that the deletion is a plain range of the primary key. */
const struct es_db_statement es_log_take_statement = {
    .name = "log_take",
    .params = "ii",
    .sql = "WITH taken AS ("
           "  DELETE FROM anchor.leaves WHERE leaf_id <= (SELECT max(head.leaf_id) FROM"
           "    (SELECT leaf_id FROM anchor.leaves ORDER BY leaf_id LIMIT $2) head)"
           "  RETURNING leaf_id, hash, reward_account, source"
           " ), sealed AS ("
           "  INSERT INTO anchor.entries (leaf_index, leaf_id, hash, reward_account, source)"
           "  SELECT $1 + row_number() OVER (ORDER BY leaf_id) - 1, leaf_id, hash, reward_account,"
           "   source"
           "  FROM taken RETURNING leaf_index, hash)"
           " SELECT coalesce(string_agg(hash, ''::bytea ORDER BY leaf_index), '') AS hashes"
           " FROM sealed",
};

const struct es_db_statement es_log_drop_repeated_statement = {
    .name = "log_drop_repeated",
    .params = "i",
    .sql = "DELETE FROM anchor.leaves WHERE leaf_id = ANY (ARRAY("
           "  SELECT l.leaf_id FROM anchor.leaves l JOIN anchor.entries e USING (leaf_id)"
           "  ORDER BY l.leaf_id LIMIT $1)) RETURNING leaf_id, hash",
};

enum es_db_result es_log_drop_repeated(struct es_db *db, struct es_arena *arena, int64_t limit,
                                       struct es_repeated_leaf **ret_leaves, size_t *ret_count)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_run(db, &es_log_drop_repeated_statement, &rows, limit);
    if (result != ES_DB_OK) {
        return result;
    }
    size_t count = es_db_row_count(rows);
    struct es_repeated_leaf *leaves = es_arena_alloc(arena, count * sizeof(*leaves));
    for (size_t i = 0; i < count; i++) {
        size_t length = 0;
        const void *hash = es_db_bytea(rows, i, "hash", &length); /* a CHECK holds it to 32 */
        leaves[i] = (struct es_repeated_leaf){.id = es_db_i64(rows, i, "leaf_id"),
                                              .hash = es_hash_from_bytes(hash)};
    }
    *ret_leaves = leaves;
    *ret_count = count;
    return ES_DB_OK;
}

const struct es_db_statement es_log_tiles_statement = {
    .name = "log_tiles",
    .params = "SI",
    .sql =
        "SELECT t.level, t.tile_index, t.hashes FROM unnest($1, $2) AS wanted (level, tile_index)"
        " JOIN anchor.tiles t USING (level, tile_index)",
};

const struct es_db_statement es_log_put_tiles_statement = {
    .name = "log_put_tiles",
    .params = "SIX",
    .sql = "INSERT INTO anchor.tiles (level, tile_index, hashes) SELECT * FROM unnest($1, $2, $3)"
           " ON CONFLICT (level, tile_index) DO UPDATE SET hashes = excluded.hashes"
           " WHERE octet_length(tiles.hashes) < octet_length(excluded.hashes)",
};

const struct es_db_statement es_log_add_checkpoint_statement = {
    .name = "log_add_checkpoint",
    .params = "iixt",
    .sql = "WITH made AS ("
           "  INSERT INTO anchor.checkpoints (first_index, size, root, note)"
           "  VALUES ($1, $2, $3, $4) RETURNING checkpoint_id, sealed_at"
           " ), listed AS ("
           "  INSERT INTO anchor.unanchored (checkpoint_id) SELECT checkpoint_id FROM made"
           " ), grown AS ("
           "  UPDATE anchor.log SET size = $2, sealed_at = made.sealed_at FROM made"
           "  WHERE log_id = 1 AND size = $1 RETURNING size)"
           " SELECT made.checkpoint_id FROM made, grown",
};

const struct es_db_statement es_log_root_statement = {
    .name = "log_root",
    .params = "i",
    .sql = "SELECT root FROM anchor.checkpoints WHERE size = $1",
};

enum es_db_result es_log_root(struct es_db *db, int64_t size, struct es_hash *ret_root)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &es_log_root_statement, &rows, size);
    if (result == ES_DB_OK) {
        size_t length = 0;
        const void *root = es_db_bytea(rows, 0, "root", &length);
        memcpy(ret_root->bytes, root, sizeof(ret_root->bytes)); /* a CHECK holds it to 32 */
    }
    return result;
}

const struct es_db_statement es_log_last_note_statement = {
    .name = "log_last_note",
    .params = "",
    .sql = "SELECT note FROM anchor.checkpoints ORDER BY size DESC LIMIT 1",
};

enum es_db_result es_log_last_note(struct es_db *db, struct es_arena *arena, const char **ret_note)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &es_log_last_note_statement, &rows);
    if (result == ES_DB_OK) {
        *ret_note = es_arena_strdup(arena, es_db_text(rows, 0, "note"));
    }
    return result;
}

const struct es_db_statement es_log_checkpoints_after_statement = {
    .name = "log_checkpoints_after",
    .params = "ii",
    .sql = "SELECT size, note FROM anchor.checkpoints WHERE size > $1 ORDER BY size LIMIT $2",
};

enum es_db_result es_log_create(struct es_db *db, const char *origin, bool *ret_same)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_run(db, &es_log_create_statement, NULL, origin);
    if (result == ES_DB_OK) {
        result = es_db_one(db, &es_log_origin_statement, &rows, origin);
    }
    if (result == ES_DB_OK) {
        *ret_same = es_db_bool(rows, 0, "same");
    }
    return result;
}

enum es_db_result es_log_waiting(struct es_db *db, int64_t limit,
                                 struct es_log_waiting *ret_waiting)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &es_log_waiting_statement, &rows, limit);
    if (result == ES_DB_OK) {
        *ret_waiting = (struct es_log_waiting){
            .leaves = es_db_i64(rows, 0, "leaves"),
            .oldest_ms = es_db_i64(rows, 0, "oldest_ms"),
            .since_sealed_ms = es_db_i64(rows, 0, "since_sealed_ms"),
        };
    }
    return result;
}

enum es_db_result es_log_lock(struct es_db *db, int64_t *ret_size)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &es_log_lock_statement, &rows);
    if (result == ES_DB_OK) {
        *ret_size = es_db_i64(rows, 0, "size");
    }
    return result;
}

/* LENGTH bytes as hashes in ARENA. */
static const struct es_hash *keep_hashes(struct es_arena *arena, const void *bytes, size_t length)
{
    struct es_hash *hashes = es_arena_alloc(arena, length);
    memcpy(hashes, bytes, length);
    return hashes;
}

enum es_db_result es_log_take(struct es_db *db, struct es_arena *arena, int64_t size, int64_t limit,
                              const struct es_hash **ret_hashes, size_t *ret_count)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &es_log_take_statement, &rows, size, limit);
    if (result == ES_DB_OK) {
        size_t length = 0;
        const void *bytes = es_db_bytea(rows, 0, "hashes", &length);
        *ret_hashes = keep_hashes(arena, bytes, length);
        *ret_count = length / ES_HASH_SIZE;
    }
    return result;
}

static struct es_held_tile read_tile(const struct es_db_rows *rows, size_t row,
                                     struct es_arena *arena)
{
    size_t length = 0;
    const void *bytes = es_db_bytea(rows, row, "hashes", &length);
    return (struct es_held_tile){
        .tile = {.level = (unsigned)es_db_i64(rows, row, "level"),
                 .index = (uint64_t)es_db_i64(rows, row, "tile_index"),
                 .width = length / ES_HASH_SIZE},
        .hashes = keep_hashes(arena, bytes, length),
    };
}

enum es_db_result es_log_read_tiles(struct es_db *db, struct es_arena *arena,
                                    const struct es_tile *tiles, size_t count,
                                    struct es_held_tile **ret_tiles, size_t *ret_count)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    int16_t *levels = es_arena_alloc(arena, count * sizeof(*levels));
    int64_t *indexes = es_arena_alloc(arena, count * sizeof(*indexes));
    for (size_t i = 0; i < count; i++) {
        levels[i] = (int16_t)tiles[i].level;
        indexes[i] = (int64_t)tiles[i].index;
    }
    enum es_db_result result = es_db_run(db, &es_log_tiles_statement, &rows,
                                         &(struct es_db_array){.items = levels, .count = count},
                                         &(struct es_db_array){.items = indexes, .count = count});
    if (result != ES_DB_OK) {
        return result;
    }
    size_t found = es_db_row_count(rows);
    struct es_held_tile *read = es_arena_alloc(arena, found * sizeof(*read));
    for (size_t i = 0; i < found; i++) {
        read[i] = read_tile(rows, i, arena);
    }
    *ret_tiles = read;
    *ret_count = found;
    return ES_DB_OK;
}

enum es_db_result es_log_put_tiles(struct es_db *db, const struct es_held_tile *tiles, size_t count)
{
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    int16_t *levels = es_arena_alloc(arena, count * sizeof(*levels));
    int64_t *indexes = es_arena_alloc(arena, count * sizeof(*indexes));
    struct es_db_bytes *hashes = es_arena_alloc(arena, count * sizeof(*hashes));
    for (size_t i = 0; i < count; i++) {
        levels[i] = (int16_t)tiles[i].tile.level;
        indexes[i] = (int64_t)tiles[i].tile.index;
        hashes[i] = (struct es_db_bytes){.bytes = tiles[i].hashes,
                                         .length = tiles[i].tile.width * ES_HASH_SIZE};
    }
    return es_db_run(db, &es_log_put_tiles_statement, NULL,
                     &(struct es_db_array){.items = levels, .count = count},
                     &(struct es_db_array){.items = indexes, .count = count},
                     &(struct es_db_array){.items = hashes, .count = count});
}

enum es_db_result es_log_add_checkpoint(struct es_db *db, int64_t first_index, int64_t size,
                                        const struct es_hash *root, const char *note,
                                        int64_t *ret_checkpoint_id)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &es_log_add_checkpoint_statement, &rows, first_index,
                                         size, root->bytes, (size_t)ES_HASH_SIZE, note);
    if (result == ES_DB_OK) {
        *ret_checkpoint_id = es_db_i64(rows, 0, "checkpoint_id");
    }
    return result;
}

enum es_db_result es_log_checkpoints_after(struct es_db *db, struct es_arena *arena, int64_t size,
                                           int64_t limit, struct es_log_checkpoint **ret_items,
                                           size_t *ret_count)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_run(db, &es_log_checkpoints_after_statement, &rows, size, limit);
    if (result != ES_DB_OK) {
        return result;
    }
    size_t count = es_db_row_count(rows);
    struct es_log_checkpoint *items = es_arena_alloc(arena, count * sizeof(*items));
    for (size_t i = 0; i < count; i++) {
        items[i] = (struct es_log_checkpoint){
            .size = es_db_i64(rows, i, "size"),
            .note = es_arena_strdup(arena, es_db_text(rows, i, "note")),
        };
    }
    *ret_items = items;
    *ret_count = count;
    return ES_DB_OK;
}
