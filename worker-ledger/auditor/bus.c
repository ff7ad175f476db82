/* Events: what was taken in was there, what was given up is not wanted, what was asked for by mail
 * was taken in. The outbox and the inbox forget after 7 days, events first. */
#include "worker-ledger/auditor/internal.h"

#define RECENT "interval '6 days'"

const struct es_db_statement es_audit_inbox_statement = {
    .name = "audit_inbox",
    .params = "",
    .sql = "SELECT i.event_id AS subject, format('event %s in the inbox of %s', i.event_id,"
           "  i.consumer) AS what, 'an event of the outbox' AS expected, 'none' AS found"
           " FROM bus.inbox i WHERE i.taken_at > now() - " RECENT
           "  AND NOT EXISTS (SELECT FROM bus.outbox o WHERE o.event_id = i.event_id) LIMIT 1000",
};

const struct es_db_statement es_audit_failures_statement = {
    .name = "audit_failures",
    .params = "",
    .sql = "SELECT f.event_id AS subject, format('failed event %s of %s', f.event_id, f.consumer)"
           "   AS what,"
           "  CASE WHEN f.parked_at IS NULL THEN 'not in the inbox' ELSE 'in the inbox' END"
           "   AS expected,"
           "  CASE WHEN f.parked_at IS NULL THEN 'in the inbox' ELSE 'not in the inbox' END"
           "   AS found"
           " FROM bus.failures f LEFT JOIN bus.inbox i USING (consumer, event_id)"
           " WHERE (f.parked_at IS NULL) = (i.event_id IS NOT NULL) LIMIT 1000",
};

const struct es_db_statement es_audit_messages_statement = {
    .name = "audit_messages",
    .params = "",
    .sql = "SELECT m.event_id AS subject, format('message %s of event %s', m.message_id,"
           "  m.event_id) AS what, 'the event in an inbox' AS expected, 'not there' AS found"
           " FROM vault.messages m JOIN bus.outbox o USING (event_id)"
           " WHERE NOT EXISTS (SELECT FROM bus.inbox i WHERE i.event_id = m.event_id) LIMIT 1000",
};

enum es_db_result es_audit_bus(struct es_audit *audit)
{
    static const struct es_db_statement *const rules[] = {
        &es_audit_inbox_statement, &es_audit_failures_statement, &es_audit_messages_statement};
    for (size_t i = 0; i < ES_ARRAY_LEN(rules); i++) {
        ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
        enum es_db_result result = es_db_run(audit->db, rules[i], &rows);
        if (result != ES_DB_OK) {
            return result;
        }
        for (size_t row = 0; row < es_db_row_count(rows); row++) {
            es_audit_find(audit, ES_AUDIT_BUS, es_db_text(rows, row, "expected"),
                          es_db_text(rows, row, "found"), "%s", es_db_text(rows, row, "what"));
        }
    }
    return ES_DB_OK;
}
