/* Unit tests of worker-ledger/chain: base58, addresses, keys, signatures. */
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/tests/unit.h"
#include "worker-ledger/chain/address.h"
#include "worker-ledger/chain/base58.h"
#include "worker-ledger/chain/key.h"

#include <stdlib.h>
#include <string.h>

#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, NULL, NULL, NULL                                                          \
    }

/* bitcoin-sv src/test/data/base58_encode_decode.json. */
static void base58_vectors(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        const char *text;
    } cases[] = {
        {"", ""},
        {"61", "2g"},
        {"626262", "a3gV"},
        {"636363", "aPEr"},
        {"73696d706c792061206c6f6e6720737472696e67", "2cFupjhnEsSn59qHXstmK2ffpLv2"},
        {"00eb15231dfceb60925886b67d065299925915aeb172c06647",
         "1NS17iag9jJgTHD1VXjvLCEnZuQ3rJDE9L"},
        {"516b6fcd0f", "ABnLTmg"},
        {"bf4f89001e670274dd", "3SEo3LWLoPntC"},
        {"572e4794", "3EFU7m"},
        {"ecac89cad93923c02321", "EJDM8drfXA6uyA"},
        {"10c8511e", "Rt5zm"},
        {"00000000000000000000", "1111111111"},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
        unsigned char bytes[ES_BASE58_BYTES_MAX];
        size_t length = strlen(cases[i].hex) / 2;
        assert_true(es_parse_hex(cases[i].hex, bytes, length));
        es_base58_add(&text, bytes, length);
        assert_string_equal(es_buf_str(&text), cases[i].text);
    }
}

/* From bitcoin-sv src/test/data/base58_keys_valid.json. */
static const struct {
    const char *text;
    const char *hex;
    enum es_network network;
} addresses[] = {
    {"1AGNa15ZQXAZUgFiqJ2i7Z2DPU2J6hW62i", "65a16059864a2fdbc7c99a4723a8395bc6f188eb",
     ES_NETWORK_MAIN},
    {"mo9ncXisMeAoXwqcV5EWuyncbmCcQN4rVs", "53c0307d6851aa0ce7825ba883c6bd9ad242b486",
     ES_NETWORK_TEST},
    {"1Ax4gZtb7gAit2TivwejZHYtNNLT18PUXJ", "6d23156cbbdcc82a5a47eee4c2c7c583c18b6bf4",
     ES_NETWORK_MAIN},
    {"n3ZddxzLvAY9o7184TB4c6FJasAybsw4HZ", "f1d470f9b02370fdec2e6b708b08ac431bf7a5f7",
     ES_NETWORK_TEST},
    {"1C5bSj1iEGUgSTbziymG7Cn18ENQuT36vv", "7987ccaa53d02c8873487ef919677cd3db7a6912",
     ES_NETWORK_MAIN},
    {"n3LnJXCqbPjghuVs8ph9CYsAe4Sh4j97wk", "ef66444b5b17f14e8fae6e7e19b045a78c54fd79",
     ES_NETWORK_TEST},
    {"1Gqk4Tv79P91Cc1STQtU3s1W6277M2CVWu", "adc1cc2081a27206fae25792f28bbc55b831549d",
     ES_NETWORK_MAIN},
    {"mhaMcBxNh5cqXm4aTQ6EcVbKtfL6LGyK2H", "1694f5bc1a7295b600f40018a618a6ea48eeb498",
     ES_NETWORK_TEST},
};

static void address_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ES_ARRAY_LEN(addresses); i++) {
        unsigned char expected[ES_KEY_HASH_SIZE];
        char text[ES_ADDRESS_TEXT_SIZE];
        assert_true(es_parse_hex(addresses[i].hex, expected, sizeof(expected)));
        es_address_format(addresses[i].network, expected, text);
        assert_string_equal(text, addresses[i].text);
    }
}

static void wrong_private_keys_are_refused(void **state)
{
    (void)state;
    unsigned char secret[ES_KEY_SECRET_SIZE] = {0};
    assert_null(es_key_new(secret));
    memset(secret, 0xFF, sizeof(secret));
    assert_null(es_key_new(secret));
}

