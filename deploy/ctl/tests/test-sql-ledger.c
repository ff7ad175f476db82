/* The SQL functions around money and the log: transfers, rewards, what tiers may know of a leaf. */
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/tests/crowd.h"
#include "common/tests/servers.h"
#include "common/tests/sql.h"
#include "common/tests/unit.h"

#include <stdlib.h>
#include <string.h>

#define MANY_LEAVES 5000

static PGconn *super;
static PGconn *core;
static PGconn *ledger;
static char *super_conninfo;
static char *ledger_conninfo;

static void assert_books_balance(void)
{
    assert_string_equal(es_test_sql(super, "SELECT sum(balance) FROM pay.accounts"), "0");
    assert_string_equal(/* and each cached balance is the sum of its transfers */
                        es_test_sql(
                            super, "SELECT count(*) FROM pay.accounts a WHERE balance <> coalesce("
                                   "(SELECT sum(CASE WHEN credit_account = a.account_id THEN amount"
                                   "  ELSE -amount END) FROM pay.transfers"
                                   " WHERE a.account_id IN (credit_account, debit_account)), 0)"),
                        "0");
}

/* A new account of a member, or of the pool (the one there is). */
static int64_t open_account(void)
{
    return es_test_number(super, "INSERT INTO pay.accounts (kind, currency, may_go_below_zero)"
                                 " VALUES ('member_reward', 'SAT', false) RETURNING account_id");
}

static int64_t pool(void)
{
    return es_test_number(super, "SELECT account_id FROM pay.accounts WHERE kind = 'reward_pool'");
}

static int64_t balance(int64_t account)
{
    return es_test_number(super, "SELECT balance FROM pay.balances WHERE account_id = %lld",
                          (long long)account);
}

#define TRANSFER "SELECT pay.post_transfer('%s', 'reward', %lld, %lld, %d, 'SAT')"

/* --- transfers ----------------------------------------------------------------------------- */
static void the_same_transfer_again_is_the_same_transfer_J3_2(void **state)
{
    (void)state;
    long long from = pool();
    long long to = open_account();
    ES_CLEANUP(es_free_p) char *first = es_strdup(es_test_sql(super, TRANSFER, "a", from, to, 5));
    assert_string_equal(es_test_sql(super, TRANSFER, "a", from, to, 5), first);
    assert_int_equal(balance(to), 5);
    assert_string_equal(es_test_sql_error(super, TRANSFER, "a", from, to, 6), "ES422");
    assert_string_equal(es_test_sql_error(super, TRANSFER, "a", to, from, 5), "ES422");
    assert_string_equal(es_test_sql_error(super, TRANSFER, "a", from, 999999LL, 5), "ES422");
    assert_int_equal(balance(to), 5);
    assert_books_balance();
}

static void what_cannot_be_moved_is_refused_by_name(void **state)
{
    (void)state;
    long long from = pool();
    long long to = open_account();
    assert_string_equal(es_test_sql_error(super, TRANSFER, "b", from, 999999LL, 5), "ES404");
    assert_string_equal(es_test_sql_error(super, TRANSFER, "b", from, from, 5), "ES404");
    assert_string_equal(es_test_sql_error(super, TRANSFER, "b", to, from, 5),
                        "ES402"); /* has none */
    assert_string_equal(es_test_sql_error(super, TRANSFER, "b", from, to, 0), "23514");
    assert_string_equal(es_test_sql_error(super, TRANSFER, "b", from, to, -5), "23514");
    assert_string_equal(
        es_test_sql_error(super, "SELECT pay.post_transfer('b', 'reward', %lld, %lld, 5, 'DKK')",
                          from, to),
        "ES404");
    assert_string_equal(
        es_test_sql(super, "SELECT count(*) FROM pay.transfers WHERE transfer_key = 'b'"), "0");
    assert_books_balance();
}

static void transfers_cannot_be_changed(void **state)
{
    (void)state;
    assert_string_equal(es_test_sql_error(super, "UPDATE pay.transfers SET amount = 1"), "23001");
    assert_string_equal(es_test_sql_error(super, "DELETE FROM pay.transfers"), "23001");
    assert_string_equal(es_test_sql_error(super, "TRUNCATE pay.transfers"), "23001");
}

struct pair {
    long long from, to;
};

