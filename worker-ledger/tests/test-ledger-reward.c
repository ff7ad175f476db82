/* Unit tests of worker-ledger/db: who rewards a checkpoint when two processes come at once. */
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/tests/role-db.h"
#include "common/tests/sql.h"
#include "common/tests/unit.h"
#include "worker-ledger/db/registry.h"
#include "worker-ledger/db/transactions.h"

#include <pthread.h>

#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, NULL, NULL, NULL                                                          \
    }

#define PATIENCE_S 60

static PGconn *super;
static PGconn *other; /* as another ledger */
static struct es_db *db;

/* Transaction 1, which carries checkpoint 1, is seen; nobody was rewarded. */
static void put_seen_transaction(void)
{
    (void)es_test_sql(super, "INSERT INTO anchor.checkpoints (size, first_index, root, note)"
                             " VALUES (1, 0, sha256('root'), 'note');"
                             "INSERT INTO anchor.transactions"
                             " (kind, checkpoint_id, txid, raw, fee, state, next_at)"
                             " VALUES ('anchor', 1, sha256('tx'), '\\x00', 1, 'seen', now())");
}

static enum es_db_result hold(struct es_db *connection, void *ret_rewarded)
{
    return es_transactions_hold(connection, 1, ES_TX_SEEN, ret_rewarded);
}

static void *hold_it(void *ret_rewarded)
{
    return (void *)(uintptr_t)es_db_transaction(db, "reward", hold, ret_rewarded);
}

static void who_waited_for_the_other_sees_that_it_was_rewarded(void **state)
{
    (void)state;
    pthread_t thread;
    void *result = NULL;
    bool rewarded = false;
    put_seen_transaction();
    (void)es_test_sql(other,
                      "BEGIN;"
                      "SELECT FROM anchor.transactions WHERE transaction_id = 1"
                      " FOR NO KEY UPDATE;"
                      "INSERT INTO anchor.rewarded (checkpoint_id, transfers) VALUES (1, 0)");
    assert_int_equal(pthread_create(&thread, NULL, hold_it, &rewarded), 0);
    int64_t deadline_us = es_clock_mono_us() + PATIENCE_S * ES_US_PER_S;
    while (es_test_number(super, "SELECT count(*) FROM pg_locks WHERE NOT granted") == 0) {
        assert_true(es_clock_mono_us() < deadline_us);
    }
    (void)es_test_sql(other, "COMMIT");
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_int_equal((uintptr_t)result, ES_DB_OK);
    assert_true(rewarded);
}

/* --- set-up ---------------------------------------------------------------------------------- */
static int start(void **state)
{
    (void)state;
    es_random_init();
    struct es_test_server *server = es_test_schema_start();
    super = es_test_connect_as(server, "postgres");
    other = es_test_connect_as(server, "postgres");
    db = es_test_role_db(server, "eldersafe_ledger", es_ledger_statements,
                         es_ledger_statement_count);
    return 0;
}

static int end(void **state)
{
    (void)state;
    db = es_db_free(db);
    es_test_disconnect(&other);
    es_test_disconnect(&super);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("J1.15 E103 who waited for another ledger sees that it was rewarded",
             who_waited_for_the_other_sees_that_it_was_rewarded),
    };
    return cmocka_run_group_tests(tests, start, end);
}
