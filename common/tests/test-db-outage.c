/* Unit tests of common/db when the server is slow, frozen, stopped or restarted (E131). */
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/db/db.h"
#include "common/tests/server-fixture.h"
#include "common/tests/sql.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define STATEMENT_TIMEOUT_MS 1000
#define CONNECT_TIMEOUT_MS   700
#define IDLE_TIMEOUT_MS      200
#define AT_ONCE_MS           200
#define PATIENT_MS           20000 /* deadlines of what is about none */
#define PATIENCE_MS          30000

static const struct es_db_statement one = {.name = "one", .params = "", .sql = "SELECT 1 AS one"};
static const struct es_db_statement wait_for = {
    .name = "wait_for", .params = "n", .sql = "SELECT pg_sleep($1 / 1000.0)"};
static const struct es_db_statement backend = {
    .name = "backend", .params = "", .sql = "SELECT pg_backend_pid() AS pid"};
static const struct es_db_statement settings = {
    .name = "settings",
    .params = "",
    .sql = "SELECT current_setting('timezone') AS zone, current_setting('search_path') AS path,"
           " current_setting('plan_cache_mode') AS plans,"
           " current_setting('enable_seqscan') AS whole_tables,"
           " current_setting('statement_timeout') AS statement_timeout,"
           " current_setting('idle_in_transaction_session_timeout') AS idle_timeout"};

static const struct es_db_statement *const registry[] = {&one, &wait_for, &backend, &settings};

static char *conninfo;

static struct es_db *new_db_within(const char *where, int64_t connect_ms, int64_t statement_ms)
{
    struct es_db_config config = {.conninfo = where,
                                  .application_name = "test-db-outage",
                                  .connect_timeout_ms = connect_ms,
                                  .statement_timeout_ms = statement_ms,
                                  .idle_in_transaction_timeout_ms = IDLE_TIMEOUT_MS,
                                  .generic_plans = true};
    return es_db_new(&config, registry, ES_ARRAY_LEN(registry));
}

static struct es_db *new_db_to(const char *where)
{
    return new_db_within(where, PATIENT_MS, PATIENT_MS);
}

static struct es_db *new_db(void)
{
    return new_db_to(conninfo);
}

static struct es_db *new_hasty_db(void)
{
    return new_db_within(conninfo, CONNECT_TIMEOUT_MS, STATEMENT_TIMEOUT_MS);
}

static enum es_db_result ask(struct es_db *db)
{
    return es_db_run(db, &one, NULL);
}

static void ask_until_it_works(struct es_db *db)
{
    int64_t start_us = es_clock_mono_us();
    while (ask(db) != ES_DB_OK) {
        assert_true(ms_since(start_us) < PATIENCE_MS);
        (void)poll(NULL, 0, 5);
    }
}

/* --- slow and frozen ----------------------------------------------------------------------- */
static void the_server_gives_up_first_and_the_connection_lives_on(void **state)
{
    (void)state;
    struct es_db *db = new_hasty_db();
    bool in_time = false;
    for (int i = 0; i < TRIES && !in_time; i++) {
        ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *before = NULL;
        ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *after = NULL;
        if (es_db_one(db, &backend, &before) != ES_DB_OK) {
            continue;
        }
        int64_t start_us = es_clock_mono_us();
        assert_int_equal(es_db_run(db, &wait_for, NULL, PATIENCE_MS), ES_DB_UNAVAILABLE);
        in_time =
            strcmp(es_db_sqlstate(db), "57014") == 0 && ms_since(start_us) <= STATEMENT_TIMEOUT_MS;
        in_time = in_time && es_db_one(db, &backend, &after) == ES_DB_OK &&
                  es_db_i64(before, 0, "pid") == es_db_i64(after, 0, "pid");
    }
    assert_true(in_time);
    db = es_db_free(db);
}

/* How long DB takes to say that it is UNAVAILABLE, and at least LEAST_MS. */
static int64_t refused_after_ms(struct es_db *db, int64_t least_ms)
{
    int64_t start_us = es_clock_mono_us();
    assert_int_equal(ask(db), ES_DB_UNAVAILABLE);
    int64_t took_ms = ms_since(start_us);
    assert_true(took_ms >= least_ms);
    return took_ms;
}

