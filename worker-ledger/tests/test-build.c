/* Unit tests of worker-ledger/chain: fees and the worker's own transactions. */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/tests/unit.h"
#include "worker-ledger/chain/build.h"
#include "worker-ledger/chain/fee.h"
#include "worker-ledger/chain/hash256.h"
#include "worker-ledger/chain/sighash.h"

#include <stdlib.h>
#include <string.h>

#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, NULL, NULL, NULL                                                          \
    }

/* A request that works; each test changes what it is about. */
struct bench {
    struct es_arena *arena;
    struct es_key *key;
    struct es_coin coins[2];
    struct es_checkpoint checkpoint;
    struct es_build_request request;
};

static int set_up(void **state)
{
    static const unsigned char secret[ES_KEY_SECRET_SIZE] = {[0] = 0x11, [31] = 0x07};
    struct bench *bench = ES_NEW(struct bench);
    bench->arena = es_arena_new(0);
    bench->key = es_key_new(secret);
    for (uint32_t i = 0; i < 2; i++) {
        bench->coins[i].outpoint.txid = es_hash_sha256(&i, sizeof(i));
        bench->coins[i].outpoint.vout = i;
        bench->coins[i].satoshis = 10000;
    }
    bench->checkpoint = (struct es_checkpoint){
        .origin = "log.example/2026", .size = 100, .root = es_hash_sha256("root", 4)};
    bench->request = (struct es_build_request){.key = bench->key,
                                               .coins = bench->coins,
                                               .coin_count = 1,
                                               .commitment = &bench->checkpoint,
                                               .fee_rate = 100,
                                               .fee_cap = 1000};
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    es_key_free(bench->key);
    es_arena_free(bench->arena);
    free(bench);
    return 0;
}

static struct es_built build(struct bench *bench)
{
    struct es_built built;
    assert_int_equal(es_build(bench->arena, &bench->request, &built), ES_BUILD_OK);
    return built;
}

static struct es_tx parse(struct bench *bench, const struct es_built *built)
{
    struct es_tx tx;
    assert_true(es_tx_parse(bench->arena, built->raw, built->raw_length, &tx));
    return tx;
}

/* Rules that every built transaction must satisfy, worked out again from its bytes. */
static void check_built(struct bench *bench, const struct es_built *built)
{
    struct es_tx tx = parse(bench, built);
    uint64_t in = 0;
    uint64_t out = 0;
    uint64_t least = 0;
    assert_int_equal(tx.version, 1);
    assert_int_equal(tx.lock_time, 0);
    assert_int_equal(tx.input_count, bench->request.coin_count);
    for (size_t i = 0; i < tx.input_count; i++) {
        assert_int_equal(tx.inputs[i].sequence, ES_TX_SEQUENCE_FINAL);
        assert_true(es_outpoint_equal(&tx.inputs[i].previous, &bench->request.coins[i].outpoint));
        in += bench->request.coins[i].satoshis;
    }
    for (size_t i = 0; i < tx.output_count; i++) {
        out += tx.outputs[i].satoshis;
    }
    struct es_hash txid = es_hash256(built->raw, built->raw_length);
    assert_true(es_hash_equal(&txid, &built->txid));
    assert_int_equal(in - out, built->fee);
    assert_true(es_fee_for_size(built->raw_length, bench->request.fee_rate, &least));
    assert_true(built->fee >= least && built->fee <= bench->request.fee_cap);
}

/* What the script engine would check: hash of the key, digest, signature. */
static void check_signatures(struct bench *bench, const struct es_built *built)
{
    struct es_tx tx = parse(bench, built);
    struct es_sighash_parts parts = es_sighash_parts_of(&tx);
    unsigned char script[ES_SCRIPT_P2PKH_SIZE];
    es_script_p2pkh(es_key_hash(bench->key), script);
    struct es_script lock = {.bytes = script, .length = sizeof(script)};
    for (size_t i = 0; i < tx.input_count; i++) {
        const unsigned char *unlock = tx.inputs[i].unlock.bytes;
        size_t pushed = unlock[0];
        struct es_hash digest = es_sighash(&tx, &parts, i, &lock, bench->request.coins[i].satoshis);
        assert_int_equal(tx.inputs[i].unlock.length, 1 + pushed + 1 + ES_PUBLIC_KEY_SIZE);
        assert_int_equal(unlock[pushed], ES_SIGHASH_ALL_FORKID);
        assert_int_equal(unlock[pushed + 1], ES_PUBLIC_KEY_SIZE);
        assert_memory_equal(unlock + pushed + 2, es_key_public(bench->key), ES_PUBLIC_KEY_SIZE);
        assert_true(
            es_signature_verify(es_key_public(bench->key), &digest, unlock + 1, pushed - 1));
    }
}

