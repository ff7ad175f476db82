/* Unit tests of worker-ledger/chain: transactions, scripts, signature hashes. */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/base/reader.h"
#include "common/base/text.h"
#include "common/tests/unit.h"
#include "worker-ledger/chain/hash256.h"
#include "worker-ledger/chain/key.h"
#include "worker-ledger/chain/script.h"
#include "worker-ledger/chain/sighash.h"
#include "worker-ledger/chain/tx.h"
#include "worker-ledger/chain/varint.h"

#include <stdlib.h>
#include <string.h>

#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, NULL, NULL, NULL                                                          \
    }

/* T1: bitcoin-sv go-sdk, transaction/signaturehash_test.go and template/p2pkh/p2pkh_test.go. */
static const char t1_unsigned[] =
    "010000000193a35408b6068499e0d5abd799d3e827d9bfe70c9b75ebe209c91d25072326510000000000ffff"
    "ffff02404b4c00000000001976a91404ff367be719efa79d76e4416ffb072cd53b208888acde94a905000000"
    "001976a91404d03f746652cfcb6cb55119ab473a045137d26588ac00000000";
static const char t1_signed[] =
    "010000000193a35408b6068499e0d5abd799d3e827d9bfe70c9b75ebe209c91d2507232651000000006b4830"
    "45022100c1d77036dc6cd1f3fa1214b0688391ab7f7a16cd31ea4e5a1f7a415ef167df820220751aced6d246"
    "49fa235132f1e6969e163b9400f80043a72879237dab4a1190ad412103b8b40a84123121d260f5c109bc5a46"
    "ec819c2e4002e5ba08638783bfb4e01435ffffffff02404b4c00000000001976a91404ff367be719efa79d76"
    "e4416ffb072cd53b208888acde94a905000000001976a91404d03f746652cfcb6cb55119ab473a045137d265"
    "88ac00000000";

/* T2: the same file; two inputs, three outputs. */
static const char t2_unsigned[] =
    "01000000027e2705da59f7112c7337d79840b56fff582b8f3a0e9df8eb19e282377bebb1bc0100000000ffff"
    "ffffdebe6fe5ad8e9220a10fcf6340f7fca660d87aeedf0f74a142fba6de1f68d8490000000000ffffffff03"
    "00e1f505000000001976a9142987362cf0d21193ce7e7055824baac1ee245d0d88ac00e1f505000000001976"
    "a9143ca26faa390248b7a7ac45be53b0e4004ad7952688ac34657fe2000000001976a914eb0bd5edba389198"
    "e73f8efabddfc61666969ff788ac00000000";

/* T3: the worked example of BRC-62, and its extended form (BRC-30) from bitcoin-sv go-sdk,
 * transaction/transaction_test.go. */
static const char t3_signed[] =
    "0100000001ac4e164f5bc16746bb0868404292ac8318bbac3800e4aad13a014da427adce3e000000006a4730"
    "4402203a61a2e931612b4bda08d541cfb980885173b8dcf64a3471238ae7abcd368d6402204cbf24f04b9aa2"
    "256d8901f0ed97866603d2be8324c2bfb7a37bf8fc90edd5b441210263e2dee22b1ddc5e11f6fab8bcd2378b"
    "dd19580d640501ea956ec0e786f93e76ffffffff013c660000000000001976a9146bfd5c7fbe21529d45803d"
    "bcf0c87dd3c71efbc288ac00000000";
static const char t3_extended[] =
    "010000000000000000ef01ac4e164f5bc16746bb0868404292ac8318bbac3800e4aad13a014da427adce3e00"
    "0000006a47304402203a61a2e931612b4bda08d541cfb980885173b8dcf64a3471238ae7abcd368d6402204c"
    "bf24f04b9aa2256d8901f0ed97866603d2be8324c2bfb7a37bf8fc90edd5b441210263e2dee22b1ddc5e11f6"
    "fab8bcd2378bdd19580d640501ea956ec0e786f93e76ffffffff3e660000000000001976a9146bfd5c7fbe21"
    "529d45803dbcf0c87dd3c71efbc288ac013c660000000000001976a9146bfd5c7fbe21529d45803dbcf0c87d"
    "d3c71efbc288ac00000000";

/* Bytes from hexadecimal, in ARENA. */
static struct es_script from_hex(struct es_arena *arena, const char *hex)
{
    size_t length = strlen(hex) / 2;
    unsigned char *bytes = es_arena_alloc(arena, length);
    assert_true(es_parse_hex(hex, bytes, length));
    return (struct es_script){.bytes = bytes, .length = length};
}