/* T1: bitcoin-sv go-sdk, transaction/template/p2pkh/p2pkh_test.go. */
static void signing_is_deterministic(void **state)
{
    (void)state;
    static const unsigned char expected_key[] =
        "\x03\xb8\xb4\x0a\x84\x12\x31\x21\xd2\x60\xf5\xc1\x09\xbc\x5a\x46\xec"
        "\x81\x9c\x2e\x40\x02\xe5\xba\x08\x63\x87\x83\xbf\xb4\xe0\x14\x35";
    static const char expected[] =
        "3045022100c1d77036dc6cd1f3fa1214b0688391ab7f7a16cd31ea4e5a1f7a415ef167df820220751aced6d24"
        "649fa235132f1e6969e163b9400f80043a72879237dab4a1190ad";
    unsigned char secret[ES_KEY_SECRET_SIZE];
    assert_true(es_parse_hex("14b2c42482bbc5c76632f1b216421f6cebf27fd7909dbaefc17a5e3bcc4ad30a",
                             secret, sizeof(secret)));
    ES_CLEANUP(es_key_free_p)
    struct es_key *key = es_key_new(secret);
    struct es_hash digest;
    unsigned char signature[ES_SIGNATURE_SIZE_MAX];
    size_t length = 0;
    assert_non_null(key);
    assert_memory_equal(es_key_public(key), expected_key, ES_PUBLIC_KEY_SIZE);
    assert_true(es_parse_hex("be9a42ef2e2dd7ef02cd631290667292cbbc5018f4e3f6843a8f4c302a2111b1",
                             digest.bytes, sizeof(digest.bytes)));
    for (int i = 0; i < 2; i++) {
        ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
        assert_true(es_key_sign(key, &digest, signature, &length));
        es_buf_add_hex(&text, signature, length);
        assert_string_equal(es_buf_str(&text), expected);
    }
}

static void signatures_are_short_and_hold(void **state)
{
    (void)state;
    unsigned char secret[ES_KEY_SECRET_SIZE] = {[31] = 7};
    ES_CLEANUP(es_key_free_p) struct es_key *key = es_key_new(secret);
    for (uint32_t i = 0; i < 200; i++) {
        struct es_hash digest = es_hash_sha256(&i, sizeof(i));
        unsigned char signature[ES_SIGNATURE_SIZE_MAX];
        size_t length = 0;
        assert_true(es_key_sign(key, &digest, signature, &length));
        assert_true(length <= 71); /* low S */
        assert_true(es_signature_verify(es_key_public(key), &digest, signature, length));
        signature[length - 1] ^= 1;
        assert_false(es_signature_verify(es_key_public(key), &digest, signature, length));
    }
}

/* n - s of a good signature is as good mathematically, and refused. Order n: SEC 2, secp256k1. */
static void high_s_is_refused(void **state)
{
    (void)state;
    static const char good[] =
        "304402203a61a2e931612b4bda08d541cfb980885173b8dcf64a3471238ae7abcd36"
        "8d6402204cbf24f04b9aa2256d8901f0ed97866603d2be8324c2bfb7a37bf8fc90ed"
        "d5b4";
    static const char high[] =
        "304502203a61a2e931612b4bda08d541cfb980885173b8dcf64a3471238ae7abcd36"
        "8d64022100b340db0fb4655dda9276fe0f12687998b6dc1e638a85e0841c566590"
        "3f486b8d";
    struct es_hash digest;
    unsigned char public_key[ES_PUBLIC_KEY_SIZE];
    unsigned char signature[ES_SIGNATURE_SIZE_MAX];
    assert_true(es_parse_hex("d5ef710c445ef8470e0a5bf93c8c2e14c026e4b0f0011b923b20c677af977e91",
                             digest.bytes, sizeof(digest.bytes)));
    assert_true(es_parse_hex("0263e2dee22b1ddc5e11f6fab8bcd2378bdd19580d640501ea956ec0e786f93e76",
                             public_key, sizeof(public_key)));
    assert_true(es_parse_hex(good, signature, 70));
    assert_true(es_signature_verify(public_key, &digest, signature, 70));
    assert_true(es_parse_hex(high, signature, 71));
    assert_false(es_signature_verify(public_key, &digest, signature, 71));
}

static void networks_by_name(void **state)
{
    (void)state;
    enum es_network network = ES_NETWORK_MAIN;
    assert_true(es_network_parse("regtest", &network));
    assert_int_equal(network, ES_NETWORK_REGTEST);
    assert_false(es_network_parse("Main", &network));
    assert_string_equal(es_network_rules(network)->name, "regtest");
}

int main(void)
{
    es_random_init();
    const struct CMUnitTest tests[] = {
        TEST("base58 vectors", base58_vectors),
        TEST("address vectors", address_vectors),
        TEST("wrong private keys are refused", wrong_private_keys_are_refused),
        TEST("vector T1: signing is deterministic", signing_is_deterministic),
        TEST("signatures are short and hold", signatures_are_short_and_hold),
        TEST("high S is refused", high_s_is_refused),
        TEST("E107 networks by name", networks_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
