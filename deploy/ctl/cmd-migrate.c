#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "deploy/ctl/ctl.h"
#include "deploy/ctl/migrations.h"
#include "deploy/ctl/pg.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OLDEST_SERVER     150000
#define DEFAULT_LOCK_WAIT "30"
#define MAX_LOCK_WAIT_S   86400
#define MIGRATE_LOCK      "8315144630245155" /* any number that nothing else in the database locks */
#define DDL_LOCK_TIMEOUT                                                                           \
    "15s" /* a migration that waits for a table makes signals wait behind it                       \
           */
#define PARTITIONS_AHEAD "3"
#define NUMBER_TEXT_SIZE 12
#define RELOADED_SCHEMA  "functions"

/* One run of the command. */
struct run {
    PGconn *conn;
    const struct es_migrations *migrations;
    struct es_buf error;
    uint64_t lock_wait_s;
};

static void print_step(const char *what, const char *which, int64_t since_us)
{
    int64_t took_ms = (es_clock_mono_us() - since_us) / ES_US_PER_MS;
    (void)printf("%-10s %-28s %" PRId64 " ms\n", what, which, took_ms);
}

/* --- the lock ------------------------------------------------------------------------------ */
static void say_who_holds_it(struct run *run)
{
    ES_CLEANUP(es_pg_clear_p)
    PGresult *holder = es_pg_query(
        run->conn,
        "SELECT format('process %s (%s, user %s, since %s)', a.pid,"
        " coalesce(nullif(a.application_name, ''), 'unnamed'), pg_get_userbyid(a.usesysid),"
        " coalesce(to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS UTC'), '?'))"
        " FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
        " AND (l.classid::bigint << 32 | l.objid::bigint) = " MIGRATE_LOCK
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        NULL, 0, &run->error);
    if (holder != NULL && PQntuples(holder) > 0) {
        es_buf_printf(&run->error, "another migration is running: %s", PQgetvalue(holder, 0, 0));
    } else {
        es_buf_add_str(&run->error, "another migration was running until just now: try again");
    }
}

static bool take_lock(struct run *run)
{
    ES_CLEANUP(es_buf_done) struct es_buf timeout = ES_BUF_INIT;
    es_buf_printf(&timeout, "SET lock_timeout = '%" PRIu64 "s'", run->lock_wait_s);
    if (!es_pg_do(run->conn, es_buf_str(&timeout), &run->error)) {
        return false;
    }
    if (!es_pg_do(run->conn, "SELECT pg_advisory_lock(" MIGRATE_LOCK ")", &run->error)) {
        es_buf_clear(&run->error);
        say_who_holds_it(run);
        return false;
    }
    return es_pg_do(run->conn, "SET lock_timeout = '" DDL_LOCK_TIMEOUT "'", &run->error);
}

/* --- steps --------------------------------------------------------------------------------- */
static bool set_up_session(struct run *run)
{
    int version = PQserverVersion(run->conn);
    if (version < OLDEST_SERVER) {
        es_buf_printf(&run->error, "PostgreSQL 15 or newer is needed, this is %s",
                      PQparameterStatus(run->conn, "server_version"));
        return false;
    }
    (void)printf("%-10s PostgreSQL %s, database %s\n", "server",
                 PQparameterStatus(run->conn, "server_version"), PQdb(run->conn));
    return es_pg_do(run->conn,
                    "SELECT set_config('search_path', 'pg_catalog', false),"
                    " set_config('statement_timeout', '0', false),"
                    " set_config('client_min_messages', 'warning', false),"
                    " set_config('timezone', 'UTC', false)",
                    &run->error);
}

static bool make_roles(struct run *run)
{
    const struct es_sql_file *roles = &run->migrations->roles.items[0];
    int64_t since_us = es_clock_mono_us();
    if (!es_pg_do(run->conn, "BEGIN", &run->error) ||
        !es_pg_script(run->conn, roles->path, roles->text, &run->error) ||
        !es_pg_do(run->conn, "COMMIT", &run->error)) {
        return false;
    }
    print_step("roles", roles->name, since_us);
    return true;
}

static bool become_owner(struct run *run)
{
    if (es_pg_do(run->conn, "SET ROLE eldersafe_owner", &run->error)) {
        return true;
    }
    es_buf_add_str(&run->error, "; the roles are made once by a superuser: eldersafectl migrate"
                                " --roles");
    return false;
}

