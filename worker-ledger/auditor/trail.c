/* The audit trail: each entry of core.audit_log has its leaf, and each such leaf its entry.
 * Statements yield violations only, over a range of leaves. */
#include "worker-ledger/auditor/internal.h"

#define LEAVES_AT_ONCE 50000
/* Identities of leaves are handed out in runs of 256, and committed in any order. */
#define LEAVES_LOOKED_BACK 100000

/* The subject is taken from the event, which the leaf holds fast; that it is the row's member is
 * seen from it being nobody else's. (A member who was changed is told of where the signals are.) */
const struct es_db_statement es_audit_trail_rows_statement = {
    .name = "audit_trail_rows",
    .params = "ii",
    .sql = "SELECT u.leaf_id AS subject, format('audit entry %s', u.audit_id) AS what,"
           "  CASE WHEN n.leaves <> 1 THEN 'one leaf' WHEN NOT n.committed THEN"
           "   'a leaf of its salt and event' ELSE 'an event that says what its row says' END"
           "   AS expected,"
           "  CASE n.leaves WHEN 0 THEN 'none' WHEN 2 THEN 'two' ELSE 'another' END AS found,"
           "  n.leaves = 0 AS missing"
           " FROM core.audit_log u"
           " LEFT JOIN anchor.entries e ON e.leaf_id = u.leaf_id"
           " LEFT JOIN anchor.leaves w ON w.leaf_id = u.leaf_id"
           " CROSS JOIN LATERAL (SELECT"
           "  substring(u.event FROM '\"subject\":\"([0-9a-f]{32})\"') AS subject) s"
           " CROSS JOIN LATERAL (SELECT"
           "  (e.leaf_id IS NOT NULL)::integer + (w.leaf_id IS NOT NULL)::integer AS leaves,"
           "  coalesce(e.hash, w.hash) ="
           "   sha256('\\x00'::bytea || u.salt || convert_to(u.event, 'UTF8'))"
           "   AND coalesce(e.source, w.source) IS NOT DISTINCT FROM 'audit' AS committed,"
           "  u.event = (SELECT row_to_json(f)::text FROM (SELECT 1 AS v, u.event_type AS type,"
           "   s.subject, u.actor, u.request_id, u.data, to_char(u.created_at AT TIME ZONE 'UTC',"
           "   'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS at) f) AND NOT EXISTS"
           "   (SELECT FROM core.members m WHERE m.public_id = decode(s.subject, 'hex')"
           "    AND m.member_id <> u.member_id) AS agrees) n"
           " WHERE u.leaf_id > $1 AND u.leaf_id <= $2"
           "  AND (n.leaves <> 1 OR NOT n.committed OR NOT n.agrees) LIMIT 1000",
};

const struct es_db_statement es_audit_trail_leaves_statement = {
    .name = "audit_trail_leaves",
    .params = "ii",
    .sql =
        "SELECT l.leaf_id AS subject, format('leaf %s of the audit', l.leaf_id) AS what,"
        "  'an audit entry' AS expected, 'none' AS found, false AS missing"
        " FROM (SELECT leaf_id FROM anchor.entries WHERE source = 'audit'"
        "   AND leaf_id > $1 AND leaf_id <= $2"
        "  UNION ALL SELECT leaf_id FROM anchor.leaves WHERE source = 'audit'"
        "   AND leaf_id > $1 AND leaf_id <= $2) l"
        " WHERE NOT EXISTS (SELECT FROM core.audit_log u WHERE u.leaf_id = l.leaf_id) LIMIT 1000",
};

const struct es_db_statement es_audit_trail_end_statement = {
    .name = "audit_trail_end",
    .params = "",
    .sql = "SELECT greatest((SELECT max(leaf_id) FROM core.audit_log),"
           "  (SELECT max(leaf_id) FROM anchor.entries WHERE source = 'audit'),"
           "  (SELECT max(leaf_id) FROM anchor.leaves WHERE source = 'audit'), 0) AS leaf_id",
};

static void report(struct es_audit *audit, const struct es_db_rows *rows)
{
    for (size_t i = 0; i < es_db_row_count(rows); i++) {
        int64_t leaf_id = es_db_i64(rows, i, "subject");
        if (es_audit_is_suspect(audit, ES_SUSPECT_LEAF, leaf_id)) {
            continue;
        }
        if (es_db_bool(rows, i, "missing") && audit->lost_entries > 0) { /* the hole was told of */
            audit->lost_entries--;
        } else {
            es_audit_find_row(audit, ES_AUDIT_TRAIL, rows, i);
        }
        es_audit_suspect(audit, ES_SUSPECT_LEAF, leaf_id);
    }
}

static enum es_db_result check_range(struct es_audit *audit,
                                     const struct es_db_statement *statement, int64_t after,
                                     int64_t last)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_run(audit->db, statement, &rows, after, last);
    if (result == ES_DB_OK) {
        report(audit, rows);
    }
    return result;
}

enum es_db_result es_audit_trail(struct es_audit *audit)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *ends = NULL;
    enum es_db_result result = es_db_one(audit->db, &es_audit_trail_end_statement, &ends);
    if (result != ES_DB_OK) {
        return result;
    }
    int64_t end = es_db_i64(ends, 0, "leaf_id");
    int64_t after = audit->since->trail_leaf;
    audit->next->trail_leaf = end > LEAVES_LOOKED_BACK ? end - LEAVES_LOOKED_BACK : 0;
    for (; after < end && result == ES_DB_OK; after += LEAVES_AT_ONCE) {
        es_arena_reset(audit->arena);
        result = es_audit_go_on(audit);
        if (result == ES_DB_OK) {
            result =
                check_range(audit, &es_audit_trail_rows_statement, after, after + LEAVES_AT_ONCE);
        }
        if (result == ES_DB_OK) {
            result =
                check_range(audit, &es_audit_trail_leaves_statement, after, after + LEAVES_AT_ONCE);
        }
    }
    return result;
}
