#include "worker-ledger/db/refusals.h"

#include "common/base/arena.h"
#include "common/base/backoff.h"
#include "worker-ledger/db/coins.h"
#include "worker-ledger/db/transactions.h"

/* $1, all that spends a coin made by it, all that spends a coin made by one of those, and so on.
 * Locked: another process may be about to find one of them in a block. */
const struct es_db_statement es_refusals_family_statement = {
    .name = "refusals_family",
    .params = "i",
    .sql = "WITH RECURSIVE family AS ("
           "  SELECT $1::bigint AS id"
           "  UNION"
           "  SELECT c.spent_by FROM family JOIN anchor.coins c ON c.made_by = family.id"
           "   WHERE c.spent_by IS NOT NULL)"
           " SELECT t.transaction_id, t.state IN ('mined', 'final') AS in_block"
           " FROM family JOIN anchor.transactions t ON t.transaction_id = family.id"
           " WHERE t.state NOT IN ('rejected', 'stale') FOR NO KEY UPDATE OF t",
};

const struct es_db_statement es_refusals_stale_statement = {
    .name = "refusals_stale",
    .params = "It",
    .sql = "WITH before AS (SELECT transaction_id, state FROM anchor.transactions"
           "  WHERE transaction_id = ANY ($1) FOR NO KEY UPDATE),"
           " moved AS (UPDATE anchor.transactions t SET state = 'stale', next_at = NULL,"
           "   state_since = clock_timestamp() FROM before"
           "  WHERE t.transaction_id = before.transaction_id"
           "   AND before.state IN ('signed', 'sent', 'seen')"
           "  RETURNING t.transaction_id, before.state)"
           " INSERT INTO anchor.transitions (transaction_id, from_state, to_state, reason)"
           " SELECT transaction_id, state, 'stale', $2 FROM moved",
};

/* $1: the family; $2: coins that somebody else has. */
const struct es_db_statement es_refusals_coins_statement = {
    .name = "refusals_coins",
    .params = "II",
    .sql = "UPDATE anchor.coins"
           " SET spent_by = CASE WHEN spent_by = ANY ($1) THEN NULL ELSE spent_by END,"
           "  usable = usable AND coalesce(made_by <> ALL ($1), true) AND coin_id <> ALL ($2)"
           " WHERE spent_by = ANY ($1) OR made_by = ANY ($1)",
};

const struct es_db_statement es_refusals_requeue_statement = {
    .name = "refusals_requeue",
    .params = "Ii",
    .sql = "INSERT INTO anchor.unanchored (checkpoint_id, next_at, failures)"
           " SELECT t.checkpoint_id, clock_timestamp() + $2 * interval '1 millisecond',"
           "  (SELECT count(*) FROM anchor.transactions o WHERE o.checkpoint_id = t.checkpoint_id)"
           " FROM anchor.transactions t"
           " WHERE t.transaction_id = ANY ($1) AND t.checkpoint_id IS NOT NULL",
};

const struct es_db_statement es_refusals_count_statement = {
    .name = "refusals_count",
    .params = "i",
    .sql = "SELECT count(*) AS attempts FROM anchor.transactions o"
           " WHERE o.checkpoint_id = (SELECT checkpoint_id FROM anchor.transactions"
           "  WHERE transaction_id = $1)",
};

/* Those since the last split that was not refused. They are few, and found by their lack of a
 * checkpoint; MATERIALIZED, so that nobody looks for them among all transactions backwards. */
const struct es_db_statement es_refusals_splits_statement = {
    .name = "refusals_splits",
    .params = "",
    .sql =
        "WITH splits AS MATERIALIZED (SELECT transaction_id, state, state_since"
        "  FROM anchor.transactions WHERE checkpoint_id IS NULL)"
        " SELECT count(*) AS refused,"
        "  coalesce((extract(epoch FROM clock_timestamp() - max(state_since)) * 1000)::bigint, 0)"
        "   AS ago_ms"
        " FROM splits WHERE state = 'rejected' AND transaction_id > coalesce((SELECT"
        "  max(transaction_id) FROM splits WHERE state NOT IN ('rejected', 'stale')), 0)",
};

struct context {
    const struct es_rejection *rejection;
    struct es_arena *arena;
};

/* The transaction itself and everything alive that spends from it. */
static enum es_db_result find_family(struct es_db *db, const struct context *context,
                                     struct es_db_array *ret_family)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_run(db, &es_refusals_family_statement, &rows, context->rejection->transaction_id);
    if (result != ES_DB_OK) {
        return result;
    }
    size_t count = es_db_row_count(rows);
    int64_t *ids = es_arena_alloc(context->arena, count * sizeof(*ids));
    for (size_t i = 0; i < count; i++) {
        if (es_db_bool(rows, i, "in_block")) {
            return ES_DB_CHECK;
        }
        ids[i] = es_db_i64(rows, i, "transaction_id");
    }
    *ret_family = (struct es_db_array){.items = ids, .count = count};
    return ES_DB_OK;
}

static enum es_db_result find_delay(struct es_db *db, const struct es_rejection *rejection,
                                    int64_t *ret_delay_ms)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_one(db, &es_refusals_count_statement, &rows, rejection->transaction_id);
    if (result != ES_DB_OK) {
        return result;
    }
    unsigned attempts = (unsigned)es_db_i64(rows, 0, "attempts");
    *ret_delay_ms =
        rejection->base_ms > 0 ? es_backoff_ms(rejection->base_ms, rejection->cap_ms, attempts) : 0;
    return ES_DB_OK;
}

static enum es_db_result reject_body(struct es_db *db, void *context_)
{
    const struct context *context = context_;
    const struct es_rejection *rejection = context->rejection;
    struct es_db_array bad = {.items = rejection->bad_coins, .count = rejection->bad_coin_count};
    struct es_db_array family = {0};
    int64_t delay_ms = 0;
    es_arena_reset(context->arena);
    enum es_db_result result = es_coins_lock(db);
    if (result == ES_DB_OK) {
        result = find_family(db, context, &family);
    }
    if (result == ES_DB_OK) {
        result = es_transactions_move(db, rejection->transaction_id, rejection->from,
                                      ES_TX_REJECTED, 0, rejection->reason);
    }
    if (result == ES_DB_OK) {
        result = es_db_run(db, &es_refusals_stale_statement, NULL, &family,
                           "a transaction it spends from was rejected");
    }
    if (result == ES_DB_OK) {
        result = es_db_run(db, &es_refusals_coins_statement, NULL, &family, &bad);
    }
    if (result == ES_DB_OK) {
        result = find_delay(db, rejection, &delay_ms);
    }
    if (result == ES_DB_OK) {
        result = es_db_run(db, &es_refusals_requeue_statement, NULL, &family, delay_ms);
    }
    return result;
}

enum es_db_result es_refusals_reject(struct es_db *db, const struct es_rejection *rejection)
{
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct context context = {.rejection = rejection, .arena = arena};
    return es_db_transaction(db, "reject", reject_body, &context);
}

enum es_db_result es_refusals_splits(struct es_db *db, int64_t *ret_refused, int64_t *ret_ago_ms)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &es_refusals_splits_statement, &rows);
    if (result == ES_DB_OK) {
        *ret_refused = es_db_i64(rows, 0, "refused");
        *ret_ago_ms = es_db_i64(rows, 0, "ago_ms");
    }
    return result;
}