static void post_the_same(PGconn *conn, size_t number, void *context)
{
    const struct pair *pair = context;
    (void)number;
    (void)es_test_sql(conn, TRANSFER, "fifty", pair->from, pair->to, 3);
}

static void fifty_equal_requests_at_once_are_one_entry_J3_3(void **state)
{
    (void)state;
    struct pair pair = {pool(), open_account()};
    es_test_crowd(50, super_conninfo, post_the_same, &pair);
    assert_int_equal(balance(pair.to), 3);
    assert_string_equal(
        es_test_sql(super, "SELECT count(*) FROM pay.transfers WHERE transfer_key = 'fifty'"), "1");
    assert_books_balance();
}

static void post_back_and_forth(PGconn *conn, size_t number, void *context)
{
    const struct pair *pair = context;
    char key[32];
    for (int i = 0; i < 50; i++) {
        (void)snprintf(key, sizeof(key), "swap/%zu/%d", number, i);
        long long from = number % 2 == 0 ? pair->from : pair->to;
        (void)es_test_sql(conn, TRANSFER, key, from, pair->from + pair->to - from, 1);
    }
}

static void opposite_transfers_never_lock_each_other_out(void **state)
{
    (void)state;
    struct pair pair = {open_account(), open_account()};
    (void)es_test_sql(super, TRANSFER, "swap/one", (long long)pool(), pair.from, 1000);
    (void)es_test_sql(super, TRANSFER, "swap/two", (long long)pool(), pair.to, 1000);
    es_test_crowd(6, super_conninfo, post_back_and_forth, &pair); /* a deadlock fails its part */
    assert_int_equal(balance(pair.from) + balance(pair.to), 2000);
    assert_books_balance();
}

/* --- the log ------------------------------------------------------------------------------- */
/* Seal COUNT new leaves that reward ACCOUNT (SQL, NULL: none) into a checkpoint of their own;
 * yields its id. */
static int64_t seal(int count, const char *account)
{
    return es_test_number(
        super,
        "WITH size AS (SELECT coalesce(max(size), 0) AS n FROM anchor.checkpoints), leaf AS ("
        " INSERT INTO anchor.entries (leaf_index, leaf_id, hash, reward_account)"
        " SELECT size.n + g - 1, nextval('anchor.leaf_ids'), sha256(g::text::bytea), %s"
        " FROM size, generate_series(1, %d) g)"
        "INSERT INTO anchor.checkpoints (size, first_index, root, note)"
        " SELECT n + %d, n, sha256('root'), 'note of ' || n + %d FROM size RETURNING checkpoint_id",
        account, count, count, count);
}

/* The same for leaves that all reward ACCOUNT. */
static int64_t seal_for(int64_t account, int count)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%lld", (long long)account);
    return seal(count, text);
}

static void transact(int64_t checkpoint, const char *state)
{
    (void)es_test_sql(
        super,
        "INSERT INTO anchor.transactions (kind, checkpoint_id, txid, raw, fee, state, next_at)"
        " SELECT 'anchor', %lld, sha256(gen_random_uuid()::text::bytea), '\\x0100', 100, '%s',"
        " CASE WHEN '%s' IN ('rejected', 'stale') THEN NULL ELSE now() END",
        (long long)checkpoint, state, state);
}

static void move_to(int64_t checkpoint, const char *state)
{
    (void)es_test_sql(
        super,
        "UPDATE anchor.transactions SET state = '%s', next_at = CASE WHEN '%s' IN"
        " ('final', 'rejected', 'stale') THEN NULL ELSE now() END, block_hash = sha256('block'),"
        " block_height = 100, block_header = decode(repeat('bb', 80), 'hex'), bump = '\\xfe'"
        " WHERE checkpoint_id = %lld AND state NOT IN ('rejected', 'stale')",
        state, state, (long long)checkpoint);
}

/* "STATE has-txid" of the first leaf of CHECKPOINT, as the core sees it. */
static const char *leaf_status(int64_t checkpoint)
{
    static char leaf[32];
    (void)snprintf(leaf, sizeof(leaf), "%s",
                   es_test_sql(super,
                               "SELECT leaf_id FROM anchor.entries JOIN anchor.checkpoints"
                               " ON leaf_index = first_index WHERE checkpoint_id = %lld",
                               (long long)checkpoint));
    return es_test_sql(core,
                       "SELECT state || ' ' || (txid IS NOT NULL) FROM"
                       " anchor.leaf_status(ARRAY[%s])",
                       leaf);
}

