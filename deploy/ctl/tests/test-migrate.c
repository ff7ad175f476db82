/* eldersafectl migrate and check, as an operator runs them. */
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/daemon/daemon.h"
#include "common/db/db.h"
#include "common/tests/run.h"
#include "common/tests/servers.h"
#include "common/tests/sql.h"
#include "common/tests/unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIGRATIONS "migrations" /* tests run in the checkout's root */

static struct es_test_server *server;
static PGconn *super; /* to the server's own database */
static char *program;
static char *scratch; /* a copy of migrations/ that a test may spoil */

/* What the last command printed. */
static struct es_buf printed;

static const char *conninfo_of(const char *role, const char *database)
{
    static char *kept[4];
    static size_t next;
    next = (next + 1) % ES_ARRAY_LEN(kept);
    free(kept[next]);
    kept[next] = es_test_postgres_conninfo(server, role, database);
    return kept[next];
}

static int migrate(const char *role, const char *database, const char *directory, bool roles)
{
    const char *const argv[] = {
        program,       "migrate", "--database",    conninfo_of(role, database),
        "--directory", directory, "--lock-wait=1", roles ? "--roles" : NULL,
        NULL};
    es_buf_clear(&printed);
    return es_test_run(argv, &printed);
}

static int check(const char *role, const char *database)
{
    const char *const argv[] = {program, "check", "--database", conninfo_of(role, database), NULL};
    es_buf_clear(&printed);
    return es_test_run(argv, &printed);
}

static void assert_printed(const char *text)
{
    if (strstr(es_buf_str(&printed), text) == NULL) {
        fail_msg("\"%s\" is not in: %s", text, es_buf_str(&printed));
    }
}

static void new_database(const char *name)
{
    (void)es_test_sql(super, "DROP DATABASE IF EXISTS %s", name);
    (void)es_test_sql(super, "CREATE DATABASE %s", name);
}

static PGconn *connect_to(const char *database)
{
    return es_test_connect(conninfo_of("postgres", database));
}

/* Run a shell command on the copy of the migrations. */
static void spoil(const char *format, ...) ES_PRINTF(1, 2);
static void spoil(const char *format, ...)
{
    char shell[1024];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(shell, sizeof(shell), format, args);
    va_end(args);
    assert_in_range(length, 1, sizeof(shell) - 1);
    ES_CLEANUP(es_buf_done) struct es_buf output = ES_BUF_INIT;
    const char *const argv[] = {"/bin/sh", "-c", shell, NULL};
    if (es_test_run(argv, &output) != 0) {
        fail_msg("%s: %s", shell, es_buf_str(&output));
    }
}

static void fresh_copy(void)
{
    spoil("rm -rf %s/m && cp -r " MIGRATIONS " %s/m", scratch, scratch);
}

static const char *copy(void)
{
    static char path[256];
    (void)snprintf(path, sizeof(path), "%s/m", scratch);
    return path;
}

/* --- migrate ------------------------------------------------------------------------------- */
static void a_new_database_gets_everything_and_a_second_run_changes_nothing(void **state)
{
    (void)state;
    new_database("fresh");
    assert_int_equal(migrate("postgres", "fresh", MIGRATIONS, true), ES_EXIT_OK);
    assert_printed("PostgreSQL 1");
    assert_printed("roles.sql");
    assert_printed("0001 bus/bus");
    assert_printed("functions and grants");
    assert_printed("5 new partitions");
    PGconn *fresh = connect_to("fresh");
    char *before = es_strdup(es_test_sql(
        fresh, "SELECT string_agg(format('%%s %%s %%s %%s %%s', number, schema, name, checksum,"
               " applied_at), ',' ORDER BY number) FROM public.eldersafe_migrations"));
    assert_int_equal(migrate("eldersafe_migrate", "fresh", MIGRATIONS, false), ES_EXIT_OK);
    assert_printed("0 new partitions");
    assert_null(strstr(es_buf_str(&printed), "applied"));
    assert_string_equal(
        es_test_sql(
            fresh, "SELECT string_agg(format('%%s %%s %%s %%s %%s', number, schema, name, checksum,"
                   " applied_at), ',' ORDER BY number) FROM public.eldersafe_migrations"),
        before);
    free(before);
    assert_string_equal(es_test_sql(fresh, "SELECT count(*) FROM pg_class c"
                                           " WHERE relnamespace::regnamespace::text IN"
                                           "  ('bus', 'pay', 'anchor', 'core', 'vault')"
                                           " AND pg_get_userbyid(relowner) <> 'eldersafe_owner'"),
                        "0");
    es_test_disconnect(&fresh);
}