static void a_frozen_server_is_unavailable_in_time_and_comes_back(void **state)
{
    (void)state;
    struct es_db *db = new_hasty_db();
    bool asking = false; /* was in time at least once; likewise the others */
    bool connecting = false;
    bool waiting = false;
    for (int i = 0; i < TRIES && !(asking && connecting && waiting); i++) {
        ask_until_it_works(db);
        es_test_server_freeze(server);
        int64_t most_ms = STATEMENT_TIMEOUT_MS + AT_ONCE_MS;
        asking |= refused_after_ms(db, STATEMENT_TIMEOUT_MS - 1) <= most_ms;
        assert_false(es_db_connected(db));
        /* The kernel still takes connections: nobody answers on them. Then the back-off answers. */
        most_ms = CONNECT_TIMEOUT_MS + AT_ONCE_MS;
        connecting |= refused_after_ms(db, CONNECT_TIMEOUT_MS - 1) <= most_ms;
        waiting |= refused_after_ms(db, 0) < AT_ONCE_MS;
        es_test_server_thaw(server);
        ask_until_it_works(db);
    }
    assert_true(asking && connecting && waiting);
    db = es_db_free(db);
}

/* --- stopped and restarted ----------------------------------------------------------------- */
static void a_stopped_server_costs_milliseconds_a_call(void **state)
{
    (void)state;
    struct es_db *db = new_db();
    assert_int_equal(ask(db), ES_DB_OK);
    es_test_server_stop(server);
    bool at_once = false;
    for (int i = 0; i < TRIES && !at_once; i++) {
        int64_t start_us = es_clock_mono_us();
        for (int n = 0; n < 10; n++) {
            assert_int_equal(ask(db), ES_DB_UNAVAILABLE);
            assert_string_not_equal(es_db_error(db), "");
        }
        at_once = ms_since(start_us) < AT_ONCE_MS;
    }
    assert_true(at_once);
    es_test_server_start_again(server);
    ask_until_it_works(db);
    db = es_db_free(db);
}

static void a_restart_while_idle_is_not_noticed(void **state)
{
    (void)state;
    struct es_db *db = new_db();
    assert_int_equal(ask(db), ES_DB_OK);
    es_test_server_stop(server);
    es_test_server_start_again(server);
    assert_int_equal(ask(db), ES_DB_OK); /* nothing was sent on the old connection */
    db = es_db_free(db);
}

struct sleeper {
    struct es_db *db;
    enum es_db_result result;
    char sqlstate[6];
};

static void *sleep_in_the_server(void *context)
{
    struct sleeper *sleeper = context;
    sleeper->result = es_db_run(sleeper->db, &wait_for, NULL, PATIENCE_MS);
    memcpy(sleeper->sqlstate, es_db_sqlstate(sleeper->db), sizeof(sleeper->sqlstate));
    return NULL;
}

static void wait_until_it_sleeps(PGconn *looker)
{
    int64_t start_us = es_clock_mono_us();
    while (strcmp(es_test_sql(looker, "SELECT count(*) FROM pg_stat_activity"
                                      " WHERE wait_event = 'PgSleep'"),
                  "1") != 0) {
        assert_true(ms_since(start_us) < PATIENCE_MS);
    }
}

static void a_statement_cut_off_by_a_restart_is_unavailable_not_a_bug(void **state)
{
    (void)state;
    pthread_t thread;
    PGconn *looker = es_test_connect(conninfo);
    struct sleeper sleeper = {.db = new_db()};
    assert_int_equal(ask(sleeper.db), ES_DB_OK);
    assert_int_equal(pthread_create(&thread, NULL, sleep_in_the_server, &sleeper), 0);
    wait_until_it_sleeps(looker);
    es_test_server_stop(server);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(sleeper.result, ES_DB_UNAVAILABLE);
    assert_string_equal(sleeper.sqlstate, "57P01");
    assert_false(es_db_connected(sleeper.db));
    es_test_server_start_again(server);
    assert_int_equal(ask(sleeper.db), ES_DB_OK); /* the first retry is at once */
    sleeper.db = es_db_free(sleeper.db);
    es_test_disconnect(&looker);
}

static void a_crash_of_the_server_is_survived(void **state)
{
    (void)state;
    struct es_db *db = new_db();
    assert_int_equal(ask(db), ES_DB_OK);
    es_test_server_kill(server);
    assert_int_equal(ask(db), ES_DB_UNAVAILABLE);
    es_test_server_start_again(server);
    ask_until_it_works(db);
    db = es_db_free(db);
}

