/* What the audit relies on: append-only tables are locked, and signals have a place. */
#include "worker-ledger/auditor/internal.h"

/* Both triggers of every append-only table, enabled ALWAYS. Partitions have the row trigger of
 * their table and a statement trigger of their own. */
const struct es_db_statement es_audit_triggers_statement = {
    .name = "audit_triggers",
    .params = "",
    .sql = "WITH locked (oid) AS ("
           "  SELECT unnest(ARRAY['core.signals', 'core.audit_log', 'anchor.entries',"
           "   'anchor.checkpoints', 'anchor.transitions', 'anchor.rewarded', 'pay.transfers']"
           "   ::regclass[])"
           "  UNION ALL SELECT inhrelid::regclass FROM pg_inherits"
           "   WHERE inhparent = 'core.signals'::regclass)"
           " SELECT l.oid::bigint AS subject, format('%s, trigger %s', l.oid, w.name) AS what,"
           "  'enabled always' AS expected, CASE t.tgenabled WHEN 'D' THEN 'disabled'"
           "   WHEN 'O' THEN 'enabled for some' WHEN 'R' THEN 'enabled for replicas'"
           "   WHEN 'A' THEN 'another function' ELSE 'none' END AS found"
           " FROM locked l CROSS JOIN (VALUES ('append_only_row'), ('append_only_table')) w (name)"
           " LEFT JOIN pg_trigger t ON t.tgrelid = l.oid AND t.tgname = w.name"
           " WHERE t.tgenabled IS DISTINCT FROM 'A'"
           "  OR t.tgfoid <> 'bus.refuse_change'::regproc ORDER BY 2",
};

const struct es_db_statement es_audit_months_statement = {
    .name = "audit_months",
    .params = "",
    .sql = "SELECT 0::bigint AS subject, to_char(month, '\"signals of \"YYYY-MM') AS what,"
           "  'a partition' AS expected, 'none' AS found"
           " FROM (SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + n * interval '1 month'"
           "  AS month FROM generate_series(0, 1) n) m"
           " WHERE NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
           "  WHERE i.inhparent = 'core.signals'::regclass"
           "   AND c.relname = to_char(month, '\"signals_\"YYYY_MM'))",
};

enum es_db_result es_audit_schema(struct es_audit *audit)
{
    static const struct {
        enum es_audit_check check;
        const struct es_db_statement *statement;
    } rules[] = {
        {ES_AUDIT_APPEND_ONLY, &es_audit_triggers_statement},
        {ES_AUDIT_PARTITIONS, &es_audit_months_statement},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(rules); i++) {
        ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
        enum es_db_result result = es_db_run(audit->db, rules[i].statement, &rows);
        if (result != ES_DB_OK) {
            return result;
        }
        for (size_t row = 0; row < es_db_row_count(rows); row++) {
            es_audit_find(audit, rules[i].check, es_db_text(rows, row, "expected"),
                          es_db_text(rows, row, "found"), "%s", es_db_text(rows, row, "what"));
        }
    }
    return ES_DB_OK;
}
