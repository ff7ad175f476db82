#include "worker-ledger/db/gauges.h"

const struct es_db_statement es_gauges_states_statement = {
    .name = "gauges_states",
    .params = "",
    .sql = "SELECT state, count(*) AS transactions FROM anchor.transactions"
           " WHERE next_at IS NOT NULL GROUP BY state"
           " UNION ALL SELECT 'unanchored', count(*) FROM anchor.unanchored",
};

/* Checkpoints are numbered in the order of sealing. MATERIALIZED, so that the index of what is due
 * bounds the search: looking for the smallest number in the one of checkpoints would walk over all
 * that was ever anchored. */
const struct es_db_statement es_gauges_age_statement = {
    .name = "gauges_age",
    .params = "",
    .sql = "WITH unseen AS MATERIALIZED ("
           "  SELECT checkpoint_id FROM anchor.unanchored"
           "  UNION ALL SELECT checkpoint_id FROM anchor.transactions"
           "   WHERE next_at IS NOT NULL AND state IN ('signed', 'sent'))"
           " SELECT coalesce((extract(epoch FROM clock_timestamp() - c.sealed_at) * 1000)::bigint,"
           "  0) AS oldest_ms"
           " FROM (SELECT min(checkpoint_id) AS checkpoint_id FROM unseen) first"
           " LEFT JOIN anchor.checkpoints c USING (checkpoint_id)",
};

const struct es_db_statement es_gauges_failed_statement = {
    .name = "gauges_failed",
    .params = "tt",
    .sql = "INSERT INTO anchor.broadcast_failures AS f (provider, reason, count) VALUES ($1, $2, 1)"
           " ON CONFLICT (provider, reason) DO UPDATE"
           " SET count = f.count + 1, last_at = clock_timestamp()",
};

enum es_db_result es_gauges_read(struct es_db *db, struct es_gauges *ret_gauges)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    struct es_gauges gauges = {.unanchored = 0};
    enum es_db_result result = es_db_run(db, &es_gauges_states_statement, &rows);
    if (result != ES_DB_OK) {
        return result;
    }
    for (size_t i = 0; i < es_db_row_count(rows); i++) {
        enum es_tx_state state;
        int64_t count = es_db_i64(rows, i, "transactions");
        if (es_tx_state_parse(es_db_text(rows, i, "state"), &state)) {
            gauges.states[state] = count;
        } else {
            gauges.unanchored = count;
        }
    }
    *ret_gauges = gauges;
    return ES_DB_OK;
}

enum es_db_result es_gauges_age(struct es_db *db, int64_t *ret_oldest_ms)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &es_gauges_age_statement, &rows);
    if (result == ES_DB_OK) {
        *ret_oldest_ms = es_db_i64(rows, 0, "oldest_ms");
    }
    return result;
}

enum es_db_result es_gauges_count_failure(struct es_db *db, const char *provider,
                                          const char *reason)
{
    return es_db_run(db, &es_gauges_failed_statement, NULL, provider, reason);
}