static int attempts_within(int64_t time_ms)
{
    struct es_db *db = new_db_to("host=/nonexistent dbname=postgres");
    int64_t start_us = es_clock_mono_us();
    int attempts = 0;
    while (ms_since(start_us) < time_ms) {
        assert_int_equal(ask(db), ES_DB_UNAVAILABLE);
        attempts += strstr(es_db_error(db), "not connected") == NULL;
        (void)poll(NULL, 0, 1);
    }
    db = es_db_free(db);
    return attempts;
}

static void attempts_become_rarer_but_never_rarer_than_a_second(void **state)
{
    (void)state;
    int attempts = 0;
    /* At once, then after 25–50, 50–100, 100–200, 200–400, 400–800 ms: jitter spreads each. */
    for (int i = 0; i < TRIES && attempts < 4; i++) {
        attempts = attempts_within(1500);
        assert_true(attempts <= 7);
    }
    assert_true(attempts >= 4);
}

/* --- transactions -------------------------------------------------------------------------- */
static enum es_db_result lose_the_connection(struct es_db *db, void *context)
{
    PGconn *looker = context;
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    assert_int_equal(es_db_one(db, &backend, &rows), ES_DB_OK);
    int pid = (int)es_db_i64(rows, 0, "pid");
    (void)es_test_sql(looker, "SELECT pg_terminate_backend(%d, 2000)", pid);
    enum es_db_result result = ask(db);
    assert_int_equal(result, ES_DB_UNAVAILABLE);
    assert_int_equal(ask(db),
                     ES_DB_UNAVAILABLE); /* not on another connection: half would be lost */
    return ES_DB_OK;                     /* and a body that does not care gets no COMMIT */
}

static void a_transaction_never_goes_on_on_another_connection(void **state)
{
    (void)state;
    PGconn *looker = es_test_connect(conninfo);
    struct es_db *db = new_db();
    assert_int_equal(es_db_transaction(db, "lost", lose_the_connection, looker), ES_DB_UNAVAILABLE);
    assert_true(es_db_idle(db));
    assert_int_equal(ask(db), ES_DB_OK);
    db = es_db_free(db);
    es_test_disconnect(&looker);
}

static enum es_db_result dawdle(struct es_db *db, void *context)
{
    (void)db;
    (void)context;
    (void)poll(NULL, 0, 2 * IDLE_TIMEOUT_MS); /* longer than a transaction may stand idle */
    return ES_DB_OK;
}

static void a_transaction_left_standing_is_ended_by_the_server(void **state)
{
    (void)state;
    struct es_db *db = new_db();
    assert_int_equal(es_db_transaction(db, "dawdle", dawdle, NULL), ES_DB_UNAVAILABLE);
    assert_int_equal(ask(db), ES_DB_OK);
    db = es_db_free(db);
}

/* --- the rest of a connection's life ------------------------------------------------------- */
static void every_connection_is_set_up_the_same_way(void **state)
{
    (void)state;
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    struct es_db *db = new_hasty_db();
    ask_until_it_works(db);
    assert_int_equal(es_db_one(db, &settings, &rows), ES_DB_OK);
    assert_string_equal(es_db_text(rows, 0, "zone"), "UTC");
    assert_string_equal(es_db_text(rows, 0, "path"), "pg_catalog");
    assert_string_equal(es_db_text(rows, 0, "plans"), "force_generic_plan");
    assert_string_equal(es_db_text(rows, 0, "whole_tables"), "off");
    assert_string_equal(es_db_text(rows, 0, "statement_timeout"), "900ms"); /* 9/10 of ours */
    assert_string_equal(es_db_text(rows, 0, "idle_timeout"), "200ms");
    db = es_db_free(db);
}

static void start_up_says_why_it_cannot_connect(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    struct es_db *db = new_db_to("host=/nonexistent dbname=postgres");
    assert_int_equal(es_db_connect(db, &error), ES_DB_UNAVAILABLE);
    assert_non_null(strstr(es_buf_str(&error), "/nonexistent"));
    assert_null(strchr(es_buf_str(&error), '\n'));
    assert_int_equal(es_db_server_version(db), 0);
    db = es_db_free(db);
    es_buf_clear(&error);
    db = new_db_to("not a connection string");
    assert_int_equal(es_db_connect(db, &error), ES_DB_UNAVAILABLE);
    assert_string_not_equal(es_buf_str(&error), "");
    db = es_db_free(db);
}