static void a_leaf_shows_how_far_it_has_come_J2_4(void **state)
{
    (void)state;
    (void)es_test_sql(core,
                      "INSERT INTO anchor.leaves (leaf_id, hash) VALUES (900000001, sha256('x'))");
    assert_string_equal(
        es_test_sql(core, "SELECT format('%%s %%s %%s', state, leaf_index IS NULL, txid IS NULL)"
                          " FROM anchor.leaf_status('{900000001,900000002}')"),
        "pending t t"); /* and nothing of the one that does not exist */
    int64_t checkpoint = seal(3, "NULL");
    assert_string_equal(leaf_status(checkpoint), "sealed false");
    transact(checkpoint, "rejected");
    assert_string_equal(leaf_status(checkpoint), "sealed false");
    transact(checkpoint, "signed");
    assert_string_equal(leaf_status(checkpoint), "sealed false"); /* nobody has taken it yet */
    static const char *const states[] = {"sent", "seen", "mined", "final"};
    for (size_t i = 0; i < ES_ARRAY_LEN(states); i++) {
        char expected[32];
        (void)snprintf(expected, sizeof(expected), "%s true", states[i]);
        move_to(checkpoint, states[i]);
        assert_string_equal(leaf_status(checkpoint), expected);
    }
}

#define RECEIPT                                                                                    \
    "SELECT format('%%s %%s %%s %%s%%s%%s', coalesce(leaf_index - %lld, -1), state, note,"         \
    " num_nulls(size, root), num_nulls(raw), num_nulls(bump, block_hash, block_height,"            \
    " block_header)) FROM anchor.receipt(%lld)"

static void a_receipt_says_what_is_known_and_nothing_else(void **state)
{
    (void)state;
    (void)es_test_sql(core,
                      "INSERT INTO anchor.leaves (leaf_id, hash) VALUES (900000011, sha256('x'))");
    assert_string_equal(es_test_sql(core, RECEIPT, 0LL, 900000011LL), "-1 pending  214");
    assert_string_equal(es_test_sql(core, RECEIPT, 0LL, 900000012LL), "");
    int64_t checkpoint = seal(2, "NULL");
    long long first = es_test_number(super, "SELECT max(first_index) FROM anchor.checkpoints");
    long long leaf = es_test_number(
        super, "SELECT leaf_id FROM anchor.entries WHERE leaf_index = %lld", first + 1);
    char expected[64];
    (void)snprintf(expected, sizeof(expected), "1 sealed note of %lld 014", first + 2);
    assert_string_equal(es_test_sql(core, RECEIPT, first, leaf), expected);
    transact(checkpoint, "sent");
    (void)snprintf(expected, sizeof(expected), "1 sent note of %lld 004", first + 2);
    assert_string_equal(es_test_sql(core, RECEIPT, first, leaf), expected);
    move_to(checkpoint, "mined");
    (void)snprintf(expected, sizeof(expected), "1 mined note of %lld 000", first + 2);
    assert_string_equal(es_test_sql(core, RECEIPT, first, leaf), expected);
    move_to(checkpoint, "seen"); /* a reorganisation: the old proof is no proof any more */
    (void)snprintf(expected, sizeof(expected), "1 seen note of %lld 004", first + 2);
    assert_string_equal(es_test_sql(core, RECEIPT, first, leaf), expected);
}

static void the_queue_tells_its_length_and_age_E118(void **state)
{
    (void)state;
    (void)es_test_sql(super, "DELETE FROM anchor.leaves");
    assert_string_equal(es_test_sql(ledger, "SELECT format('%%s %%s', waiting, oldest IS NULL)"
                                            " FROM anchor.queue_age()"),
                        "0 t");
    (void)es_test_sql(super,
                      "INSERT INTO anchor.leaves (leaf_id, hash, waiting_since)"
                      " SELECT g, sha256('x'), timestamptz '2026-01-01Z' + (g %% 7) * interval"
                      " '1 hour' FROM generate_series(1, 30) g");
    assert_string_equal(es_test_sql(ledger, "SELECT format('%%s %%s', waiting, oldest = timestamptz"
                                            " '2026-01-01Z') FROM anchor.queue_age()"),
                        "30 t");
    (void)es_test_sql(super, "INSERT INTO anchor.leaves (leaf_id, hash) SELECT g, sha256('x')"
                             " FROM generate_series(31, 20000) g; ANALYZE anchor.leaves");
    assert_string_equal(es_test_sql(ledger,
                                    "SELECT (waiting BETWEEN 15000 AND 25000)::text || (oldest ="
                                    " timestamptz '2026-01-01Z') FROM anchor.queue_age()"),
                        "truetrue");
    (void)es_test_sql(super, "DELETE FROM anchor.leaves");
}

