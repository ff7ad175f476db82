/* The life of transactions and checkpoints: allowed steps only, and never without a next one. */
#include "worker-ledger/auditor/internal.h"

#define NOT_ENDED "state NOT IN ('final', 'rejected', 'stale')"

/* The first broken step of each transaction that changed since $1. The last row of the chain is the
 * transaction itself. */
const struct es_db_statement es_audit_transitions_statement = {
    .name = "audit_transitions",
    .params = "z",
    .sql =
        "WITH step AS ("
        "  SELECT t.transaction_id, x.transition_id, x.from_state, x.to_state,"
        "   lag(x.to_state, 1, 'new') OVER w AS before"
        "  FROM anchor.transactions t JOIN anchor.transitions x USING (transaction_id)"
        "  WHERE t.state_since >= $1 WINDOW w AS (PARTITION BY transaction_id"
        "   ORDER BY x.transition_id)"
        "  UNION ALL"
        "  SELECT t.transaction_id, NULL, t.state, NULL, coalesce((SELECT x.to_state"
        "    FROM anchor.transitions x WHERE x.transaction_id = t.transaction_id"
        "    ORDER BY x.transition_id DESC LIMIT 1), 'nothing')"
        "  FROM anchor.transactions t WHERE t.state_since >= $1)"
        " SELECT DISTINCT ON (transaction_id) transaction_id AS subject,"
        "  CASE WHEN transition_id IS NULL THEN format('state of transaction %s', transaction_id)"
        "   ELSE format('transition %s of transaction %s', transition_id, transaction_id) END"
        "   AS what,"
        "  CASE WHEN from_state <> before THEN 'from ' || before ELSE 'an allowed step' END"
        "   AS expected,"
        "  from_state || coalesce(' to ' || to_state, '') AS found"
        " FROM step WHERE from_state <> before OR (to_state IS NOT NULL AND"
        "  (from_state, to_state) NOT IN (('new', 'signed'), ('signed', 'sent'), ('sent', 'seen'),"
        "   ('seen', 'mined'), ('mined', 'seen'), ('mined', 'final'), ('signed', 'rejected'),"
        "   ('sent', 'rejected'), ('seen', 'rejected'), ('signed', 'stale'), ('sent', 'stale'),"
        "   ('seen', 'stale')))"
        " ORDER BY transaction_id, transition_id NULLS LAST LIMIT 1000",
};

/* A deadline further away than anything pauses is as good as none. */
#define LOOKED_AT_SOON "coalesce(next_at, 'infinity') <= now() + interval '1 day'"

const struct es_db_statement es_audit_deadlines_statement = {
    .name = "audit_deadlines",
    .params = "",
    .sql = "SELECT transaction_id AS subject, format('transaction %s, %s', transaction_id, state)"
           "   AS what, 'a next look within a day' AS expected,"
           "  coalesce(next_at::text, 'none') AS found"
           " FROM anchor.transactions WHERE " NOT_ENDED " AND NOT " LOOKED_AT_SOON " LIMIT 1000",
};

const struct es_db_statement es_audit_unanchored_statement = {
    .name = "audit_unanchored",
    .params = "",
    .sql = "SELECT c.checkpoint_id AS subject, format('checkpoint %s', c.checkpoint_id) AS what,"
           "  'either a live transaction or a place on the list of those that need one'"
           "   AS expected,"
           "  CASE WHEN u.checkpoint_id IS NULL THEN 'neither' ELSE 'both' END AS found"
           " FROM anchor.checkpoints c LEFT JOIN anchor.unanchored u USING (checkpoint_id)"
           " WHERE (u.checkpoint_id IS NULL) <> EXISTS (SELECT FROM anchor.transactions t"
           "  WHERE t.checkpoint_id = c.checkpoint_id AND t.state NOT IN ('rejected', 'stale'))"
           " LIMIT 1000",
};

enum es_db_result es_audit_states(struct es_audit *audit)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *steps = NULL;
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *deadlines = NULL;
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *checkpoints = NULL;
    enum es_db_result result =
        es_db_run(audit->db, &es_audit_transitions_statement, &steps, audit->since->changed_us);
    if (result == ES_DB_OK) {
        result = es_db_run(audit->db, &es_audit_deadlines_statement, &deadlines);
    }
    if (result == ES_DB_OK) {
        result = es_db_run(audit->db, &es_audit_unanchored_statement, &checkpoints);
    }
    if (result != ES_DB_OK) {
        return result;
    }
    es_audit_report_rows(audit, ES_AUDIT_STATE, ES_SUSPECT_TRANSACTION, steps);
    es_audit_report_rows(audit, ES_AUDIT_DEADLINE, ES_SUSPECT_TRANSACTION, deadlines);
    if (audit->report.findings[ES_AUDIT_STATE] == 0) { /* else it may follow from that */
        for (size_t i = 0; i < es_db_row_count(checkpoints); i++) {
            es_audit_find(audit, ES_AUDIT_DEADLINE, es_db_text(checkpoints, i, "expected"),
                          es_db_text(checkpoints, i, "found"), "%s",
                          es_db_text(checkpoints, i, "what"));
        }
    }
    return ES_DB_OK;
}
