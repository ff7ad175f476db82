/* Unit tests of es_db_transaction: whole or not at all, again after a conflict, never half. */
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/observe/log.h"
#include "common/tests/db-fixture.h"
#include "common/tests/servers.h"

#include <pthread.h>
#include <stdlib.h>

#define STATEMENT_TIMEOUT_MS 5000

static const struct es_db_statement add_thing = {
    .name = "add_thing", .params = "it", .sql = "INSERT INTO public.things VALUES ($1, $2)"};
static const struct es_db_statement move_between = {
    .name = "move_between",
    .params = "iii",
    .sql = "UPDATE public.accounts SET balance = balance + CASE id WHEN $1 THEN -$3 ELSE $3 END"
           " WHERE id IN ($1, $2)"};
static const struct es_db_statement lock_account = {
    .name = "lock_account",
    .params = "i",
    .sql = "SELECT balance FROM public.accounts WHERE id = $1 FOR UPDATE"};
static const struct es_db_statement begin_by_hand = {
    .name = "begin_by_hand", .params = "", .sql = "BEGIN"};
static const struct es_db_statement *const registry[] = {&add_thing, &move_between, &lock_account,
                                                         &begin_by_hand};

static struct es_db *new_db(void)
{
    struct es_db_config config = {.conninfo = conninfo,
                                  .application_name = "test-db-transaction",
                                  .connect_timeout_ms = STATEMENT_TIMEOUT_MS,
                                  .statement_timeout_ms = STATEMENT_TIMEOUT_MS};
    return es_db_new(&config, registry, ES_ARRAY_LEN(registry));
}

/* --- whole or not at all ------------------------------------------------------------------- */
struct story {
    int runs;
    int fail_runs; /* of these, how many end in FAILURE */
    enum es_db_result failure;
};

static enum es_db_result add_and_maybe_fail(struct es_db *on, void *context)
{
    struct story *story = context;
    story->runs++;
    assert_false(es_db_idle(on));
    enum es_db_result result = es_db_run(on, &add_thing, NULL, INT64_C(300), "x");
    return result == ES_DB_OK && story->runs <= story->fail_runs ? story->failure : result;
}

static void a_transaction_is_committed_whole(void **state)
{
    (void)state;
    struct story story = {0};
    assert_int_equal(es_db_transaction(db, "add", add_and_maybe_fail, &story), ES_DB_OK);
    assert_int_equal(story.runs, 1);
    assert_true(es_db_idle(db));
    assert_string_equal(es_test_sql(looker, "DELETE FROM things WHERE id = 300 RETURNING 1"), "1");
}

static void a_transaction_that_fails_leaves_nothing_and_keeps_its_error(void **state)
{
    (void)state;
    struct story story = {.fail_runs = 1, .failure = ES_DB_CHECK};
    assert_int_equal(es_db_transaction(db, "add", add_and_maybe_fail, &story), ES_DB_CHECK);
    assert_int_equal(story.runs, 1);
    assert_true(es_db_idle(db));
    assert_string_equal(es_test_sql(looker, "SELECT count(*) FROM things WHERE id = 300"), "0");
    assert_string_equal(es_test_sql(looker, "INSERT INTO things VALUES (300, 'x'); SELECT 1"), "1");
    story = (struct story){0};
    assert_int_equal(es_db_transaction(db, "add", add_and_maybe_fail, &story), ES_DB_UNIQUE);
    assert_string_equal(es_db_constraint(db), "things_pkey");
    assert_true(es_db_idle(db));
    (void)es_test_sql(looker, "DELETE FROM things WHERE id = 300");
}

static void a_conflict_runs_the_body_again_but_not_for_ever(void **state)
{
    (void)state;
    struct story story = {.fail_runs = 2, .failure = ES_DB_RETRY};
    assert_int_equal(es_db_transaction(db, "add", add_and_maybe_fail, &story), ES_DB_OK);
    assert_int_equal(story.runs, 3);
    assert_string_equal(es_test_sql(looker, "DELETE FROM things WHERE id = 300 RETURNING 1"), "1");
    story = (struct story){.fail_runs = 100, .failure = ES_DB_RETRY};
    assert_int_equal(es_db_transaction(db, "add", add_and_maybe_fail, &story), ES_DB_RETRY);
    assert_int_equal(story.runs, 5);
    assert_true(es_db_idle(db));
}

static enum es_db_result swallow_an_error(struct es_db *on, void *context)
{
    (void)context;
    enum es_db_result ignored = es_db_run(on, &add_thing, NULL, INT64_C(-1), "x");
    assert_int_equal(ignored, ES_DB_CHECK);
    return ES_DB_OK;
}

