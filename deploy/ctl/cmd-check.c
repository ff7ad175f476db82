#include "common/base/mem.h"
#include "common/db/db.h"
#include "deploy/ctl/check-rights.h"
#include "deploy/ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>

#define STATEMENT_TIMEOUT_MS 30000
#define SERVER_MAJOR         10000
#define MONTHS_AHEAD         1 /* the daily job makes more; fewer than this means it does not run */

/* --- the table ----------------------------------------------------------------------------- */
static void print_line(const char *check, bool passed, const char *detail)
{
    (void)printf("%-14s %-8s %s\n", check, passed ? "ok" : "FAILED", detail);
}

static bool print_unknown(const char *check, const struct es_db *db)
{
    print_line(check, false, es_db_error(db));
    return false;
}

/* --- connections (FE20) -------------------------------------------------------------------- */
const struct es_db_statement es_check_connections_statement = {
    .name = "check_connections",
    .params = "",
    .sql =
        "SELECT coalesce(sum(rolconnlimit) FILTER (WHERE rolconnlimit >= 0), 0)::bigint AS wanted,"
        "  coalesce(string_agg(rolname, ', ') FILTER (WHERE rolconnlimit < 0), '') AS unlimited,"
        "  current_setting('max_connections')::bigint AS allowed,"
        "  current_setting('superuser_reserved_connections')::bigint"
        "   + coalesce(current_setting('reserved_connections', true), '0')::bigint AS reserved"
        " FROM pg_roles WHERE rolcanlogin AND NOT rolsuper",
};

static bool check_connections(struct es_db *db)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    ES_CLEANUP(es_buf_done) struct es_buf detail = ES_BUF_INIT;
    if (es_db_one(db, &es_check_connections_statement, &rows) != ES_DB_OK) {
        return print_unknown("connections", db);
    }
    const char *unlimited = es_db_text(rows, 0, "unlimited");
    int64_t wanted = es_db_i64(rows, 0, "wanted");
    int64_t reserved = es_db_i64(rows, 0, "reserved");
    int64_t allowed = es_db_i64(rows, 0, "allowed");
    bool fits = wanted + reserved <= allowed;
    es_buf_printf(&detail,
                  "the roles may open %" PRId64 ", the superuser keeps %" PRId64
                  ", the server allows %" PRId64,
                  wanted, reserved, allowed);
    print_line("connections", fits, es_buf_str(&detail));
    if (unlimited[0] != '\0') {
        es_buf_clear(&detail);
        es_buf_printf(&detail, "without a limit: %s", unlimited);
        print_line("connections", false, es_buf_str(&detail));
    }
    return fits && unlimited[0] == '\0';
}

/* --- schema version ------------------------------------------------------------------------ */
static bool check_version(struct es_db *db)
{
    ES_CLEANUP(es_buf_done) struct es_buf detail = ES_BUF_INIT;
    bool passed = es_db_check_schema(db, &detail) == ES_DB_OK;
    print_line("schema", passed, passed ? "the version this program needs" : es_buf_str(&detail));
    return passed;
}

/* --- rights (FE17) ------------------------------------------------------------------------- */
const struct es_db_statement es_check_rights_statement = {
    .name = "check_rights",
    .params = "TTT",
    .sql = "SELECT format('%s may %s %s', f.role, f.may, f.object) AS detail"
           " FROM unnest($1::text[], $2::text[], $3::text[]) AS f (role, may, object)"
           " WHERE CASE f.may"
           "  WHEN 'use' THEN has_schema_privilege(f.role, f.object, 'USAGE, CREATE')"
           "  WHEN 'touch' THEN has_any_column_privilege(f.role, f.object,"
           "    'SELECT, INSERT, UPDATE, REFERENCES')"
           "   OR has_table_privilege(f.role, f.object, 'DELETE, TRUNCATE, TRIGGER')"
           "  WHEN 'write' THEN has_any_column_privilege(f.role, f.object, 'INSERT, UPDATE')"
           "   OR has_table_privilege(f.role, f.object, 'DELETE, TRUNCATE, TRIGGER')"
           "  WHEN 'change' THEN has_any_column_privilege(f.role, f.object, 'UPDATE')"
           "   OR has_table_privilege(f.role, f.object, 'DELETE, TRUNCATE, TRIGGER')"
           "  WHEN 'read' THEN has_table_privilege(f.role, f.object, 'SELECT')"
           "  ELSE true END",
};

