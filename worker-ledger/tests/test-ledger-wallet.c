/* Unit tests of worker-ledger/wallet: what to pay, which coins, what pays us. */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/random.h"
#include "common/tests/unit.h"
#include "worker-ledger/chain/fee.h"
#include "worker-ledger/chain/hash256.h"
#include "worker-ledger/wallet/choose.h"
#include "worker-ledger/wallet/fees.h"
#include "worker-ledger/wallet/funding.h"
#include "worker-ledger/wallet/split.h"

#include <string.h>

#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, NULL, NULL, NULL                                                          \
    }

static void a_policy_is_followed(void **state)
{
    (void)state;
    struct es_fees *fees = es_fees_new(100, 1000);
    assert_int_equal(es_fees_rate(fees), 100);
    es_fees_learn_policy(fees, 50);
    assert_int_equal(es_fees_rate(fees), 50);
    es_fees_learn_policy(fees, 5000);
    assert_int_equal(es_fees_rate(fees), 5000);
    assert_int_equal(es_fees_cap(fees), 1000);
    es_fees_free(fees);
}

/* Without a policy to ask, refusals are all there is to learn from. */
static void refusals_raise_the_rate_until_it_is_enough(void **state)
{
    (void)state;
    struct es_fees *fees = es_fees_new(100, 1000);
    int refusals = 0;
    for (; es_fees_rate(fees) < 450; refusals++) {
        es_fees_learn_refusal(fees, es_fees_rate(fees));
    }
    assert_in_range(refusals, 2, 5);
    int64_t learnt = es_fees_rate(fees);
    es_fees_learn_refusal(fees, 100); /* an old transaction, refused late, teaches nothing */
    assert_int_equal(es_fees_rate(fees), learnt);
    es_fees_learn_policy(fees, 100); /* the policy we had all along */
    assert_int_equal(es_fees_rate(fees), learnt);
    es_fees_learn_policy(fees, 120); /* news */
    assert_int_equal(es_fees_rate(fees), 120);
    es_fees_free(fees);
}

static void the_next_rate_after_a_refusal(void **state)
{
    (void)state;
    assert_int_equal(es_fees_after_refusal(500, 100), 500);
    assert_int_equal(es_fees_after_refusal(100, 100), 151);
    assert_int_equal(es_fees_after_refusal(1, 1), 2);
    assert_true(es_fees_after_refusal(0, INT64_MAX) > 0);
}

static struct es_coin_row coin_of(uint64_t satoshis)
{
    return (struct es_coin_row){.coin = {.satoshis = satoshis}};
}

static void several_coins_only_as_many_as_needed(void **state)
{
    (void)state;
    int64_t one = es_choose_least(1, 100);
    int64_t two = es_choose_least(2, 100);
    assert_int_equal(one, 25); /* 10 + 148 + 91 bytes */
    assert_true(two > one);
    struct es_coin_row coins[] = {coin_of(24), coin_of(20), coin_of(20), coin_of(1)};
    assert_int_equal(es_choose_several(coins, 4, 100), 2);
    assert_int_equal(es_choose_several(coins, 1, 100), 0);
    struct es_coin_row dust[] = {coin_of(14), coin_of(14), coin_of(14), coin_of(14)};
    assert_int_equal(es_choose_several(dust, 4, 100), 0); /* each costs more than it brings */
    assert_int_equal(es_choose_several(NULL, 0, 100), 0);
    assert_true(es_choose_least(1, INT64_MAX) == INT64_MAX);
}

static void splits_leave_room_for_the_fee(void **state)
{
    (void)state;
    assert_int_equal(es_choose_splits(500000, 10000, 100, 9), 9);
    size_t made = es_choose_splits(50000, 10000, 100, 9);
    assert_int_equal(made, 4); /* the fifth would leave nothing to pay with */
    assert_int_equal(es_choose_splits(20000, 10000, 100, 9), 0);
    assert_int_equal(es_choose_splits(29999, 10000, 100, 9), 2);
    assert_int_equal(es_choose_splits(500000, 10000, 100, 1), 0);
    assert_int_equal(es_choose_splits(0, 10000, 100, 9), 0);
}