static void every_table_column_and_function_is_explained(void **state)
{
    (void)state;
    PGconn *fresh = connect_to("fresh");
    assert_string_equal(
        es_test_sql(fresh,
                    "SELECT string_agg(what, ', ') FROM ("
                    " SELECT c.oid::regclass || '.' || a.attname AS what"
                    " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
                    " WHERE c.relnamespace::regnamespace::text IN"
                    "  ('bus', 'pay', 'anchor', 'core', 'vault') AND c.relkind IN ('r', 'p', 'v')"
                    "  AND a.attnum > 0 AND NOT a.attisdropped"
                    "  AND col_description(c.oid, a.attnum) IS NULL"
                    " UNION ALL SELECT c.oid::regclass::text FROM pg_class c"
                    " WHERE c.relnamespace::regnamespace::text IN"
                    "  ('bus', 'pay', 'anchor', 'core', 'vault')"
                    "  AND c.relkind IN ('r', 'p', 'v', 'S')"
                    "  AND NOT (c.relkind = 'S' AND EXISTS (SELECT FROM pg_depend d"
                    "   WHERE d.objid = c.oid AND d.deptype = 'i'))"
                    "  AND obj_description(c.oid, 'pg_class') IS NULL"
                    " UNION ALL SELECT p.oid::regprocedure::text FROM pg_proc p"
                    " WHERE p.pronamespace::regnamespace::text IN"
                    "  ('bus', 'pay', 'anchor', 'core', 'vault')"
                    "  AND obj_description(p.oid, 'pg_proc') IS NULL) undescribed"),
        "");
    assert_string_equal(/* and every function looks names up where we say */
                        es_test_sql(
                            fresh,
                            "SELECT string_agg(p.oid::regprocedure::text, ', ') FROM pg_proc p"
                            " WHERE p.pronamespace::regnamespace::text IN"
                            "  ('bus', 'pay', 'anchor', 'core', 'vault')"
                            "  AND NOT coalesce(p.proconfig, '{}') @> '{search_path=pg_catalog}'"),
                        "");
    es_test_disconnect(&fresh);
}

static void an_applied_file_that_was_changed_is_refused(void **state)
{
    (void)state;
    fresh_copy();
    spoil("echo '-- afterthought' >>%s/pay/0002-ledger.sql", copy());
    assert_int_equal(migrate("postgres", "fresh", copy(), false), ES_EXIT_FAILED);
    assert_printed("0002-ledger.sql is not what was applied as number 2");
}

static void an_applied_file_that_was_renamed_is_refused(void **state)
{
    (void)state;
    fresh_copy();
    spoil("mv %s/pay/0002-ledger.sql %s/pay/0002-accounts.sql", copy(), copy());
    assert_int_equal(migrate("postgres", "fresh", copy(), false), ES_EXIT_FAILED);
    assert_printed("is not what was applied as number 2");
}

static void gaps_and_doubles_in_the_numbers_are_refused(void **state)
{
    (void)state;
    new_database("numbers");
    fresh_copy();
    spoil("mv %s/pay/0002-ledger.sql %s/pay/0099-ledger.sql", copy(), copy());
    assert_int_equal(migrate("postgres", "numbers", copy(), false), ES_EXIT_FAILED);
    assert_printed("number 0002 was expected next");
    fresh_copy();
    spoil("cp %s/pay/0002-ledger.sql %s/core/0002-again.sql", copy(), copy());
    assert_int_equal(migrate("postgres", "numbers", copy(), false), ES_EXIT_FAILED);
    assert_printed("number 0003 was expected next");
    fresh_copy();
    spoil("cp %s/pay/0002-ledger.sql %s/pay/2-ledger.sql", copy(), copy());
    assert_int_equal(migrate("postgres", "numbers", copy(), false), ES_EXIT_FAILED);
    assert_printed("the name is not NNNN-name.sql");
}