/* --- rewards ------------------------------------------------------------------------------- */
static const char *post_rewards(PGconn *conn, int64_t checkpoint)
{
    return es_test_sql(conn, "SELECT pay.post_rewards(%lld)", (long long)checkpoint);
}

static void a_reward_waits_until_the_transaction_is_on_the_network(void **state)
{
    (void)state;
    int64_t account = open_account();
    int64_t checkpoint = seal_for(account, 4);
    assert_string_equal(
        es_test_sql_error(ledger, "SELECT pay.post_rewards(%lld)", (long long)checkpoint), "ES409");
    transact(checkpoint, "sent");
    assert_string_equal(
        es_test_sql_error(ledger, "SELECT pay.post_rewards(%lld)", (long long)checkpoint), "ES409");
    move_to(checkpoint, "rejected");
    assert_string_equal(
        es_test_sql_error(ledger, "SELECT pay.post_rewards(%lld)", (long long)checkpoint), "ES409");
    transact(checkpoint, "seen");
    assert_string_equal(post_rewards(ledger, checkpoint), "4");
    assert_int_equal(balance(account), 4);
    assert_string_equal(es_test_sql_error(ledger, "SELECT pay.post_rewards(999999)"), "ES404");
    assert_books_balance();
}

static void a_second_call_pays_nothing_E58_E101(void **state)
{
    (void)state;
    int64_t account = open_account();
    int64_t checkpoint = seal_for(account, 10);
    transact(checkpoint, "seen");
    assert_string_equal(post_rewards(ledger, checkpoint), "10");
    assert_string_equal(post_rewards(ledger, checkpoint), "0");
    move_to(checkpoint, "final");
    assert_string_equal(post_rewards(ledger, checkpoint), "0");
    assert_int_equal(balance(account), 10);
    assert_string_equal(es_test_sql(super,
                                    "SELECT transfers FROM anchor.rewarded WHERE checkpoint_id"
                                    " = %lld",
                                    (long long)checkpoint),
                        "10");
    assert_string_equal(es_test_sql_error(super, "DELETE FROM anchor.rewarded"), "23001");
    assert_books_balance();
}

static void reward_in_a_crowd(PGconn *conn, size_t number, void *context)
{
    int64_t *paid = context;
    paid[number] = es_test_number(conn, "SELECT pay.post_rewards(max(checkpoint_id))"
                                        " FROM anchor.checkpoints");
}

static void several_ledgers_at_once_pay_once(void **state)
{
    (void)state;
    int64_t paid[5] = {0};
    int64_t account = open_account();
    int64_t checkpoint = seal_for(account, MANY_LEAVES);
    transact(checkpoint, "seen");
    es_test_crowd(ES_ARRAY_LEN(paid), ledger_conninfo, reward_in_a_crowd, paid);
    assert_int_equal(paid[0] + paid[1] + paid[2] + paid[3] + paid[4], MANY_LEAVES);
    assert_int_equal(balance(account), MANY_LEAVES);
    assert_books_balance();
}

static void leaves_without_a_member_s_account_earn_nothing_and_stop_nobody(void **state)
{
    (void)state;
    (void)es_test_sql(super, "INSERT INTO pay.accounts (kind, currency, may_go_below_zero)"
                             " VALUES ('member_reward', 'DKK', false)");
    int64_t account = open_account();
    char mixed[256]; /* none, no such account, the pool itself, another currency, a member's */
    (void)snprintf(mixed, sizeof(mixed),
                   "(ARRAY[NULL, 999999, %lld, (SELECT max(account_id) FROM pay.accounts WHERE"
                   " currency = 'DKK'), %lld])[g]",
                   (long long)pool(), (long long)account);
    int64_t checkpoint = seal(5, mixed);
    transact(checkpoint, "seen");
    assert_string_equal(post_rewards(ledger, checkpoint), "1");
    assert_int_equal(balance(account), 1);
    assert_books_balance();
}