/* What no list can name beforehand: functions open to everybody, roles that may too much. */
const struct es_db_statement es_check_loose_rights_statement = {
    .name = "check_loose_rights",
    .params = "T",
    .sql =
        "SELECT format('everybody may EXECUTE %s', p.oid::regprocedure) AS detail"
        " FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a"
        " WHERE p.pronamespace::regnamespace::text IN ('core', 'anchor', 'pay', 'bus', 'vault')"
        "  AND a.grantee = 0 AND a.privilege_type = 'EXECUTE'"
        " UNION ALL"
        " SELECT format('role %s is superuser, or may make roles, replicate or pass row security',"
        "  rolname) FROM pg_roles WHERE rolname = ANY ($1::text[])"
        "  AND (rolsuper OR rolcreaterole OR rolreplication OR rolbypassrls)"
        " UNION ALL"
        " SELECT format('role %s is a member of %s', m.member::regrole, m.roleid::regrole)"
        " FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member"
        " WHERE r.rolname = ANY ($1::text[])"
        "  AND (r.rolname, m.roleid::regrole::text) <> ('eldersafe_migrate', 'eldersafe_owner')",
};

static size_t print_findings(const char *check, const struct es_db_rows *rows)
{
    size_t count = es_db_row_count(rows);
    for (size_t i = 0; i < count; i++) {
        print_line(check, false, es_db_text(rows, i, "detail"));
    }
    return count;
}

static enum es_db_result find_forbidden(struct es_db *db, struct es_db_rows **ret_rows)
{
    size_t count = es_forbidden_count;
    ES_CLEANUP(es_free_p) const char **roles = es_calloc(count, sizeof(*roles));
    ES_CLEANUP(es_free_p) const char **rights = es_calloc(count, sizeof(*rights));
    ES_CLEANUP(es_free_p) const char **objects = es_calloc(count, sizeof(*objects));
    for (size_t i = 0; i < count; i++) {
        roles[i] = es_forbidden_rights[i].role;
        rights[i] = es_forbidden_rights[i].may;
        objects[i] = es_forbidden_rights[i].object;
    }
    return es_db_run(db, &es_check_rights_statement, ret_rows,
                     &(struct es_db_array){.items = roles, .count = count},
                     &(struct es_db_array){.items = rights, .count = count},
                     &(struct es_db_array){.items = objects, .count = count});
}

static bool check_rights(struct es_db *db)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *forbidden = NULL;
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *loose = NULL;
    struct es_db_array roles = {.items = es_checked_roles, .count = es_checked_role_count};
    if (find_forbidden(db, &forbidden) != ES_DB_OK ||
        es_db_run(db, &es_check_loose_rights_statement, &loose, &roles) != ES_DB_OK) {
        return print_unknown("rights", db);
    }
    size_t found = print_findings("rights", forbidden) + print_findings("rights", loose);
    if (found == 0) {
        ES_CLEANUP(es_buf_done) struct es_buf detail = ES_BUF_INIT;
        es_buf_printf(&detail, "none of %zu rights that must not exist does", es_forbidden_count);
        print_line("rights", true, es_buf_str(&detail));
    }
    return found == 0;
}

/* --- append-only tables (FE15) ------------------------------------------------------------- */
/* tgtype (pg_trigger.h): 1 row, 2 before, 4 insert, 8 delete, 16 update, 32 truncate. */
const struct es_db_statement es_check_append_only_statement = {
    .name = "check_append_only",
    .params = "T",
    .sql = "WITH guarded AS ("
           " SELECT name::regclass::oid AS oid FROM unnest($1::text[]) AS t (name)"
           " UNION SELECT inhrelid FROM pg_inherits WHERE inhparent = 'core.signals'::regclass"
           "), state AS ("
           " SELECT g.oid, coalesce(bool_or(t.tgtype & 27 = 27), false) AS of_rows,"
           "  coalesce(bool_or(t.tgtype & 34 = 34), false) AS of_truncate"
           " FROM guarded g LEFT JOIN pg_trigger t ON t.tgrelid = g.oid AND t.tgenabled = 'A'"
           "  AND t.tgqual IS NULL AND t.tgfoid = 'bus.refuse_change()'::regprocedure"
           " GROUP BY g.oid"
           ") SELECT (SELECT count(*) FROM state) AS tables,"
           "  coalesce((SELECT string_agg(oid::regclass::text, ', ') FROM state"
           "   WHERE NOT (of_rows AND of_truncate)), '') AS open",
};