static bool make_register(struct run *run)
{
    ES_CLEANUP(es_pg_clear_p)
    PGresult *found = es_pg_query(
        run->conn, "SELECT WHERE to_regclass('public.eldersafe_migrations') IS NOT NULL", NULL, 0,
        &run->error);
    if (found == NULL || PQntuples(found) > 0) {
        return found != NULL;
    }
    static const char sql[] =
        "BEGIN;"
        "CREATE TABLE public.eldersafe_migrations ("
        " number integer PRIMARY KEY CHECK (number >= 0), schema text NOT NULL, name text NOT NULL,"
        " checksum text NOT NULL CHECK (checksum ~ '^[0-9a-f]{64}$'),"
        " applied_at timestamptz NOT NULL DEFAULT clock_timestamp());"
        "COMMENT ON TABLE public.eldersafe_migrations IS"
        " 'What eldersafectl migrate has applied; daemons refuse a version that is not theirs.';"
        "COMMENT ON COLUMN public.eldersafe_migrations.number IS"
        " 'Number of the migration; 0 for the functions and grants.';"
        "COMMENT ON COLUMN public.eldersafe_migrations.schema IS 'Its schema.';"
        "COMMENT ON COLUMN public.eldersafe_migrations.name IS 'Its name.';"
        "COMMENT ON COLUMN public.eldersafe_migrations.checksum IS 'SHA-256 of its file.';"
        "COMMENT ON COLUMN public.eldersafe_migrations.applied_at IS"
        " 'When it was applied; of the functions, when they last changed.';"
        "GRANT SELECT ON public.eldersafe_migrations TO PUBLIC;"
        "COMMIT";
    return es_pg_script(run->conn, "register", sql, &run->error);
}

/* --- what was applied ---------------------------------------------------------------------- */
static bool check_applied(struct run *run, const PGresult *applied, int row)
{
    const char *number_text = PQgetvalue(applied, row, 0);
    const struct es_sql_files *files = &run->migrations->numbered;
    uint64_t number = 0;
    if (!es_parse_u64(number_text, &number) || number == 0 || number > files->count) {
        es_buf_printf(&run->error,
                      "the database has migration %s (%s/%s), which this release does not know",
                      number_text, PQgetvalue(applied, row, 1), PQgetvalue(applied, row, 2));
        return false;
    }
    const struct es_sql_file *file = &files->items[number - 1];
    if (number != (uint64_t)row + 1) {
        es_buf_printf(&run->error, "migration %04d was never applied, but number %s was", row + 1,
                      number_text);
        return false;
    }
    if (strcmp(PQgetvalue(applied, row, 1), file->schema) != 0 ||
        strcmp(PQgetvalue(applied, row, 2), file->name) != 0 ||
        strcmp(PQgetvalue(applied, row, 3), file->checksum) != 0) {
        es_buf_printf(&run->error,
                      "%s is not what was applied as number %s: applied files are never changed",
                      file->path, number_text);
        return false;
    }
    return true;
}

/* How many of the migrations are applied already; each of those must be what it was. */
static bool count_applied(struct run *run, size_t *ret_count)
{
    ES_CLEANUP(es_pg_clear_p)
    PGresult *applied =
        es_pg_query(run->conn,
                    "SELECT number, schema, name, checksum FROM public.eldersafe_migrations"
                    " WHERE number > 0 ORDER BY number",
                    NULL, 0, &run->error);
    if (applied == NULL) {
        return false;
    }
    for (int row = 0; row < PQntuples(applied); row++) {
        if (!check_applied(run, applied, row)) {
            return false;
        }
    }
    *ret_count = (size_t)PQntuples(applied);
    return true;
}

/* --- applying ------------------------------------------------------------------------------ */
static bool register_file(struct run *run, int number, const char *schema, const char *name,
                          const char *checksum)
{
    char number_text[NUMBER_TEXT_SIZE];
    (void)snprintf(number_text, sizeof(number_text), "%d", number);
    const char *const values[] = {number_text, schema, name, checksum};
    ES_CLEANUP(es_pg_clear_p)
    PGresult *result = es_pg_query(
        run->conn,
        "INSERT INTO public.eldersafe_migrations AS m (number, schema, name, checksum)"
        " VALUES ($1::integer, $2, $3, $4)"
        " ON CONFLICT (number) DO UPDATE SET checksum = excluded.checksum,"
        " applied_at = excluded.applied_at WHERE m.number = 0 AND m.checksum <> excluded.checksum",
        values, ES_ARRAY_LEN(values), &run->error);
    return result != NULL;
}

/* A script that commits by itself would leave half of a migration behind when it fails later. */
static bool still_in_transaction(struct run *run, const struct es_sql_file *file)
{
    if (PQtransactionStatus(run->conn) != PQTRANS_INTRANS) {
        es_buf_printf(&run->error, "%s must not end its transaction", file->path);
        return false;
    }
    return true;
}

static bool run_file(struct run *run, const struct es_sql_file *file)
{
    return es_pg_script(run->conn, file->path, file->text, &run->error) &&
           still_in_transaction(run, file);
}