static void a_database_from_the_future_is_refused(void **state)
{
    (void)state;
    PGconn *fresh = connect_to("fresh");
    (void)es_test_sql(fresh,
                      "INSERT INTO public.eldersafe_migrations (number, schema, name, checksum)"
                      " SELECT max(number) + 1, 'core', 'tomorrow', repeat('0', 64)"
                      " FROM public.eldersafe_migrations");
    assert_int_equal(migrate("postgres", "fresh", MIGRATIONS, false), ES_EXIT_FAILED);
    assert_printed("(core/tomorrow), which this release does not know");
    assert_int_equal(check("postgres", "fresh"), ES_EXIT_FAILED);
    (void)es_test_sql(fresh, "DELETE FROM public.eldersafe_migrations WHERE name = 'tomorrow'");
    (void)es_test_sql(fresh, "UPDATE public.eldersafe_migrations SET number = 99 WHERE number = 2");
    assert_int_equal(migrate("postgres", "fresh", MIGRATIONS, false), ES_EXIT_FAILED);
    (void)es_test_sql(fresh, "UPDATE public.eldersafe_migrations SET number = 2 WHERE number = 99");
    es_test_disconnect(&fresh);
}

static void a_migration_that_fails_leaves_nothing_and_names_its_line(void **state)
{
    (void)state;
    PGconn *fresh = connect_to("fresh");
    fresh_copy();
    spoil("n=$(($(find %s -name '0*.sql' -path '*/0*' | wc -l) + 1));"
          " printf 'CREATE TABLE core.halfway ();\\n\\nSELECT oops;\\n'"
          " >%s/core/000$n-halfway.sql",
          copy(), copy());
    assert_int_equal(migrate("postgres", "fresh", copy(), false), ES_EXIT_FAILED);
    assert_printed("-halfway.sql:3: column \"oops\" does not exist");
    assert_string_equal(es_test_sql(fresh, "SELECT to_regclass('core.halfway')"), "");
    assert_string_equal(
        es_test_sql(fresh,
                    "SELECT count(*) FROM public.eldersafe_migrations WHERE name = 'halfway'"),
        "0");
    spoil("file=$(ls %s/core/*-halfway.sql) &&"
          " printf 'CREATE TABLE core.halfway (); COMMIT;' >$file",
          copy());
    assert_int_equal(migrate("postgres", "fresh", copy(), false), ES_EXIT_FAILED);
    assert_printed("must not end its transaction");
    (void)es_test_sql(fresh, "DROP TABLE core.halfway");
    es_test_disconnect(&fresh);
}

static void two_at_once_take_turns_and_the_waiting_one_says_for_whom(void **state)
{
    (void)state;
    PGconn *holder = connect_to("fresh");
    (void)es_test_sql(holder, "SET application_name = 'somebody else';"
                              " SELECT pg_advisory_lock(8315144630245155)");
    assert_int_equal(migrate("postgres", "fresh", MIGRATIONS, false), ES_EXIT_FAILED);
    assert_printed("another migration is running: process");
    assert_printed("somebody else");
    es_test_disconnect(&holder);
    assert_int_equal(migrate("postgres", "fresh", MIGRATIONS, false), ES_EXIT_OK);
}

static void who_may_not_migrate_is_told_what_to_do(void **state)
{
    (void)state;
    assert_int_equal(migrate("eldersafe_core", "fresh", MIGRATIONS, false), ES_EXIT_FAILED);
    assert_printed("eldersafectl migrate --roles");
    assert_int_equal(migrate("nobody_at_all", "fresh", MIGRATIONS, false), ES_EXIT_FAILED);
    assert_printed("nobody_at_all");
    assert_int_equal(migrate("postgres", "fresh", "/nonexistent", false), ES_EXIT_FAILED);
    assert_printed("/nonexistent");
}

static void wrong_arguments_are_usage_errors(void **state)
{
    (void)state;
    static const char *const arguments[][3] = {
        {"migrate", "--nix", NULL},       {"migrate", "--database", NULL},
        {"migrate", "--roles=yes", NULL}, {"migrate", "--lock-wait=x", NULL},
        {"check", "extra", NULL},         {"nix", NULL, NULL}};
    for (size_t i = 0; i < ES_ARRAY_LEN(arguments); i++) {
        const char *const argv[] = {program, arguments[i][0], arguments[i][1], NULL};
        es_buf_clear(&printed);
        assert_int_equal(es_test_run(argv, &printed), ES_EXIT_USAGE);
    }
    const char *const help[] = {program, "migrate", "--help", NULL};
    assert_int_equal(es_test_run(help, &printed), ES_EXIT_OK);
    assert_printed("--lock-wait SECONDS");
}