static struct es_tx parse(struct es_arena *arena, const char *hex)
{
    struct es_script raw = from_hex(arena, hex);
    struct es_tx tx;
    assert_true(es_tx_parse(arena, raw.bytes, raw.length, &tx));
    return tx;
}

static void assert_written(const struct es_buf *written, const char *hex)
{
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    es_buf_add_hex(&text, written->data, written->length);
    assert_string_equal(es_buf_str(&text), hex);
}

static void assert_digest(const struct es_hash *digest, const char *hex)
{
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    es_buf_add_hex(&text, digest->bytes, sizeof(digest->bytes));
    assert_string_equal(es_buf_str(&text), hex);
}

static void transactions_go_round(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        const char *txid;
    } cases[] = {
        {t1_unsigned, NULL},
        {t1_signed, "19dcf16ecc9286c3734fdae3d45d4fc4eb6b25f841131e06460f4939bba0026e"},
        {t2_unsigned, NULL},
        {t3_signed, "157428aee67d11123203735e4c540fa1bdab3b36d5882c6f8c5ff79f07d20d1c"},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
        ES_CLEANUP(es_buf_done) struct es_buf again = ES_BUF_INIT;
        struct es_tx tx = parse(arena, cases[i].hex);
        char txid[ES_HASH256_TEXT_SIZE];
        struct es_hash id = es_tx_id(&tx);
        es_hash256_format(&id, txid);
        es_tx_write(&tx, &again);
        assert_written(&again, cases[i].hex);
        if (cases[i].txid != NULL) {
            assert_string_equal(txid, cases[i].txid);
        }
    }
}

static void extended_format(void **state)
{
    (void)state;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    ES_CLEANUP(es_buf_done) struct es_buf extended = ES_BUF_INIT;
    struct es_tx tx = parse(arena, t3_signed);
    struct es_tx_output previous = {
        .satoshis = 26174,
        .lock = from_hex(arena, "76a9146bfd5c7fbe21529d45803dbcf0c87dd3c71efbc288ac")};
    es_tx_write_extended(&tx, &previous, &extended);
    assert_written(&extended, t3_extended);
}

static void signature_hashes(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        size_t input;
        const char *lock;
        uint64_t satoshis;
        const char *digest;
    } cases[] = {
        {t1_unsigned, 0, "76a914c0a3c167a28cabb9fbb495affa0761e6e74ac60d88ac", 100000000,
         "be9a42ef2e2dd7ef02cd631290667292cbbc5018f4e3f6843a8f4c302a2111b1"},
        {t2_unsigned, 0, "76a914eb0bd5edba389198e73f8efabddfc61666969ff788ac", 2000000000,
         "8b15eecfb6d5e727485e19797b5d1829e0630e8b43c806707685238e28a3194c"},
        {t2_unsigned, 1, "76a914eb0bd5edba389198e73f8efabddfc61666969ff788ac", 2000000000,
         "7b72c355a2714a5039d97fbd5eee792099b0eab4bf07d2e5bfcfc3309f81badb"},
        {t3_signed, 0, "76a9146bfd5c7fbe21529d45803dbcf0c87dd3c71efbc288ac", 26174,
         "d5ef710c445ef8470e0a5bf93c8c2e14c026e4b0f0011b923b20c677af977e91"},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
        struct es_tx tx = parse(arena, cases[i].hex);
        struct es_script lock = from_hex(arena, cases[i].lock);
        struct es_sighash_parts parts = es_sighash_parts_of(&tx);
        struct es_hash digest = es_sighash(&tx, &parts, cases[i].input, &lock, cases[i].satoshis);
        assert_digest(&digest, cases[i].digest);
    }
}

/* The signature that the network accepted verifies here; a changed one does not. */
static void foreign_signature_verifies(void **state)
{
    (void)state;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct es_tx tx = parse(arena, t3_signed);
    struct es_script lock = from_hex(arena, "76a9146bfd5c7fbe21529d45803dbcf0c87dd3c71efbc288ac");
    struct es_sighash_parts parts = es_sighash_parts_of(&tx);
    struct es_hash digest = es_sighash(&tx, &parts, 0, &lock, 26174);
    const unsigned char *unlock = tx.inputs[0].unlock.bytes;
    size_t pushed = unlock[0]; /* signature and hash type */
    const unsigned char *public_key = unlock + 1 + pushed + 1;
    assert_int_equal(unlock[pushed], ES_SIGHASH_ALL_FORKID);
    assert_true(es_signature_verify(public_key, &digest, unlock + 1, pushed - 1));
    assert_false(es_signature_verify(public_key, &digest, unlock + 1, pushed - 2));
    digest.bytes[0] ^= 1;
    assert_false(es_signature_verify(public_key, &digest, unlock + 1, pushed - 1));
}