static void a_split_is_made_when_it_helps(void **state)
{
    (void)state;
    struct es_split_policy policy = {
        .sign = {.rate = 100, .cap = 1000}, .ready = 10, .value = 10000};
    struct es_coin_totals totals = {.ready = 1, .largest = 500000};
    assert_int_equal(es_split_count(&policy, &totals), 9);
    totals.unsettled_splits = 1;
    assert_int_equal(es_split_count(&policy, &totals), 0); /* one is under way */
    totals.unsettled_splits = 0;
    totals.ready = 10;
    assert_int_equal(es_split_count(&policy, &totals), 0); /* there are enough */
    totals.ready = 1;
    policy.sign.rate = 1001;
    assert_int_equal(es_split_count(&policy, &totals), 0); /* too dear now */
}

/* A transaction with two outputs to us, one to somebody else and one with data. */
static void what_pays_us_is_found(void **state)
{
    (void)state;
    unsigned char us[ES_KEY_HASH_SIZE] = {1};
    unsigned char them[ES_KEY_HASH_SIZE] = {2};
    unsigned char to_us[ES_SCRIPT_P2PKH_SIZE];
    unsigned char to_them[ES_SCRIPT_P2PKH_SIZE];
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    ES_CLEANUP(es_buf_done) struct es_buf raw = ES_BUF_INIT;
    es_script_p2pkh(us, to_us);
    es_script_p2pkh(them, to_them);
    struct es_tx_input input = {.sequence = ES_TX_SEQUENCE_FINAL};
    struct es_tx_output outputs[] = {
        {.satoshis = 5, .lock = {to_us, sizeof(to_us)}},
        {.satoshis = 6, .lock = {to_them, sizeof(to_them)}},
        {.satoshis = 0, .lock = {(const unsigned char *)"\x00\x6a\x01z", 4}},
        {.satoshis = 7, .lock = {to_us, sizeof(to_us)}},
        {.satoshis = 0, .lock = {to_us, sizeof(to_us)}},
    };
    struct es_tx tx = {.version = 1,
                       .inputs = &input,
                       .input_count = 1,
                       .outputs = outputs,
                       .output_count = ES_ARRAY_LEN(outputs)};
    es_tx_write(&tx, &raw);
    struct es_coin *coins = NULL;
    size_t count = 0;
    assert_true(es_funding_find(arena, raw.data, raw.length, us, &coins, &count));
    assert_int_equal(count, 2);
    assert_int_equal(coins[0].outpoint.vout, 0);
    assert_int_equal(coins[0].satoshis, 5);
    assert_int_equal(coins[1].outpoint.vout, 3);
    assert_int_equal(coins[1].satoshis, 7);
    struct es_hash txid = es_hash256(raw.data, raw.length);
    assert_true(es_hash_equal(&coins[1].outpoint.txid, &txid));
    assert_false(es_funding_find(arena, raw.data, raw.length - 1, us, &coins, &count));
}

int main(void)
{
    es_random_init();
    const struct CMUnitTest tests[] = {
        TEST("J2.10 a policy is followed", a_policy_is_followed),
        TEST("J2.10 refusals raise the rate until it is enough",
             refusals_raise_the_rate_until_it_is_enough),
        TEST("J2.10 the next rate after a refusal", the_next_rate_after_a_refusal),
        TEST("several coins, only as many as needed", several_coins_only_as_many_as_needed),
        TEST("splits leave room for the fee", splits_leave_room_for_the_fee),
        TEST("a split is made when it helps", a_split_is_made_when_it_helps),
        TEST("J2.12 what pays us is found", what_pays_us_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