static void an_idle_checkpoint_pays_nobody_and_counts_as_rewarded(void **state)
{
    (void)state;
    int64_t checkpoint = seal(2, "NULL");
    transact(checkpoint, "seen");
    assert_string_equal(post_rewards(ledger, checkpoint), "0");
    assert_string_equal(es_test_sql(super,
                                    "SELECT transfers FROM anchor.rewarded WHERE checkpoint_id"
                                    " = %lld",
                                    (long long)checkpoint),
                        "0");
}

static void a_reward_paid_to_somebody_else_is_an_error_and_the_same_one_is_none_J3_2(void **state)
{
    (void)state;
    static const char last_reward[] = "SELECT 'reward/' || max(leaf_id) FROM anchor.entries";
    int64_t account = open_account();
    int64_t other = open_account();
    int64_t checkpoint = seal_for(account, 3);
    char key[32];
    (void)snprintf(key, sizeof(key), "%s", es_test_sql(super, last_reward));
    (void)es_test_sql(super, TRANSFER, key, (long long)pool(), (long long)other, 1);
    transact(checkpoint, "seen");
    assert_string_equal(
        es_test_sql_error(ledger, "SELECT pay.post_rewards(%lld)", (long long)checkpoint), "ES422");
    assert_int_equal(balance(account), 0);
    assert_string_equal(es_test_sql(super,
                                    "SELECT count(*) FROM anchor.rewarded WHERE checkpoint_id"
                                    " = %lld",
                                    (long long)checkpoint),
                        "0");
    checkpoint = seal_for(account, 3);
    (void)snprintf(key, sizeof(key), "%s", es_test_sql(super, last_reward));
    (void)es_test_sql(super, TRANSFER, key, (long long)pool(), (long long)account, 1);
    transact(checkpoint, "seen");
    assert_string_equal(post_rewards(ledger, checkpoint), "2");
    assert_int_equal(balance(account), 3);
    assert_books_balance();
}

/* --- set-up -------------------------------------------------------------------------------- */
static int start(void **state)
{
    (void)state;
    es_random_init();
    struct es_test_server *server = es_test_schema_start();
    super_conninfo = es_test_postgres_conninfo(server, "postgres", "postgres");
    ES_CLEANUP(es_free_p)
    char *core_conninfo = es_test_postgres_conninfo(server, "eldersafe_core", "postgres");
    ledger_conninfo = es_test_postgres_conninfo(server, "eldersafe_ledger", "postgres");
    super = es_test_connect(super_conninfo);
    core = es_test_connect(core_conninfo);
    ledger = es_test_connect(ledger_conninfo);
    return 0;
}

static int end(void **state)
{
    (void)state;
    es_test_disconnect(&super);
    es_test_disconnect(&core);
    es_test_disconnect(&ledger);
    free(super_conninfo);
    free(ledger_conninfo);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_transfer_again_is_the_same_transfer_J3_2),
        cmocka_unit_test(what_cannot_be_moved_is_refused_by_name),
        cmocka_unit_test(transfers_cannot_be_changed),
        cmocka_unit_test(fifty_equal_requests_at_once_are_one_entry_J3_3),
        cmocka_unit_test(opposite_transfers_never_lock_each_other_out),
        cmocka_unit_test(a_leaf_shows_how_far_it_has_come_J2_4),
        cmocka_unit_test(a_receipt_says_what_is_known_and_nothing_else),
        cmocka_unit_test(the_queue_tells_its_length_and_age_E118),
        cmocka_unit_test(a_reward_waits_until_the_transaction_is_on_the_network),
        cmocka_unit_test(a_second_call_pays_nothing_E58_E101),
        cmocka_unit_test(several_ledgers_at_once_pay_once),
        cmocka_unit_test(leaves_without_a_member_s_account_earn_nothing_and_stop_nobody),
        cmocka_unit_test(an_idle_checkpoint_pays_nobody_and_counts_as_rewarded),
        cmocka_unit_test(a_reward_paid_to_somebody_else_is_an_error_and_the_same_one_is_none_J3_2),
    };
    return cmocka_run_group_tests(tests, start, end);
}
