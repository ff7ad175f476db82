#include "worker-ledger/db/headers.h"

#include "common/base/arena.h"
#include "worker-ledger/chain/header.h"

#include <string.h>

/* 'eldheads' as a number: one process at a time moves the tip. */
const struct es_db_statement es_headers_lock_statement = {
    .name = "headers_lock",
    .params = "",
    .sql = "SELECT pg_advisory_xact_lock(7308326694855730291) IS NULL AS locked",
};

const struct es_db_statement es_headers_range_statement = {
    .name = "headers_range",
    .params = "",
    .sql = "SELECT low.height AS lowest_height, low.header AS lowest_header,"
           "  tip.height AS tip_height, tip.block_hash AS tip_hash,"
           "  coalesce((SELECT min(block_height) FROM anchor.transactions"
           "   WHERE state = 'mined' AND next_at IS NOT NULL), -1) AS needed_height"
           " FROM (SELECT) AS one"
           " LEFT JOIN LATERAL (SELECT height, header FROM anchor.headers WHERE best"
           "  ORDER BY height LIMIT 1) low ON true"
           " LEFT JOIN LATERAL (SELECT height, block_hash FROM anchor.headers WHERE best"
           "  ORDER BY height DESC LIMIT 1) tip ON true",
};

const struct es_db_statement es_headers_at_statement = {
    .name = "headers_at",
    .params = "i",
    .sql = "SELECT block_hash, header FROM anchor.headers WHERE best AND height = $1",
};

const struct es_db_statement es_headers_leave_statement = {
    .name = "headers_leave",
    .params = "i",
    .sql = "WITH gone AS (UPDATE anchor.headers SET best = false WHERE best AND height > $1"
           "  RETURNING height) SELECT count(*) AS gone FROM gone",
};

const struct es_db_statement es_headers_put_statement = {
    .name = "headers_put",
    .params = "XIX",
    .sql = "INSERT INTO anchor.headers (block_hash, height, header, best)"
           " SELECT block_hash, height, header, true FROM unnest($1, $2, $3)"
           "  AS added (block_hash, height, header)"
           " ON CONFLICT (block_hash) DO UPDATE SET best = true",
};

const struct es_db_statement es_headers_place_statement = {
    .name = "headers_place",
    .params = "ix",
    .sql = "SELECT h.block_hash IS NOT NULL AS held, coalesce(h.block_hash = $2, false) AS same,"
           "  coalesce((SELECT max(height) FROM anchor.headers WHERE best), 0) - $1 + 1"
           "   AS confirmations"
           " FROM (SELECT) AS one LEFT JOIN anchor.headers h ON h.best AND h.height = $1",
};

/* Only blocks that were taken off the best chain can contradict, and there are few of those. */
const struct es_db_statement es_headers_contradicted_statement = {
    .name = "headers_contradicted",
    .params = "",
    .sql = "SELECT count(*) AS contradicted FROM anchor.headers h JOIN anchor.transactions t"
           "  ON t.block_height = h.height AND t.block_hash = h.block_hash"
           " WHERE NOT h.best AND t.state = 'final'",
};

static struct es_hash hash_column(const struct es_db_rows *rows, const char *column)
{
    size_t length = 0;
    return es_hash_from_bytes(es_db_bytea(rows, 0, column, &length)); /* 32 by the schema */
}

enum es_db_result es_headers_range(struct es_db *db, struct es_header_range *ret_range)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    size_t length = 0;
    enum es_db_result result = es_db_one(db, &es_headers_range_statement, &rows);
    if (result != ES_DB_OK) {
        return result;
    }
    struct es_header_range range = {.needed_height = es_db_i64(rows, 0, "needed_height")};
    range.held = !es_db_is_null(rows, 0, "tip_height");
    if (range.held) {
        struct es_header lowest =
            es_header_parse(es_db_bytea(rows, 0, "lowest_header", &length)); /* 80 by the schema */
        range.lowest_height = es_db_i64(rows, 0, "lowest_height");
        range.lowest_previous = lowest.previous;
        range.tip.height = es_db_i64(rows, 0, "tip_height");
        range.tip.hash = hash_column(rows, "tip_hash");
    }
    *ret_range = range;
    return ES_DB_OK;
}