static bool apply(struct run *run, const struct es_sql_file *file)
{
    int64_t since_us = es_clock_mono_us();
    if (!es_pg_do(run->conn, "BEGIN", &run->error) || !run_file(run, file) ||
        !register_file(run, file->number, file->schema, file->name, file->checksum) ||
        !es_pg_do(run->conn, "COMMIT", &run->error)) {
        return false;
    }
    ES_CLEANUP(es_buf_done) struct es_buf which = ES_BUF_INIT;
    es_buf_printf(&which, "%04d %s/%s", file->number, file->schema, file->name);
    print_step("applied", es_buf_str(&which), since_us);
    return true;
}

static bool apply_new(struct run *run)
{
    const struct es_sql_files *files = &run->migrations->numbered;
    size_t applied = 0;
    if (!count_applied(run, &applied)) {
        return false;
    }
    for (size_t i = applied; i < files->count; i++) {
        if (!apply(run, &files->items[i])) {
            return false;
        }
    }
    return true;
}

static bool reload(struct run *run)
{
    const struct es_sql_files *files = &run->migrations->reloaded;
    int64_t since_us = es_clock_mono_us();
    bool ok = es_pg_do(run->conn, "BEGIN", &run->error);
    for (size_t i = 0; ok && i < files->count; i++) {
        ok = run_file(run, &files->items[i]);
    }
    if (!ok ||
        !register_file(run, 0, RELOADED_SCHEMA, "functions and grants",
                       run->migrations->reloaded_checksum) ||
        !es_pg_do(run->conn, "COMMIT", &run->error)) {
        return false;
    }
    print_step("reloaded", "functions and grants", since_us);
    return true;
}

static bool make_partitions(struct run *run)
{
    int64_t since_us = es_clock_mono_us();
    ES_CLEANUP(es_pg_clear_p)
    PGresult *made =
        es_pg_query(run->conn, "SELECT core.make_signal_partitions(" PARTITIONS_AHEAD ")", NULL, 0,
                    &run->error);
    if (made == NULL) {
        return false;
    }
    ES_CLEANUP(es_buf_done) struct es_buf count = ES_BUF_INIT;
    es_buf_printf(&count, "%s new partitions", PQgetvalue(made, 0, 0));
    print_step("signals", es_buf_str(&count), since_us);
    return true;
}

static bool migrate(struct run *run, bool with_roles)
{
    if (!set_up_session(run) || !take_lock(run) || (with_roles && !make_roles(run)) ||
        !become_owner(run) || !make_register(run) || !apply_new(run) || !reload(run) ||
        !make_partitions(run)) {
        return false;
    }
    (void)printf("%-10s the schema has version %zu\n", "done", run->migrations->numbered.count);
    return true;
}

/* --- the command --------------------------------------------------------------------------- */
static enum es_exit run_with(const char *database, const char *directory, bool with_roles,
                             uint64_t lock_wait_s)
{
    ES_CLEANUP(es_free_p) char *found = es_migrations_find(directory);
    if (found == NULL) {
        es_ctl_error("migrate: where are the migrations? Give --directory");
        return ES_EXIT_USAGE;
    }
    struct run run = {.error = ES_BUF_INIT, .lock_wait_s = lock_wait_s};
    ES_CLEANUP(es_migrations_free_p)
    struct es_migrations *migrations = es_migrations_load(found, &run.error);
    ES_CLEANUP(es_pg_finish_p)
    PGconn *conn = migrations != NULL ? es_pg_connect(es_ctl_database(database), &run.error) : NULL;
    run.migrations = migrations;
    run.conn = conn;
    bool done = conn != NULL && migrate(&run, with_roles);
    if (!done) {
        es_ctl_error("migrate: %s", es_buf_str(&run.error));
    }
    es_buf_done(&run.error);
    return done ? ES_EXIT_OK : ES_EXIT_FAILED;
}

enum es_exit es_ctl_migrate(const struct es_ctl_command *self, int argc, char **argv)
{
    const char *database = NULL;
    const char *directory = NULL;
    const char *lock_wait = DEFAULT_LOCK_WAIT;
    bool with_roles = false;
    const struct es_ctl_option options[] = {
        {"--database", "CONNINFO", "connection of eldersafe_migrate or a superuser", &database,
         NULL},
        {"--directory", "DIR", "the folder migrations/ (ELDERSAFE_MIGRATIONS)", &directory, NULL},
        {"--roles", NULL, "make or correct the roles first (needs a superuser)", NULL, &with_roles},
        {"--lock-wait", "SECONDS", "how long to wait for another migration (30)", &lock_wait, NULL},
    };
    enum es_exit status;
    uint64_t lock_wait_s = 0;
    if (!es_ctl_parse(self, options, ES_ARRAY_LEN(options), argc, argv, &status)) {
        return status;
    }
    if (!es_parse_u64(lock_wait, &lock_wait_s) || lock_wait_s < 1 ||
        lock_wait_s > MAX_LOCK_WAIT_S) {
        es_ctl_error("migrate: --lock-wait takes 1 to %d seconds", MAX_LOCK_WAIT_S);
        return ES_EXIT_USAGE;
    }
    return run_with(database, directory, with_roles, lock_wait_s);
}
