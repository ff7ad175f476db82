/* Unit tests of worker-ledger/chain: block headers. */
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/tests/unit.h"
#include "worker-ledger/chain/hash256.h"
#include "worker-ledger/chain/header.h"

#include <string.h>

#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, NULL, NULL, NULL                                                          \
    }

#define REAL_COUNT 3

/* Blocks 0, 1 and 2 of the main network. */
static const char *const real_headers[REAL_COUNT] = {
    "01000000"
    "0000000000000000000000000000000000000000000000000000000000000000"
    "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a"
    "29ab5f49ffff001d1dac2b7c",
    "01000000"
    "6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000"
    "982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e"
    "61bc6649ffff001d01e36299",
    "01000000"
    "4860eb18bf1b1620e37e9490fc8a427514416fd75159ab86688e9a8300000000"
    "d5fdcc541e25de1c7a5addedf24858b8bb665c9f36ef744ee42c316022c90f9b"
    "b0bc6649ffff001d08d2bd61",
};
static const char *const real_hashes[REAL_COUNT] = {
    "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
    "00000000839a8e6886ab5951d76f411475428afc90947ee320161bbf18eb6048",
    "000000006a625f06636b8bb6ac7b960a8d03705d1ace08b1a19da3fdcc99ddbd",
};

static void real_list(unsigned char raws[REAL_COUNT * ES_HEADER_SIZE])
{
    for (size_t i = 0; i < REAL_COUNT; i++) {
        assert_true(es_parse_hex(real_headers[i], raws + i * ES_HEADER_SIZE, ES_HEADER_SIZE));
    }
}

static void real_headers_have_work(void **state)
{
    (void)state;
    unsigned char raws[REAL_COUNT * ES_HEADER_SIZE];
    real_list(raws);
    for (size_t i = 0; i < REAL_COUNT; i++) {
        const unsigned char *raw = raws + i * ES_HEADER_SIZE;
        char text[ES_HASH256_TEXT_SIZE];
        struct es_hash hash = es_header_hash(raw);
        struct es_header header = es_header_parse(raw);
        es_hash256_format(&hash, text);
        assert_string_equal(text, real_hashes[i]);
        assert_int_equal(header.version, 1);
        assert_int_equal(header.bits, 0x1d00ffff);
        assert_true(es_header_has_work(raw, ES_NETWORK_MAIN));
        assert_true(es_header_has_work(raw, ES_NETWORK_REGTEST));
    }
    struct es_header genesis = es_header_parse(raws);
    assert_int_equal(genesis.time, 1231006505);
    assert_int_equal(genesis.nonce, 2083236893);
}

static void changed_header_has_no_work(void **state)
{
    (void)state;
    unsigned char raws[REAL_COUNT * ES_HEADER_SIZE];
    real_list(raws);
    for (size_t at = 0; at < ES_HEADER_SIZE; at++) {
        raws[at] ^= 1;
        assert_false(es_header_has_work(raws, ES_NETWORK_MAIN));
        raws[at] ^= 1;
    }
}

/* Easy targets count only where the network allows them. */
static void work_is_judged_by_the_network(void **state)
{
    (void)state;
    unsigned char raw[ES_HEADER_SIZE] = {0};
    raw[72] = raw[73] = 0xFF; /* bits 0x207fffff, low byte first */
    raw[74] = 0x7F;
    raw[75] = 0x20;
    while (!es_header_has_work(raw, ES_NETWORK_REGTEST)) {
        raw[76]++;
    }
    assert_false(es_header_has_work(raw, ES_NETWORK_MAIN));
    assert_false(es_header_has_work(raw, ES_NETWORK_TEST));
}

