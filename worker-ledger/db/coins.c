#include "worker-ledger/db/coins.h"

#include <string.h>

/* 'eldcoins' as a number: the advisory lock of the wallet. */
const struct es_db_statement es_coins_lock_statement = {
    .name = "coins_lock",
    .params = "",
    .sql = "SELECT pg_advisory_xact_lock(7308326673549192819) IS NULL AS locked",
};

/* In a block, as far as we know: what a given-up transaction made is usable again only when the
 * reader has found it in one. */
#define SETTLED "coalesce(t.state NOT IN ('signed', 'sent', 'seen'), true) AS settled"

#define FREE_COINS                                                                                 \
    "SELECT c.coin_id, c.txid, c.vout, c.satoshis, coalesce(c.made_by, 0) AS made_by,"             \
    "  " SETTLED                                                                                   \
    " FROM anchor.coins c LEFT JOIN anchor.transactions t ON t.transaction_id = c.made_by"         \
    " WHERE c.spent_by IS NULL AND c.usable"                                                       \
    "  AND coalesce(t.state <> 'signed', true)"

const struct es_db_statement es_coins_free_statement = {
    .name = "coins_free",
    .params = "ii",
    .sql = FREE_COINS " AND c.satoshis >= $1 ORDER BY c.satoshis, settled DESC, c.coin_id LIMIT $2",
};

const struct es_db_statement es_coins_largest_statement = {
    .name = "coins_largest",
    .params = "i",
    .sql = FREE_COINS " ORDER BY c.satoshis DESC, settled DESC, c.coin_id LIMIT $1",
};

const struct es_db_statement es_coins_depth_statement = {
    .name = "coins_depth",
    .params = "ii",
    .sql = "WITH RECURSIVE up AS ("
           "  SELECT t.transaction_id, 1 AS depth FROM anchor.transactions t"
           "   WHERE t.transaction_id = $1 AND t.state IN ('signed', 'sent', 'seen')"
           "  UNION"
           "  SELECT t.transaction_id, up.depth + 1 FROM up"
           "   JOIN anchor.coins c ON c.spent_by = up.transaction_id"
           "   JOIN anchor.transactions t ON t.transaction_id = c.made_by"
           "   WHERE t.state IN ('signed', 'sent', 'seen') AND up.depth <= $2)"
           " SELECT coalesce(max(depth), 0)::bigint AS depth FROM up",
};

const struct es_db_statement es_coins_reserve_statement = {
    .name = "coins_reserve",
    .params = "iI",
    .sql = "WITH reserved AS (UPDATE anchor.coins SET spent_by = $1"
           "  WHERE coin_id = ANY ($2) AND spent_by IS NULL AND usable RETURNING coin_id)"
           " SELECT count(*) AS reserved FROM reserved",
};

const struct es_db_statement es_coins_add_change_statement = {
    .name = "coins_add_change",
    .params = "iXII",
    .sql =
        "INSERT INTO anchor.coins (txid, vout, satoshis, made_by)"
        " SELECT txid, vout, satoshis, $1 FROM unnest($2, $3, $4) AS change (txid, vout, satoshis)",
};

const struct es_db_statement es_coins_learn_statement = {
    .name = "coins_learn",
    .params = "XII",
    .sql = "WITH learnt AS (INSERT INTO anchor.coins (txid, vout, satoshis)"
           "  SELECT txid, vout, satoshis FROM unnest($1, $2, $3) AS found (txid, vout, satoshis)"
           "  WHERE NOT EXISTS (SELECT FROM anchor.transactions t WHERE t.txid = found.txid)"
           "  ON CONFLICT (txid, vout) DO NOTHING RETURNING coin_id)"
           " SELECT count(*) AS learnt FROM learnt",
};

const struct es_db_statement es_coins_trust_again_statement = {
    .name = "coins_trust_again",
    .params = "XI",
    .sql = "WITH trusted AS (UPDATE anchor.coins c SET usable = true"
           "  FROM unnest($1, $2) AS found (txid, vout)"
           "  WHERE c.txid = found.txid AND c.vout = found.vout AND NOT c.usable"
           "   AND c.spent_by IS NULL RETURNING c.coin_id)"
           " SELECT count(*) AS trusted FROM trusted",
};