static void checkpoint_transaction(void **state)
{
    struct bench *bench = *state;
    struct es_built built = build(bench);
    struct es_tx tx = parse(bench, &built);
    struct es_commitment expected = es_commitment_of(&bench->checkpoint);
    struct es_commitment commitment;
    check_built(bench, &built);
    check_signatures(bench, &built);
    assert_int_equal(tx.output_count, 2);
    assert_int_equal(tx.outputs[0].satoshis, 0);
    assert_true(es_script_parse_commitment(&tx.outputs[0].lock, &commitment));
    assert_true(es_commitment_equal(&commitment, &expected));
    assert_int_equal(built.change_count, 1);
    assert_int_equal(built.change[0].outpoint.vout, 1);
    assert_true(es_hash_equal(&built.change[0].outpoint.txid, &built.txid));
    assert_int_equal(built.change[0].satoshis, 10000 - built.fee);
    /* 4 + 1 + 148 + 1 + 91 + 34 + 4 = 283 bytes at 100 satoshis per 1000 bytes */
    assert_int_equal(built.fee, 29);
}

/* The size of the transaction does not depend on how many leaves the checkpoint stands for. */
static void one_root_whatever_the_batch(void **state)
{
    struct bench *bench = *state;
    bench->checkpoint.size = 1;
    struct es_built small = build(bench);
    bench->checkpoint.size = UINT64_C(365000000);
    struct es_built large = build(bench);
    assert_in_range(large.raw_length, small.raw_length - 1, small.raw_length + 1);
    assert_false(es_hash_equal(&small.txid, &large.txid));
}

static void same_request_same_bytes(void **state)
{
    struct bench *bench = *state;
    bench->request.coin_count = 2;
    struct es_built first = build(bench);
    struct es_built second = build(bench);
    check_signatures(bench, &first);
    assert_int_equal(first.raw_length, second.raw_length);
    assert_memory_equal(first.raw, second.raw, first.raw_length);
}

static void splits_make_several_coins(void **state)
{
    struct bench *bench = *state;
    bench->request.split_count = 5;
    bench->request.split_satoshis = 1500;
    struct es_built built = build(bench);
    struct es_tx tx = parse(bench, &built);
    check_built(bench, &built);
    assert_int_equal(built.change_count, 6);
    for (size_t i = 0; i < built.change_count; i++) {
        assert_int_equal(built.change[i].outpoint.vout, i + 1);
        assert_int_equal(built.change[i].satoshis, tx.outputs[i + 1].satoshis);
        assert_int_equal(tx.outputs[i + 1].lock.length, ES_SCRIPT_P2PKH_SIZE);
    }
    assert_int_equal(built.change[0].satoshis, 1500);
    assert_int_equal(built.change[5].satoshis, 2500 - built.fee);
}

static void consolidation_without_commitment(void **state)
{
    struct bench *bench = *state;
    bench->request.coin_count = 2;
    bench->request.commitment = NULL;
    struct es_built built = build(bench);
    check_built(bench, &built);
    assert_int_equal(built.change_count, 1);
    assert_int_equal(built.change[0].outpoint.vout, 0);
}

/* Around the amount at which change begins: 249 bytes cost 25, 283 with change cost 29. */
static void small_rest_goes_to_the_fee(void **state)
{
    struct bench *bench = *state;
    static const struct {
        uint64_t satoshis;
        enum es_build_result result;
        size_t change_count;
        uint64_t fee;
    } cases[] = {
        {24, ES_BUILD_INSUFFICIENT, 0, 0}, {25, ES_BUILD_OK, 0, 25}, {29, ES_BUILD_OK, 0, 29},
        {30, ES_BUILD_OK, 1, 29},          {31, ES_BUILD_OK, 1, 29},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        struct es_built built = {.fee = 0};
        bench->coins[0].satoshis = cases[i].satoshis;
        assert_int_equal(es_build(bench->arena, &bench->request, &built), cases[i].result);
        assert_int_equal(built.change_count, cases[i].change_count);
        assert_int_equal(built.fee, cases[i].fee);
        if (cases[i].result == ES_BUILD_OK) {
            check_built(bench, &built);
        }
    }
}

static void assert_refused(struct bench *bench, enum es_build_result result)
{
    struct es_built built;
    assert_int_equal(es_build(bench->arena, &bench->request, &built), result);
}