static void a_database_without_our_schema_is_named_as_such(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    struct es_db *db = new_db();
    assert_int_equal(es_db_check_schema(db, &error), ES_DB_CHECK);
    assert_non_null(strstr(es_buf_str(&error), "eldersafectl migrate"));
    db = es_db_free(db);
}

/* --- notifications ------------------------------------------------------------------------- */
static void a_notification_ends_the_wait_and_silence_does_not(void **state)
{
    (void)state;
    PGconn *speaker = es_test_connect(conninfo);
    struct es_db *db = new_db();
    assert_int_equal(es_db_listen(db, "eldersafe_test"), ES_DB_OK);
    while (es_db_wait_notify(db, 0)) { /* the first connection may count as one */
    }
    int64_t start_us = es_clock_mono_us();
    assert_false(es_db_wait_notify(db, 100));
    assert_true(ms_since(start_us) >= 100);
    (void)es_test_sql(speaker, "NOTIFY eldersafe_test");
    start_us = es_clock_mono_us();
    assert_true(es_db_wait_notify(db, PATIENCE_MS));
    assert_true(ms_since(start_us) < PATIENCE_MS);
    assert_int_equal(ask(db), ES_DB_OK); /* an ordinary statement in between loses nothing */
    (void)es_test_sql(speaker, "NOTIFY eldersafe_test");
    assert_int_equal(ask(db), ES_DB_OK);
    assert_true(es_db_wait_notify(db, PATIENCE_MS));
    db = es_db_free(db);
    es_test_disconnect(&speaker);
}

static void listening_goes_on_after_a_restart_and_the_gap_counts_as_a_call(void **state)
{
    (void)state;
    struct es_db *db = new_db();
    assert_int_equal(es_db_listen(db, "eldersafe_test"), ES_DB_OK);
    while (es_db_wait_notify(db, 0)) {
    }
    es_test_server_stop(server);
    int64_t start_us = es_clock_mono_us();
    assert_false(es_db_wait_notify(db, 200)); /* waits, does not spin */
    assert_true(ms_since(start_us) >= 200);
    es_test_server_start_again(server);
    assert_true(es_db_wait_notify(db, PATIENCE_MS)); /* what was said meanwhile may be missed */
    PGconn *speaker = es_test_connect(conninfo);
    (void)es_test_sql(speaker, "NOTIFY eldersafe_test");
    assert_true(es_db_wait_notify(db, PATIENCE_MS));
    db = es_db_free(db);
    es_test_disconnect(&speaker);
}

/* --- set-up -------------------------------------------------------------------------------- */
static int start(void **state)
{
    (void)state;
    es_random_init();
    server = es_test_postgres_start();
    conninfo = es_test_postgres_conninfo(server, "postgres", "postgres");
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(conninfo);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_server_gives_up_first_and_the_connection_lives_on, restore),
        cmocka_unit_test_setup(a_frozen_server_is_unavailable_in_time_and_comes_back, restore),
        cmocka_unit_test_setup(a_stopped_server_costs_milliseconds_a_call, restore),
        cmocka_unit_test_setup(a_restart_while_idle_is_not_noticed, restore),
        cmocka_unit_test_setup(a_statement_cut_off_by_a_restart_is_unavailable_not_a_bug, restore),
        cmocka_unit_test_setup(a_crash_of_the_server_is_survived, restore),
        cmocka_unit_test_setup(attempts_become_rarer_but_never_rarer_than_a_second, restore),
        cmocka_unit_test_setup(a_transaction_never_goes_on_on_another_connection, restore),
        cmocka_unit_test_setup(a_transaction_left_standing_is_ended_by_the_server, restore),
        cmocka_unit_test_setup(every_connection_is_set_up_the_same_way, restore),
        cmocka_unit_test_setup(start_up_says_why_it_cannot_connect, restore),
        cmocka_unit_test_setup(a_database_without_our_schema_is_named_as_such, restore),
        cmocka_unit_test_setup(a_notification_ends_the_wait_and_silence_does_not, restore),
        cmocka_unit_test_setup(listening_goes_on_after_a_restart_and_the_gap_counts_as_a_call,
                               restore),
    };
    return cmocka_run_group_tests(tests, start, end);
}