/* Unsigned transaction, key, signature, unlocking script: together they are the signed one. */
static void vector_t1_is_signed(void **state)
{
    (void)state;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    ES_CLEANUP(es_buf_done) struct es_buf unlock = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf raw = ES_BUF_INIT;
    unsigned char secret[ES_KEY_SECRET_SIZE];
    assert_true(es_parse_hex("14b2c42482bbc5c76632f1b216421f6cebf27fd7909dbaefc17a5e3bcc4ad30a",
                             secret, sizeof(secret)));
    ES_CLEANUP(es_key_free_p) struct es_key *key = es_key_new(secret);
    struct es_tx tx = parse(arena, t1_unsigned);
    unsigned char script[ES_SCRIPT_P2PKH_SIZE];
    unsigned char signature[ES_SIGNATURE_SIZE_MAX];
    size_t length = 0;
    es_script_p2pkh(es_key_hash(key), script);
    struct es_script lock = {.bytes = script, .length = sizeof(script)};
    struct es_sighash_parts parts = es_sighash_parts_of(&tx);
    struct es_hash digest = es_sighash(&tx, &parts, 0, &lock, 100000000);
    assert_true(es_key_sign(key, &digest, signature, &length));
    es_script_unlock_p2pkh(signature, length, es_key_public(key), &unlock);
    tx.inputs[0].unlock = (struct es_script){.bytes = unlock.data, .length = unlock.length};
    es_tx_write(&tx, &raw);
    assert_written(&raw, t1_signed);
}

static void truncated_or_longer_transactions_are_refused(void **state)
{
    (void)state;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct es_script raw = from_hex(arena, t1_signed);
    ES_CLEANUP(es_buf_done) struct es_buf longer = ES_BUF_INIT;
    struct es_tx tx;
    for (size_t length = 0; length < raw.length; length++) {
        assert_false(es_tx_parse(arena, raw.bytes, length, &tx));
    }
    es_buf_add(&longer, raw.bytes, raw.length);
    es_buf_add_byte(&longer, 0);
    assert_false(es_tx_parse(arena, longer.data, longer.length, &tx));
}

#define NULL_INPUT                                                                                 \
    "0000000000000000000000000000000000000000000000000000000000000000"                             \
    "00000000"                                                                                     \
    "00"                                                                                           \
    "ffffffff"

static const char *const malformed_transactions[] = {
    "0100000000"
    "00"
    "00000000",
    "01000000"
    "01" NULL_INPUT "00"
    "00000000", /* no output */
    "01000000"
    "00"
    "01"
    "0000000000000000"
    "00"
    "00000000", /* no input */
    "01000000"
    "fd0100" NULL_INPUT "01"
    "0000000000000000"
    "00"
    "00000000",
    "01000000"
    "01" NULL_INPUT "fd0100"
    "0000000000000000"
    "00"
    "00000000",
    "01000000"
    "ffffffffffffffffff" NULL_INPUT "01"
    "0000000000000000"
    "00"
    "00000000",
    "01000000"
    "01" NULL_INPUT "01"
    "0140075af0750700"
    "00"
    "00000000", /* 21e14 + 1 */
    "01000000"
    "01" NULL_INPUT "02"
    "0040075af0750700"
    "00"
    "0100000000000000"
    "00"
    "00000000",
    "01000000"
    "01" NULL_INPUT "01"
    "0000000000000000"
    "feffffffff"
    "00000000",
    "010000000000000000ef01" NULL_INPUT "01"
    "0000000000000000"
    "00"
    "00000000",
};

static void malformed_transactions_are_refused(void **state)
{
    (void)state;
    static const char accepted[] = "01000000"
                                   "01" NULL_INPUT "01"
                                   "0040075af0750700"
                                   "00"
                                   "00000000";
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct es_tx tx = parse(arena, accepted);
    assert_true(tx.outputs[0].satoshis == ES_TX_SATOSHIS_MAX);
    for (size_t i = 0; i < ES_ARRAY_LEN(malformed_transactions); i++) {
        struct es_script raw = from_hex(arena, malformed_transactions[i]);
        assert_false(es_tx_parse(arena, raw.bytes, raw.length, &tx));
    }
    assert_false(es_tx_parse(arena, NULL, 0, &tx));
}