static void a_body_that_swallows_an_error_is_not_taken_for_success(void **state)
{
    (void)state;
    uint64_t broken = es_log_broken_count();
    assert_int_equal(es_db_transaction(db, "swallow", swallow_an_error, NULL), ES_DB_BUG);
    assert_int_equal(es_log_broken_count(), broken + 1);
    assert_true(es_db_idle(db));
}

static void a_transaction_left_open_is_a_bug_and_gone(void **state)
{
    (void)state;
    uint64_t broken = es_log_broken_count();
    es_db_end_request(db);
    assert_int_equal(es_log_broken_count(), broken);
    assert_int_equal(es_db_run(db, &begin_by_hand, NULL), ES_DB_OK);
    assert_int_equal(es_db_run(db, &add_thing, NULL, INT64_C(4711), "left"), ES_DB_OK);
    es_db_end_request(db);
    assert_int_equal(es_log_broken_count(), broken + 1);
    assert_true(es_db_idle(db));
    assert_int_equal(es_test_number(looker, "SELECT count(*) FROM public.things WHERE id = 4711"),
                     0);
    assert_int_equal(es_db_run(db, &lock_account, NULL, INT64_C(1)), ES_DB_OK); /* anew */
}

static enum es_db_result nest(struct es_db *on, void *context)
{
    struct story story = {0};
    (void)context;
    return es_db_transaction(on, "inner", add_and_maybe_fail, &story);
}

static void transactions_do_not_nest(void **state)
{
    (void)state;
    assert_int_equal(es_db_transaction(db, "outer", nest, NULL), ES_DB_BUG);
    assert_true(es_db_idle(db));
}

/* Two threads that lock the same two rows the other way round, again and again: the server ends
 * one of each pair as a deadlock victim, and the runner makes it succeed all the same. */
struct mover {
    int64_t from, to;
    enum es_db_result result;
    int runs;
    pthread_barrier_t *both_hold_one;
    bool met;
};

static enum es_db_result move_crosswise(struct es_db *on, void *context)
{
    struct mover *mover = context;
    mover->runs++;
    enum es_db_result result = es_db_run(on, &lock_account, NULL, mover->from);
    if (!mover->met) { /* only the first time: the second try of the victim meets nobody */
        mover->met = true;
        (void)pthread_barrier_wait(mover->both_hold_one);
    }
    if (result == ES_DB_OK) {
        result = es_db_run(on, &lock_account, NULL, mover->to);
    }
    if (result == ES_DB_OK) {
        result = es_db_run(on, &move_between, NULL, mover->from, mover->to, INT64_C(1));
    }
    return result;
}

static void *move(void *context)
{
    struct mover *mover = context;
    struct es_db *own = new_db();
    mover->result = es_db_transaction(own, "move", move_crosswise, mover);
    own = es_db_free(own);
    return NULL;
}

static void a_deadlock_is_retried(void **state)
{
    (void)state;
    pthread_t threads[2];
    pthread_barrier_t both_hold_one;
    struct mover movers[2] = {{.from = 1, .to = 2}, {.from = 2, .to = 1}};
    assert_int_equal(pthread_barrier_init(&both_hold_one, NULL, 2), 0);
    for (size_t i = 0; i < 2; i++) {
        movers[i].both_hold_one = &both_hold_one;
        assert_int_equal(pthread_create(&threads[i], NULL, move, &movers[i]), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(movers[i].result, ES_DB_OK);
    }
    assert_true(movers[0].runs + movers[1].runs >= 3); /* one of them at least ran again */
    assert_string_equal(es_test_sql(looker, "SELECT sum(balance) FROM accounts"), "0");
    pthread_barrier_destroy(&both_hold_one);
}

/* --- set-up -------------------------------------------------------------------------------- */
static int start(void **state)
{
    (void)state;
    es_random_init();
    conninfo = es_test_postgres_conninfo(es_test_postgres_start(), "postgres", "postgres");
    looker = es_test_connect(conninfo);
    (void)es_test_sql(
        looker, "CREATE TABLE things (id bigint PRIMARY KEY CHECK (id > 0), name text NOT NULL);"
                "CREATE TABLE accounts (id bigint PRIMARY KEY, balance bigint NOT NULL);"
                "INSERT INTO accounts VALUES (1, 0), (2, 0)");
    db = new_db();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transaction_is_committed_whole),
        cmocka_unit_test(a_transaction_that_fails_leaves_nothing_and_keeps_its_error),
        cmocka_unit_test(a_conflict_runs_the_body_again_but_not_for_ever),
        cmocka_unit_test(a_body_that_swallows_an_error_is_not_taken_for_success),
        cmocka_unit_test(a_transaction_left_open_is_a_bug_and_gone),
        cmocka_unit_test(transactions_do_not_nest),
        cmocka_unit_test(a_deadlock_is_retried),
    };
    return cmocka_run_group_tests(tests, start, end);
}