static void compact_targets(void **state)
{
    (void)state;
    static const struct {
        uint32_t bits;
        const char *target; /* NULL: refused */
    } cases[] = {
        {0x1d00ffff, "00000000ffff0000000000000000000000000000000000000000000000000000"},
        {0x207fffff, "7fffff0000000000000000000000000000000000000000000000000000000000"},
        {0x1b0404cb, "00000000000404cb000000000000000000000000000000000000000000000000"},
        {0x03123456, "0000000000000000000000000000000000000000000000000000000000123456"},
        {0x02123456, "0000000000000000000000000000000000000000000000000000000000001234"},
        {0x01123456, "0000000000000000000000000000000000000000000000000000000000000012"},
        {0x2100ffff, "ffff000000000000000000000000000000000000000000000000000000000000"},
        {0x220000ff, "ff00000000000000000000000000000000000000000000000000000000000000"},
        {0x00123456, NULL}, /* zero */
        {0x1d000000, NULL},
        {0x01003456, NULL},
        {0x1d80ffff, NULL}, /* negative */
        {0x21010000, NULL}, /* too large */
        {0x2200ffff, NULL},
        {0x23000001, NULL},
        {0xff123456, NULL},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        struct es_target target;
        struct es_target expected;
        bool valid = es_target_from_bits(cases[i].bits, &target);
        assert_int_equal(valid, cases[i].target != NULL);
        if (valid) {
            assert_true(es_parse_hex(cases[i].target, expected.bytes, sizeof(expected.bytes)));
            assert_memory_equal(target.bytes, expected.bytes, sizeof(target.bytes));
        }
    }
}

static void work_in_bits(void **state)
{
    (void)state;
    struct es_target target;
    assert_true(es_target_from_bits(0x1d00ffff, &target));
    assert_int_equal(es_target_work_log2(&target), 32);
    assert_true(es_target_from_bits(0x207fffff, &target));
    assert_int_equal(es_target_work_log2(&target), 1);
}

static void lists_are_linked(void **state)
{
    (void)state;
    unsigned char raws[REAL_COUNT * ES_HEADER_SIZE];
    size_t at = 99;
    real_list(raws);
    assert_int_equal(es_header_list_check(raws, REAL_COUNT, ES_NETWORK_MAIN, &at),
                     ES_HEADER_LIST_OK);
    memcpy(raws + ES_HEADER_SIZE, raws + 2 * ES_HEADER_SIZE, ES_HEADER_SIZE);
    assert_int_equal(es_header_list_check(raws, REAL_COUNT, ES_NETWORK_MAIN, &at),
                     ES_HEADER_LIST_LINK);
    assert_int_equal(at, 1);
    real_list(raws);
    raws[2 * ES_HEADER_SIZE + 76] ^= 1;
    assert_int_equal(es_header_list_check(raws, REAL_COUNT, ES_NETWORK_MAIN, &at),
                     ES_HEADER_LIST_WORK);
    assert_int_equal(at, 2);
}

static void difficulty_cannot_vanish(void **state)
{
    (void)state;
    struct es_target hard;
    struct es_target easiest;
    struct es_target double_target;
    assert_true(es_target_from_bits(0x18100000, &hard)); /* difficulty about 2^36 */
    assert_true(es_target_from_bits(0x18200000, &double_target));
    assert_true(es_target_from_bits(0x1d00ffff, &easiest));
    assert_false(es_target_may_follow(&hard, &easiest, 1));
    assert_false(es_target_may_follow(&hard, &easiest, 2000));
    assert_true(es_target_may_follow(&hard, &easiest, 52560)); /* a year of blocks */
    assert_true(es_target_may_follow(&hard, &hard, 1));
    assert_true(es_target_may_follow(&hard, &double_target, 1));
    assert_true(es_target_may_follow(&easiest, &hard, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("N1 real headers have work", real_headers_have_work),
        TEST("N1 a changed header has no work", changed_header_has_no_work),
        TEST("N1 work is judged by the network", work_is_judged_by_the_network),
        TEST("compact targets", compact_targets),
        TEST("work in bits", work_in_bits),
        TEST("J2.5 lists of headers are linked", lists_are_linked),
        TEST("J2.5 difficulty cannot vanish after a pinned block", difficulty_cannot_vanish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