static void varints_are_shortest(void **state)
{
    (void)state;
    static const uint64_t values[] = {0,       0xFC,       0xFD,        0xFFFF,
                                      0x10000, 0xFFFFFFFF, 0x100000000, UINT64_MAX};
    static const size_t sizes[] = {1, 1, 3, 3, 5, 5, 9, 9};
    for (size_t i = 0; i < ES_ARRAY_LEN(values); i++) {
        ES_CLEANUP(es_buf_done) struct es_buf out = ES_BUF_INIT;
        es_varint_add(&out, values[i]);
        assert_int_equal(out.length, sizes[i]);
        assert_int_equal(es_varint_size(values[i]), sizes[i]);
        struct es_reader reader = es_reader_make(out.data, out.length);
        assert_true(es_reader_varint(&reader) == values[i] && es_reader_done(&reader));
    }
}

static struct es_commitment sample_commitment(void)
{
    struct es_checkpoint checkpoint = {.origin = "log.example/2026",
                                       .size = 0x0102030405060708,
                                       .root = es_hash_sha256("root", 4)};
    return es_commitment_of(&checkpoint);
}

/* The origin's hash is: printf log.example/2026 | sha256sum; the root's: printf root | sha256sum */
static void commitment_script(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf script = ES_BUF_INIT;
    struct es_commitment commitment = sample_commitment();
    struct es_commitment read;
    es_script_commitment(&commitment, &script);
    assert_int_equal(script.length, ES_SCRIPT_COMMITMENT_SIZE);
    assert_written(&script, "006a4c4e"
                            "455341464501"
                            "3192c68a87e6daf8bbecabd9ba0d92295ae50b2c345b99ac56f22a4b33593fbe"
                            "0102030405060708"
                            "4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2");
    struct es_script view = {.bytes = script.data, .length = script.length};
    assert_true(es_script_parse_commitment(&view, &read));
    assert_true(es_commitment_equal(&read, &commitment));
    view.length--;
    assert_false(es_script_parse_commitment(&view, &read));
    assert_false(es_script_parse_commitment(&(struct es_script){0}, &read));
}

static void other_scripts_are_no_commitment(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf script = ES_BUF_INIT;
    struct es_commitment commitment = sample_commitment();
    struct es_commitment read;
    es_script_commitment(&commitment, &script);
    struct es_script view = {.bytes = script.data, .length = script.length};
    for (size_t at = 0; at < script.length; at++) {
        script.data[at] ^= 1;
        bool same =
            es_script_parse_commitment(&view, &read) && es_commitment_equal(&read, &commitment);
        assert_false(same);
        script.data[at] ^= 1;
    }
}

static void txids_are_shown_reversed(void **state)
{
    (void)state;
    struct es_hash hash = {{0}};
    char text[ES_HASH256_TEXT_SIZE];
    hash.bytes[0] = 0xAB;
    es_hash256_format(&hash, text);
    assert_string_equal(text, "00000000000000000000000000000000000000000000000000000000000000ab");
    assert_true(es_hash256_parse(text, &hash));
    assert_int_equal(hash.bytes[0], 0xAB);
    assert_false(es_hash256_parse(text + 1, &hash));
}

int main(void)
{
    es_random_init();
    const struct CMUnitTest tests[] = {
        TEST("E99 vectors T1 T2 T3: transactions go round, txids", transactions_go_round),
        TEST("vector T3 in extended format (BRC-30)", extended_format),
        TEST("vectors T1 T2 T3: signature hashes", signature_hashes),
        TEST("vector T3: a foreign signature verifies", foreign_signature_verifies),
        TEST("E99 vector T1 is signed", vector_t1_is_signed),
        TEST("truncated or longer transactions are refused",
             truncated_or_longer_transactions_are_refused),
        TEST("malformed transactions are refused", malformed_transactions_are_refused),
        TEST("varints are shortest", varints_are_shortest),
        TEST("J2.2 E99 the data output commits to origin, size and root", commitment_script),
        TEST("J2.2 other scripts are no commitment", other_scripts_are_no_commitment),
        TEST("txids are shown reversed", txids_are_shown_reversed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