const struct es_db_statement es_coins_spent_by_statement = {
    .name = "coins_spent_by",
    .params = "i",
    .sql = "SELECT c.coin_id, c.txid, c.vout, c.made_by IS NOT NULL AS made_by_us,"
           "  " SETTLED
           " FROM anchor.coins c LEFT JOIN anchor.transactions t ON t.transaction_id = c.made_by"
           " WHERE c.spent_by = $1 ORDER BY c.coin_id",
};

/* What rests in transactions that are only signed is ours as well, but cannot be spent yet. */
const struct es_db_statement es_coins_totals_statement = {
    .name = "coins_totals",
    .params = "i",
    .sql = "SELECT count(*) FILTER (WHERE free.satoshis >= $1) AS ready,"
           "  coalesce(max(free.satoshis), 0) AS largest,"
           "  coalesce(sum(free.satoshis) FILTER (WHERE free.satoshis >= $1), 0)::bigint"
           "   AS free_satoshis,"
           "  (SELECT count(*) FROM anchor.transactions WHERE kind = 'split'"
           "    AND state IN ('signed', 'sent', 'seen') AND next_at IS NOT NULL)"
           "   AS unsettled_splits"
           " FROM (SELECT satoshis FROM anchor.coins WHERE spent_by IS NULL AND usable) free",
};

enum es_db_result es_coins_lock(struct es_db *db)
{
    return es_db_one(db, &es_coins_lock_statement, NULL);
}

static struct es_outpoint read_outpoint(const struct es_db_rows *rows, size_t row)
{
    size_t length = 0;
    const void *txid = es_db_bytea(rows, row, "txid", &length); /* the schema checks the length */
    return (struct es_outpoint){.txid = es_hash_from_bytes(txid),
                                .vout = (uint32_t)es_db_i64(rows, row, "vout")};
}

static void read_coins(const struct es_db_rows *rows, struct es_arena *arena,
                       struct es_coin_row **ret_coins, size_t *ret_count)
{
    size_t count = es_db_row_count(rows);
    struct es_coin_row *coins = es_arena_alloc(arena, count * sizeof(*coins));
    for (size_t i = 0; i < count; i++) {
        coins[i] = (struct es_coin_row){
            .id = es_db_i64(rows, i, "coin_id"),
            .coin = {.outpoint = read_outpoint(rows, i),
                     .satoshis = (uint64_t)es_db_i64(rows, i, "satoshis")},
            .made_by = es_db_i64(rows, i, "made_by"),
            .settled = es_db_bool(rows, i, "settled"),
        };
    }
    *ret_coins = coins;
    *ret_count = count;
}

enum es_db_result es_coins_free(struct es_db *db, struct es_arena *arena, int64_t least,
                                int64_t limit, struct es_coin_row **ret_coins, size_t *ret_count)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_run(db, &es_coins_free_statement, &rows, least, limit);
    if (result == ES_DB_OK) {
        read_coins(rows, arena, ret_coins, ret_count);
    }
    return result;
}

enum es_db_result es_coins_largest(struct es_db *db, struct es_arena *arena, int64_t limit,
                                   struct es_coin_row **ret_coins, size_t *ret_count)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_run(db, &es_coins_largest_statement, &rows, limit);
    if (result == ES_DB_OK) {
        read_coins(rows, arena, ret_coins, ret_count);
    }
    return result;
}

enum es_db_result es_coins_depth(struct es_db *db, const struct es_coin_row *coin, int64_t limit,
                                 int64_t *ret_depth)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    if (coin->settled) {
        *ret_depth = 0;
        return ES_DB_OK;
    }
    enum es_db_result result =
        es_db_one(db, &es_coins_depth_statement, &rows, coin->made_by, limit);
    if (result == ES_DB_OK) {
        *ret_depth = es_db_i64(rows, 0, "depth");
    }
    return result;
}

enum es_db_result es_coins_reserve(struct es_db *db, int64_t transaction_id,
                                   const struct es_coin_row *coins, size_t count)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    int64_t *ids = es_arena_alloc(arena, count * sizeof(*ids));
    for (size_t i = 0; i < count; i++) {
        ids[i] = coins[i].id;
    }
    enum es_db_result result = es_db_one(db, &es_coins_reserve_statement, &rows, transaction_id,
                                         &(struct es_db_array){.items = ids, .count = count});
    if (result == ES_DB_OK && es_db_i64(rows, 0, "reserved") != (int64_t)count) {
        return ES_DB_NO_ROW;
    }
    return result;
}