enum es_db_result es_headers_at(struct es_db *db, int64_t height,
                                struct es_block_header *ret_header)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &es_headers_at_statement, &rows, height);
    if (result == ES_DB_OK) {
        size_t length = 0;
        const void *raw = es_db_bytea(rows, 0, "header", &length); /* 80 by the schema */
        memcpy(ret_header->raw, raw, sizeof(ret_header->raw));
        ret_header->hash = hash_column(rows, "block_hash");
        ret_header->height = height;
    }
    return result;
}

struct extension {
    const struct es_tip *expected;
    int64_t fork_height;
    const struct es_block_header *headers;
    size_t count;
    int64_t left;
};

static enum es_db_result put(struct es_db *db, const struct es_block_header *headers, size_t count)
{
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct es_db_bytes *hashes = es_arena_alloc(arena, count * sizeof(*hashes));
    struct es_db_bytes *raws = es_arena_alloc(arena, count * sizeof(*raws));
    int64_t *heights = es_arena_alloc(arena, count * sizeof(*heights));
    for (size_t i = 0; i < count; i++) {
        hashes[i] = (struct es_db_bytes){.bytes = headers[i].hash.bytes, .length = ES_HASH_SIZE};
        raws[i] = (struct es_db_bytes){.bytes = headers[i].raw, .length = ES_HEADER_SIZE};
        heights[i] = headers[i].height;
    }
    return es_db_run(db, &es_headers_put_statement, NULL,
                     &(struct es_db_array){.items = hashes, .count = count},
                     &(struct es_db_array){.items = heights, .count = count},
                     &(struct es_db_array){.items = raws, .count = count});
}

static bool is_expected(const struct es_tip *expected, const struct es_header_range *range)
{
    if (expected == NULL) {
        return !range->held;
    }
    return range->held && es_hash_equal(&expected->hash, &range->tip.hash);
}

static enum es_db_result extend_body(struct es_db *db, void *context)
{
    struct extension *extension = context;
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    struct es_header_range range;
    enum es_db_result result = es_db_one(db, &es_headers_lock_statement, NULL);
    if (result == ES_DB_OK) {
        result = es_headers_range(db, &range);
    }
    if (result == ES_DB_OK && !is_expected(extension->expected, &range)) {
        return ES_DB_NO_ROW;
    }
    if (result == ES_DB_OK) {
        result = es_db_one(db, &es_headers_leave_statement, &rows, extension->fork_height);
    }
    if (result == ES_DB_OK) {
        extension->left = es_db_i64(rows, 0, "gone");
        result = put(db, extension->headers, extension->count);
    }
    return result;
}

enum es_db_result es_headers_extend(struct es_db *db, const struct es_tip *expected,
                                    int64_t fork_height, const struct es_block_header *headers,
                                    size_t count, int64_t *ret_left)
{
    struct extension extension = {
        .expected = expected, .fork_height = fork_height, .headers = headers, .count = count};
    enum es_db_result result = es_db_transaction(db, "headers", extend_body, &extension);
    if (result == ES_DB_OK) {
        *ret_left = extension.left;
    }
    return result;
}

enum es_db_result es_headers_prepend(struct es_db *db, const struct es_block_header *header)
{
    return put(db, header, 1);
}

enum es_db_result es_headers_place(struct es_db *db, int64_t height, const struct es_hash *hash,
                                   enum es_block_place *ret_place, int64_t *ret_confirmations)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &es_headers_place_statement, &rows, height,
                                         hash->bytes, (size_t)ES_HASH_SIZE);
    if (result != ES_DB_OK) {
        return result;
    }
    bool same = es_db_bool(rows, 0, "same");
    bool held = es_db_bool(rows, 0, "held");
    *ret_place = same ? ES_BLOCK_ON_BEST : held ? ES_BLOCK_OFF_BEST : ES_BLOCK_NOT_HELD;
    *ret_confirmations = same ? es_db_i64(rows, 0, "confirmations") : 0;
    return ES_DB_OK;
}

enum es_db_result es_headers_contradicted(struct es_db *db, int64_t *ret_count)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &es_headers_contradicted_statement, &rows);
    if (result == ES_DB_OK) {
        *ret_count = es_db_i64(rows, 0, "contradicted");
    }
    return result;
}