/* --- what daemons say ---------------------------------------------------------------------- */
static void daemons_know_the_schema_they_were_built_for(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    struct es_db_config config = {.conninfo = conninfo_of("eldersafe_core", "fresh"),
                                  .application_name = "test",
                                  .statement_timeout_ms = 5000};
    struct es_db *db = es_db_new(&config, NULL, 0);
    PGconn *fresh = connect_to("fresh");
    assert_int_equal(es_db_check_schema(db, &error), ES_DB_OK);
    (void)es_test_sql(fresh, "UPDATE public.eldersafe_migrations SET checksum = repeat('0', 64)"
                             " WHERE number = 0");
    assert_int_equal(es_db_check_schema(db, &error), ES_DB_CHECK);
    assert_non_null(strstr(es_buf_str(&error), "functions"));
    es_buf_clear(&error);
    (void)es_test_sql(fresh, "UPDATE public.eldersafe_migrations SET number = 77 WHERE number ="
                             " (SELECT max(number) FROM public.eldersafe_migrations)");
    assert_int_equal(es_db_check_schema(db, &error), ES_DB_CHECK);
    assert_non_null(strstr(es_buf_str(&error), "version 77"));
    (void)es_test_sql(fresh, "UPDATE public.eldersafe_migrations SET number ="
                             " (SELECT count(*) - 1 FROM public.eldersafe_migrations)"
                             " WHERE number = 77");
    assert_int_equal(migrate("eldersafe_migrate", "fresh", MIGRATIONS, false), ES_EXIT_OK);
    es_buf_clear(&error);
    assert_int_equal(es_db_check_schema(db, &error), ES_DB_OK);
    db = es_db_free(db);
    es_test_disconnect(&fresh);
}

/* --- check --------------------------------------------------------------------------------- */
static void a_sound_database_passes_for_the_admin_role(void **state)
{
    (void)state;
    assert_int_equal(check("eldersafe_admin", "fresh"), ES_EXIT_OK);
    assert_null(strstr(es_buf_str(&printed), "FAILED"));
}

/* Spoil the database by SPOIL, expect the check to fail and to say FINDING, repair it by migrate or
 * by REPAIR. */
static void expect_finding(const char *spoiling, const char *finding, const char *repair)
{
    PGconn *fresh = connect_to("fresh");
    (void)es_test_sql(fresh, "%s", spoiling);
    int status = check("postgres", "fresh");
    (void)es_test_sql(fresh, "%s", repair);
    es_test_disconnect(&fresh);
    assert_int_equal(status, ES_EXIT_FAILED);
    assert_printed(finding);
}