/* COINS as three arrays of columns. */
struct coin_columns {
    struct es_db_array txids;
    struct es_db_array vouts;
    struct es_db_array satoshis;
};

static struct coin_columns columns_of(struct es_arena *arena, const struct es_coin *coins,
                                      size_t count)
{
    struct es_db_bytes *txids = es_arena_alloc(arena, count * sizeof(*txids));
    int64_t *vouts = es_arena_alloc(arena, count * sizeof(*vouts));
    int64_t *satoshis = es_arena_alloc(arena, count * sizeof(*satoshis));
    for (size_t i = 0; i < count; i++) {
        txids[i] =
            (struct es_db_bytes){.bytes = coins[i].outpoint.txid.bytes, .length = ES_HASH_SIZE};
        vouts[i] = coins[i].outpoint.vout;
        satoshis[i] = (int64_t)coins[i].satoshis;
    }
    return (struct coin_columns){
        .txids = {.items = txids, .count = count},
        .vouts = {.items = vouts, .count = count},
        .satoshis = {.items = satoshis, .count = count},
    };
}

enum es_db_result es_coins_add_change(struct es_db *db, int64_t transaction_id,
                                      const struct es_coin *coins, size_t count)
{
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct coin_columns columns = columns_of(arena, coins, count);
    return es_db_run(db, &es_coins_add_change_statement, NULL, transaction_id, &columns.txids,
                     &columns.vouts, &columns.satoshis);
}

enum es_db_result es_coins_learn(struct es_db *db, const struct es_coin *coins, size_t count,
                                 int64_t *ret_new)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct coin_columns columns = columns_of(arena, coins, count);
    enum es_db_result result = es_db_one(db, &es_coins_learn_statement, &rows, &columns.txids,
                                         &columns.vouts, &columns.satoshis);
    if (result == ES_DB_OK) {
        *ret_new = es_db_i64(rows, 0, "learnt");
    }
    return result;
}

enum es_db_result es_coins_trust_again(struct es_db *db, const struct es_coin *coins, size_t count,
                                       int64_t *ret_count)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct coin_columns columns = columns_of(arena, coins, count);
    enum es_db_result result =
        es_db_one(db, &es_coins_trust_again_statement, &rows, &columns.txids, &columns.vouts);
    if (result == ES_DB_OK) {
        *ret_count = es_db_i64(rows, 0, "trusted");
    }
    return result;
}

enum es_db_result es_coins_spent_by(struct es_db *db, struct es_arena *arena,
                                    int64_t transaction_id, struct es_spent_coin **ret_coins,
                                    size_t *ret_count)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_run(db, &es_coins_spent_by_statement, &rows, transaction_id);
    if (result != ES_DB_OK) {
        return result;
    }
    size_t count = es_db_row_count(rows);
    struct es_spent_coin *coins = es_arena_alloc(arena, count * sizeof(*coins));
    for (size_t i = 0; i < count; i++) {
        coins[i] = (struct es_spent_coin){
            .id = es_db_i64(rows, i, "coin_id"),
            .outpoint = read_outpoint(rows, i),
            .made_by_us = es_db_bool(rows, i, "made_by_us"),
            .settled = es_db_bool(rows, i, "settled"),
        };
    }
    *ret_coins = coins;
    *ret_count = count;
    return ES_DB_OK;
}

enum es_db_result es_coins_totals(struct es_db *db, int64_t least,
                                  struct es_coin_totals *ret_totals)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &es_coins_totals_statement, &rows, least);
    if (result == ES_DB_OK) {
        *ret_totals = (struct es_coin_totals){
            .ready = es_db_i64(rows, 0, "ready"),
            .largest = es_db_i64(rows, 0, "largest"),
            .free_satoshis = es_db_i64(rows, 0, "free_satoshis"),
            .unsettled_splits = es_db_i64(rows, 0, "unsettled_splits"),
        };
    }
    return result;
}