static bool check_append_only(struct es_db *db)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    ES_CLEANUP(es_buf_done) struct es_buf detail = ES_BUF_INIT;
    struct es_db_array tables = {.items = es_append_only_tables, .count = es_append_only_count};
    if (es_db_one(db, &es_check_append_only_statement, &rows, &tables) != ES_DB_OK) {
        return print_unknown("append-only", db);
    }
    const char *open = es_db_text(rows, 0, "open");
    bool passed = open[0] == '\0';
    if (passed) {
        es_buf_printf(&detail, "%" PRId64 " tables and partitions are locked against change",
                      es_db_i64(rows, 0, "tables"));
    } else {
        es_buf_printf(&detail, "not locked against change: %s", open);
    }
    print_line("append-only", passed, es_buf_str(&detail));
    return passed;
}

/* --- partitions ---------------------------------------------------------------------------- */
const struct es_db_statement es_check_partitions_statement = {
    .name = "check_partitions",
    .params = "n",
    .sql = "SELECT coalesce(string_agg(to_char(m.month, 'YYYY-MM'), ', '), '') AS missing"
           " FROM generate_series(date_trunc('month', now()), date_trunc('month', now())"
           "  + $1 * interval '1 month', interval '1 month') AS m (month)"
           " WHERE NOT EXISTS (SELECT FROM pg_inherits WHERE inhparent = 'core.signals'::regclass"
           "  AND inhrelid = to_regclass('core.signals_' || to_char(m.month, 'YYYY_MM')))",
};

static bool check_partitions(struct es_db *db)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    ES_CLEANUP(es_buf_done) struct es_buf detail = ES_BUF_INIT;
    if (es_db_one(db, &es_check_partitions_statement, &rows, MONTHS_AHEAD) != ES_DB_OK) {
        return print_unknown("partitions", db);
    }
    const char *missing = es_db_text(rows, 0, "missing");
    bool passed = missing[0] == '\0';
    if (passed) {
        es_buf_add_str(&detail, "signals of this month and the next have a place");
    } else {
        es_buf_printf(&detail, "signals have no place in %s", missing);
    }
    print_line("partitions", passed, es_buf_str(&detail));
    return passed;
}

/* --- the command --------------------------------------------------------------------------- */
static const struct es_db_statement *const statements[] = {
    &es_check_connections_statement,  &es_check_rights_statement,
    &es_check_loose_rights_statement, &es_check_append_only_statement,
    &es_check_partitions_statement,
};

static enum es_exit check_all(struct es_db *db)
{
    bool (*const checks[])(struct es_db * db) = {check_connections, check_rights, check_append_only,
                                                 check_partitions};
    ES_CLEANUP(es_buf_done) struct es_buf server = ES_BUF_INIT;
    if (!check_version(db)) {
        return ES_EXIT_FAILED; /* the rest asks for what another version may not have */
    }
    es_buf_printf(&server, "PostgreSQL %d.%d", es_db_server_version(db) / SERVER_MAJOR,
                  es_db_server_version(db) % SERVER_MAJOR);
    print_line("server", true, es_buf_str(&server));
    bool passed = true;
    for (size_t i = 0; i < ES_ARRAY_LEN(checks); i++) {
        passed &= checks[i](db);
    }
    return passed ? ES_EXIT_OK : ES_EXIT_FAILED;
}

enum es_exit es_ctl_check(const struct es_ctl_command *self, int argc, char **argv)
{
    const char *database = NULL;
    const struct es_ctl_option options[] = {
        {"--database", "CONNINFO", "connection of eldersafe_admin or a superuser", &database, NULL},
    };
    enum es_exit status;
    if (!es_ctl_parse(self, options, ES_ARRAY_LEN(options), argc, argv, &status)) {
        return status;
    }
    ES_CLEANUP(es_ctl_disconnect)
    struct es_db *db =
        es_ctl_db_new(database, self, STATEMENT_TIMEOUT_MS, statements, ES_ARRAY_LEN(statements));
    return check_all(db);
}