static void every_slip_is_found(void **state)
{
    (void)state;
    expect_finding("ALTER ROLE eldersafe_core CONNECTION LIMIT 90", "FAILED   the roles may open",
                   "ALTER ROLE eldersafe_core CONNECTION LIMIT 40");
    expect_finding("ALTER ROLE eldersafe_core CONNECTION LIMIT -1",
                   "without a limit: eldersafe_core",
                   "ALTER ROLE eldersafe_core CONNECTION LIMIT 40");
    expect_finding("GRANT USAGE ON SCHEMA core TO eldersafe_ledger",
                   "eldersafe_ledger may use core",
                   "REVOKE USAGE ON SCHEMA core FROM eldersafe_ledger");
    expect_finding("GRANT UPDATE (note) ON anchor.checkpoints TO eldersafe_core",
                   "eldersafe_core may write anchor.checkpoints",
                   "REVOKE UPDATE (note) ON anchor.checkpoints FROM eldersafe_core");
    expect_finding("GRANT DELETE ON core.audit_log TO eldersafe_core",
                   "eldersafe_core may change core.audit_log",
                   "REVOKE DELETE ON core.audit_log FROM eldersafe_core");
    expect_finding("GRANT SELECT (sealed) ON vault.contacts TO eldersafe_core",
                   "eldersafe_core may touch vault.contacts",
                   "REVOKE SELECT (sealed) ON vault.contacts FROM eldersafe_core");
    expect_finding("GRANT eldersafe_owner TO eldersafe_core", "eldersafe_core is a member of",
                   "REVOKE eldersafe_owner FROM eldersafe_core");
    expect_finding("GRANT EXECUTE ON FUNCTION bus.prune() TO PUBLIC",
                   "everybody may EXECUTE bus.prune",
                   "REVOKE EXECUTE ON FUNCTION bus.prune() FROM PUBLIC");
    expect_finding("ALTER ROLE eldersafe_notify BYPASSRLS", "role eldersafe_notify is superuser",
                   "ALTER ROLE eldersafe_notify NOBYPASSRLS");
    expect_finding("ALTER TABLE pay.transfers ENABLE TRIGGER append_only_row", /* no more ALWAYS */
                   "not locked against change: pay.transfers",
                   "ALTER TABLE pay.transfers ENABLE ALWAYS TRIGGER append_only_row");
    expect_finding("DO $$ BEGIN EXECUTE 'ALTER TABLE ' || (SELECT min(inhrelid::regclass::text)"
                   " FROM pg_inherits WHERE inhparent = 'core.signals'::regclass)"
                   " || ' DISABLE TRIGGER append_only_table'; END $$",
                   "not locked against change: core.signals_",
                   "DO $$ BEGIN EXECUTE 'ALTER TABLE ' || (SELECT min(inhrelid::regclass::text)"
                   " FROM pg_inherits WHERE inhparent = 'core.signals'::regclass)"
                   " || ' ENABLE ALWAYS TRIGGER append_only_table'; END $$");
    expect_finding("DO $$ BEGIN EXECUTE 'DROP TABLE core.signals_'"
                   " || to_char(now() + interval '1 month', 'YYYY_MM'); END $$",
                   "signals have no place in", "SELECT core.make_signal_partitions(3)");
    assert_int_equal(check("postgres", "fresh"), ES_EXIT_OK); /* all of it repaired */
}

static void a_right_given_by_hand_is_taken_back_by_the_next_migrate(void **state)
{
    (void)state;
    PGconn *fresh = connect_to("fresh");
    (void)es_test_sql(fresh, "GRANT ALL ON core.signals, vault.contacts TO eldersafe_core;"
                             " GRANT UPDATE (note) ON anchor.checkpoints TO eldersafe_ledger;"
                             " GRANT ALL ON ALL FUNCTIONS IN SCHEMA pay TO PUBLIC");
    assert_int_equal(check("postgres", "fresh"), ES_EXIT_FAILED);
    assert_int_equal(migrate("eldersafe_migrate", "fresh", MIGRATIONS, false), ES_EXIT_OK);
    assert_int_equal(check("postgres", "fresh"), ES_EXIT_OK);
    es_test_disconnect(&fresh);
}

/* --- set-up -------------------------------------------------------------------------------- */
static int start(void **state)
{
    (void)state;
    es_random_init();
    program = es_test_program("eldersafectl");
    server = es_test_postgres_start();
    super = connect_to("postgres");
    scratch = es_strdup("/tmp/eldersafe-migrations-XXXXXX");
    return mkdtemp(scratch) != NULL ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    spoil("rm -rf %s", scratch);
    es_test_disconnect(&super);
    es_buf_done(&printed);
    free(program);
    free(scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_database_gets_everything_and_a_second_run_changes_nothing),
        cmocka_unit_test(every_table_column_and_function_is_explained),
        cmocka_unit_test(an_applied_file_that_was_changed_is_refused),
        cmocka_unit_test(an_applied_file_that_was_renamed_is_refused),
        cmocka_unit_test(gaps_and_doubles_in_the_numbers_are_refused),
        cmocka_unit_test(a_database_from_the_future_is_refused),
        cmocka_unit_test(a_migration_that_fails_leaves_nothing_and_names_its_line),
        cmocka_unit_test(two_at_once_take_turns_and_the_waiting_one_says_for_whom),
        cmocka_unit_test(who_may_not_migrate_is_told_what_to_do),
        cmocka_unit_test(wrong_arguments_are_usage_errors),
        cmocka_unit_test(daemons_know_the_schema_they_were_built_for),
        cmocka_unit_test(a_sound_database_passes_for_the_admin_role),
        cmocka_unit_test(every_slip_is_found),
        cmocka_unit_test(a_right_given_by_hand_is_taken_back_by_the_next_migrate),
    };
    return cmocka_run_group_tests(tests, start, end);
}