static void bad_coins_are_refused(void **state)
{
    struct bench *bench = *state;
    bench->request.coin_count = 0;
    assert_refused(bench, ES_BUILD_BAD_COINS);
    bench->request.coin_count = ES_BUILD_COINS_MAX + 1;
    assert_refused(bench, ES_BUILD_BAD_COINS);
    bench->request.coin_count = 2;
    bench->coins[0].satoshis = ES_TX_SATOSHIS_MAX;
    assert_refused(bench, ES_BUILD_BAD_COINS);
    bench->coins[1] = bench->coins[0];
    bench->coins[0].satoshis = bench->coins[1].satoshis = 10000;
    assert_refused(bench, ES_BUILD_BAD_COINS);
}

static void impossible_amounts_are_refused(void **state)
{
    struct bench *bench = *state;
    bench->request.split_count = 1;
    assert_refused(bench, ES_BUILD_DUST);
    bench->request.split_satoshis = 10000;
    assert_refused(bench, ES_BUILD_INSUFFICIENT);
    bench->request.split_count = 2;
    bench->request.split_satoshis = UINT64_MAX / 2 + 1;
    assert_refused(bench, ES_BUILD_OVERFLOW);
    bench->request.split_count = ES_BUILD_SPLITS_MAX + 1;
    assert_refused(bench, ES_BUILD_TOO_MANY);
    bench->request.split_count = 0;
    bench->request.fee_rate = UINT64_MAX;
    assert_refused(bench, ES_BUILD_OVERFLOW);
}

static void cap_stops_spending(void **state)
{
    struct bench *bench = *state;
    bench->request.fee_cap = 28;
    assert_refused(bench, ES_BUILD_ABOVE_CAP);
    bench->request.fee_cap = 29;
    struct es_built built = build(bench);
    assert_int_equal(built.fee, 29);
    bench->request.fee_rate = 110;
    assert_refused(bench, ES_BUILD_ABOVE_CAP);
}

static void nothing_to_pay_for_is_refused(void **state)
{
    struct bench *bench = *state;
    bench->request.commitment = NULL;
    bench->coins[0].satoshis = 17; /* what 158 bytes without any output would cost is 16 */
    assert_refused(bench, ES_BUILD_NO_OUTPUT);
}

/* The estimate is never below the size of what is built, for any signature length. */
static void estimate_is_an_upper_bound(void **state)
{
    struct bench *bench = *state;
    bench->request.coin_count = 2;
    for (uint64_t size = 0; size < 64; size++) {
        bench->checkpoint.size = size;
        struct es_built built = build(bench);
        uint64_t estimate = es_fee_estimate_size(2, 1, true);
        assert_in_range(built.raw_length, estimate - 8, estimate);
    }
    assert_int_equal(es_fee_estimate_size(1, 2, false), 4 + 1 + 148 + 1 + 2 * 34 + 4);
    assert_int_equal(es_fee_estimate_size(253, 1, false), 4 + 3 + 253 * 148 + 1 + 34 + 4);
}

static void fees_round_up(void **state)
{
    (void)state;
    static const struct {
        uint64_t size;
        uint64_t rate;
        uint64_t fee;
    } cases[] = {{236, 100, 24}, {236, 1, 1}, {1000, 1, 1}, {1001, 1, 2},
                 {236, 0, 0},    {0, 100, 0}, {10, 100, 1}, {236, 500, 118}};
    uint64_t fee = 0;
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        assert_true(es_fee_for_size(cases[i].size, cases[i].rate, &fee));
        assert_int_equal(fee, cases[i].fee);
    }
    assert_false(es_fee_for_size(UINT64_MAX, 2, &fee));
}

#define BENCH_TEST(title, function)                                                                \
    {                                                                                              \
        title, function, set_up, tear_down, NULL                                                   \
    }

int main(void)
{
    es_random_init();
    const struct CMUnitTest tests[] = {
        BENCH_TEST("E99 one transaction per checkpoint", checkpoint_transaction),
        BENCH_TEST("J2.2 one root whatever the batch", one_root_whatever_the_batch),
        BENCH_TEST("E99 the same request gives the same bytes", same_request_same_bytes),
        BENCH_TEST("splits make several coins", splits_make_several_coins),
        BENCH_TEST("consolidation without commitment", consolidation_without_commitment),
        BENCH_TEST("a small rest goes to the fee", small_rest_goes_to_the_fee),
        BENCH_TEST("bad coins are refused", bad_coins_are_refused),
        BENCH_TEST("dust, overflow and shortage are refused", impossible_amounts_are_refused),
        BENCH_TEST("J2.10 the cap stops spending", cap_stops_spending),
        BENCH_TEST("nothing to pay for is refused", nothing_to_pay_for_is_refused),
        BENCH_TEST("J2.10 the estimate is an upper bound", estimate_is_an_upper_bound),
        TEST("J2.10 fees round up", fees_round_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
