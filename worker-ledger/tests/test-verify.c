/* Unit tests of worker-ledger/verify: a whole synthetic chain, from the event to the block, and
 * everything that can be wrong with a receipt. */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/tests/unit.h"
#include "common/tlog/checkpoint.h"
#include "common/tlog/frontier.h"
#include "common/tlog/leaf.h"
#include "common/tlog/tile-proof.h"
#include "worker-ledger/chain/block-path.h"
#include "worker-ledger/chain/build.h"
#include "worker-ledger/chain/hash256.h"
#include "worker-ledger/chain/header.h"
#include "worker-ledger/verify/verify.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define ORIGIN       "log.example/2026"
#define LOG_SIZE     1000
#define EVENT_INDEX  421
#define BLOCK_SIZE   5 /* transactions */
#define OUR_INDEX    3 /* of the commitment in the block */
#define BLOCK_HEIGHT 812
#define LIST_LENGTH  4 /* headers from the pinned one to the block */

/* A log, the transaction for its checkpoint, and a small chain of blocks with that transaction. */
struct world {
    struct es_arena *arena;
    struct es_note_key log_key;
    struct es_hash leaves[LOG_SIZE];
    struct es_checkpoint checkpoint;
    struct es_buf note;
    struct es_built built;
    struct es_buf bump;
    unsigned char headers[LIST_LENGTH * ES_HEADER_SIZE];
    struct es_verify_options options;
};

static const char *event_of(struct es_arena *arena, size_t index)
{
    return es_arena_printf(arena,
                           "{\"v\":1,\"type\":\"signal\",\"subject\":\"5d1e%04zu\","
                           "\"day\":\"2026-11-21\",\"slot\":0,\"channel\":\"app\"}",
                           index);
}

static void salt_of(size_t index, unsigned char ret_salt[ES_LEAF_SALT_SIZE])
{
    struct es_hash hash = es_hash_sha256(&index, sizeof(index));
    memcpy(ret_salt, hash.bytes, ES_LEAF_SALT_SIZE);
}

static void make_log(struct world *world)
{
    struct es_frontier frontier = ES_FRONTIER_EMPTY;
    unsigned char seed[crypto_sign_SEEDBYTES] = {42};
    unsigned char public_key[ES_NOTE_PUBLIC_KEY_SIZE];
    unsigned char secret_key[ES_NOTE_SECRET_KEY_SIZE];
    for (size_t i = 0; i < LOG_SIZE; i++) {
        unsigned char salt[ES_LEAF_SALT_SIZE];
        const char *event = event_of(world->arena, i);
        salt_of(i, salt);
        world->leaves[i] = es_leaf_hash(salt, event, strlen(event));
        es_frontier_append(&frontier, &world->leaves[i]);
    }
    crypto_sign_seed_keypair(public_key, secret_key, seed);
    world->checkpoint = (struct es_checkpoint){
        .origin = ORIGIN, .size = LOG_SIZE, .root = es_frontier_root(&frontier)};
    assert_true(es_note_key_make(ORIGIN, public_key, &world->log_key));
    assert_true(es_checkpoint_sign(&world->checkpoint, secret_key, &world->note));
}

static void make_transaction(struct world *world)
{
    static const unsigned char secret[ES_KEY_SECRET_SIZE] = {[31] = 5};
    ES_CLEANUP(es_key_free_p) struct es_key *key = es_key_new(secret);
    struct es_coin coin = {.outpoint.txid = es_hash_sha256("coin", 4), .satoshis = 100000};
    struct es_build_request request = {.key = key,
                                       .coins = &coin,
                                       .coin_count = 1,
                                       .commitment = &world->checkpoint,
                                       .fee_rate = 100,
                                       .fee_cap = 1000};
    assert_int_equal(es_build(world->arena, &request, &world->built), ES_BUILD_OK);
}

/* Give the header at RAW a nonce with which it has proof of work at regtest difficulty. */
static void mine(unsigned char raw[ES_HEADER_SIZE])
{
    raw[72] = raw[73] = 0xFF; /* bits 0x207fffff, low byte first */
    raw[74] = 0x7F;
    raw[75] = 0x20;
    while (!es_header_has_work(raw, ES_NETWORK_REGTEST)) {
        raw[76]++;
    }
}

/* The block at the end of the list holds five transactions, of which ours is number 3. */
static void make_block(struct world *world)
{
    struct es_block_path path = {
        .height = BLOCK_HEIGHT, .txid = world->built.txid, .index = OUR_INDEX, .depth = 3};
    struct es_hash ids[BLOCK_SIZE];
    struct es_hash root;
    for (size_t i = 0; i < BLOCK_SIZE; i++) {
        ids[i] = i == OUR_INDEX ? world->built.txid : es_hash256(&i, sizeof(i));
    }
    struct es_hash last = es_hash256_pair(&ids[4], &ids[4]);
    path.steps[0].sibling = ids[2];
    path.steps[1].sibling = es_hash256_pair(&ids[0], &ids[1]);
    path.steps[2].sibling = es_hash256_pair(&last, &last);
    es_block_path_write(&path, &world->bump);
    assert_true(es_block_path_root(&path, &root));
    for (size_t i = 0; i < LIST_LENGTH; i++) {
        unsigned char *raw = world->headers + i * ES_HEADER_SIZE;
        raw[0] = 1;
        if (i > 0) {
            struct es_hash previous = es_header_hash(raw - ES_HEADER_SIZE);
            memcpy(raw + 4, previous.bytes, ES_HASH_SIZE);
        }
        memcpy(raw + 36, i + 1 < LIST_LENGTH ? ids[i].bytes : root.bytes, ES_HASH_SIZE);
        mine(raw);
    }
}

static int set_up(void **state)
{
    struct world *world = ES_NEW(struct world);
    world->arena = es_arena_new(0);
    make_log(world);
    make_transaction(world);
    make_block(world);
    world->options = (struct es_verify_options){.log_keys = &world->log_key,
                                                .log_key_count = 1,
                                                .network = ES_NETWORK_REGTEST,
                                                .pin_height = BLOCK_HEIGHT - (LIST_LENGTH - 1),
                                                .pin_hash = es_header_hash(world->headers)};
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    es_buf_done(&world->note);
    es_buf_done(&world->bump);
    es_arena_free(world->arena);
    free(world);
    return 0;
}

/* Leaf hashes of the world, served as tiles. */
static bool read_tile(void *context, const struct es_tile *wanted,
                      struct es_hash ret_hashes[ES_TILE_WIDTH], size_t *ret_width)
{
    const struct world *world = context;
    for (size_t i = 0; i < wanted->width; i++) {
        size_t at = wanted->index * ES_TILE_WIDTH + i;
        ret_hashes[i] = wanted->level == 0
                            ? world->leaves[at]
                            : es_tile_subtree(&world->leaves[at * ES_TILE_WIDTH], ES_TILE_HEIGHT);
    }
    *ret_width = wanted->width;
    return true;
}

static struct es_receipt receipt_for(struct world *world, struct es_arena *arena, size_t index,
                                     enum es_receipt_status status)
{
    const unsigned char *header = world->headers + (LIST_LENGTH - 1) * ES_HEADER_SIZE;
    struct es_tile_store store = {.context = world, .read = read_tile};
    struct es_merkle_proof *proof = ES_ARENA_NEW(arena, struct es_merkle_proof);
    assert_int_equal(es_tile_inclusion(&store, index, LOG_SIZE, proof), ES_TILE_OK);
    struct es_receipt receipt = {.status = status,
                                 .event = event_of(arena, index),
                                 .leaf_index = index,
                                 .inclusion = proof->hashes,
                                 .inclusion_length = proof->length,
                                 .checkpoint = es_buf_str(&world->note),
                                 .transaction = world->built.raw,
                                 .transaction_length = world->built.raw_length,
                                 .bump = world->bump.data,
                                 .bump_length = world->bump.length,
                                 .headers = world->headers,
                                 .header_count = LIST_LENGTH};
    receipt.block.height = BLOCK_HEIGHT;
    receipt.block.hash = es_header_hash(header);
    memcpy(receipt.block.header, header, ES_HEADER_SIZE);
    salt_of(index, receipt.salt);
    return receipt;
}

static struct es_verify_report verify_text(struct world *world, struct es_arena *arena,
                                           const char *text, size_t length)
{
    struct es_verify_report report;
    es_verify_receipt(arena, text, length, &world->options, &report);
    return report;
}

static struct es_verify_report verify(struct world *world, struct es_arena *arena,
                                      const struct es_receipt *receipt)
{
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    assert_true(es_receipt_write(receipt, &text));
    return verify_text(world, arena, es_buf_str(&text), text.length);
}

/* The links broken in REPORT as a bit mask; each of them must say why. */
static unsigned broken_links(const struct es_verify_report *report)
{
    unsigned broken = 0;
    for (unsigned i = 0; i < ES_VERIFY_LINK_COUNT; i++) {
        assert_true(report->links[i].message[0] != '\0');
        broken |= report->links[i].state == ES_VERIFY_BROKEN ? 1U << i : 0;
    }
    assert_int_equal(broken != 0, report->outcome == ES_VERIFY_FALSE);
    return broken;
}

#define ONLY(link) (1U << (link))

static void complete_receipt_holds(void **state)
{
    struct world *world = *state;
    struct es_receipt receipt = receipt_for(world, world->arena, EVENT_INDEX, ES_RECEIPT_FINAL);
    for (int pinned = 0; pinned < 2; pinned++) {
        world->options.has_pin = pinned == 1;
        struct es_verify_report report = verify(world, world->arena, &receipt);
        assert_int_equal(report.outcome, ES_VERIFY_HOLDS);
        for (size_t i = 0; i < ES_VERIFY_LINK_COUNT; i++) {
            assert_int_equal(report.links[i].state, ES_VERIFY_OK);
        }
    }
    receipt.header_count = 0;
    world->options.has_pin = false;
    struct es_verify_report report = verify(world, world->arena, &receipt);
    assert_int_equal(report.outcome, ES_VERIFY_HOLDS);
    assert_int_equal(report.links[ES_VERIFY_HEADERS].state, ES_VERIFY_ABSENT);
}

static void every_event_of_the_log_holds(void **state)
{
    struct world *world = *state;
    for (size_t index = 0; index < LOG_SIZE; index++) {
        ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
        struct es_receipt receipt = receipt_for(world, arena, index, ES_RECEIPT_MINED);
        struct es_verify_report report = verify(world, arena, &receipt);
        assert_int_equal(report.outcome, ES_VERIFY_HOLDS);
    }
}

static void early_receipts_hold_as_far_as_they_go(void **state)
{
    struct world *world = *state;
    static const struct {
        enum es_receipt_status status;
        enum es_verify_link absent_from;
    } cases[] = {
        {ES_RECEIPT_PENDING, ES_VERIFY_INCLUSION},
        {ES_RECEIPT_SEALED, ES_VERIFY_TRANSACTION},
        {ES_RECEIPT_SENT, ES_VERIFY_BUMP},
        {ES_RECEIPT_SEEN, ES_VERIFY_BUMP},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        struct es_receipt receipt = receipt_for(world, world->arena, EVENT_INDEX, cases[i].status);
        struct es_verify_report report = verify(world, world->arena, &receipt);
        assert_int_equal(report.outcome, ES_VERIFY_INCOMPLETE);
        for (unsigned link = 0; link < ES_VERIFY_LINK_COUNT; link++) {
            assert_int_equal(report.links[link].state,
                             link < cases[i].absent_from ? ES_VERIFY_OK : ES_VERIFY_ABSENT);
        }
    }
}

/* Verify TEXT, which differs from a true receipt: it must fail and name a link. */
static void assert_noticed(struct world *world, const struct es_buf *text)
{
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct es_verify_report report =
        verify_text(world, arena, (const char *)text->data, text->length);
    assert_true(broken_links(&report) != 0);
}

/* Every byte of a whole receipt in many ways: each of its bits, neighbours, the other letter case,
 * and characters that mean something in JSON, hexadecimal and base64. */
static void any_changed_byte_is_noticed(void **state)
{
    struct world *world = *state;
    static const char characters[] = "0aF\"\\ \n=";
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    struct es_receipt receipt = receipt_for(world, world->arena, EVENT_INDEX, ES_RECEIPT_MINED);
    assert_true(es_receipt_write(&receipt, &text));
    es_buf_add_byte(&text, '\n');
    for (size_t at = 0; at < text.length; at++) {
        unsigned char right = text.data[at];
        for (unsigned bit = 0; bit < 8; bit++) {
            text.data[at] = (unsigned char)(right ^ (1U << bit));
            assert_noticed(world, &text);
        }
        for (size_t i = 0; i < sizeof(characters); i++) { /* the NUL too */
            text.data[at] = (unsigned char)characters[i];
            if (text.data[at] != right) {
                assert_noticed(world, &text);
            }
        }
        text.data[at] = right;
    }
}

static void any_missing_or_doubled_byte_is_noticed(void **state)
{
    struct world *world = *state;
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf changed = ES_BUF_INIT;
    struct es_receipt receipt = receipt_for(world, world->arena, EVENT_INDEX, ES_RECEIPT_MINED);
    assert_true(es_receipt_write(&receipt, &text));
    for (size_t at = 0; at < text.length; at++) {
        es_buf_clear(&changed);
        es_buf_add(&changed, text.data, at);
        es_buf_add(&changed, text.data + at + 1, text.length - at - 1);
        assert_noticed(world, &changed);
        es_buf_clear(&changed);
        es_buf_add(&changed, text.data, at + 1);
        es_buf_add(&changed, text.data + at, text.length - at);
        assert_noticed(world, &changed);
    }
}

static void changed_parts_break_their_links(void **state)
{
    struct world *world = *state;
    struct es_receipt good = receipt_for(world, world->arena, EVENT_INDEX, ES_RECEIPT_MINED);
    struct es_receipt bad = good;
    bad.event = event_of(world->arena, EVENT_INDEX + 1);
    struct es_verify_report report = verify(world, world->arena, &bad);
    assert_int_equal(broken_links(&report), ONLY(ES_VERIFY_INCLUSION));
    bad = good;
    bad.salt[0] ^= 1;
    report = verify(world, world->arena, &bad);
    assert_int_equal(broken_links(&report), ONLY(ES_VERIFY_INCLUSION));
    bad = good;
    bad.leaf_index++;
    report = verify(world, world->arena, &bad);
    assert_int_equal(broken_links(&report), ONLY(ES_VERIFY_INCLUSION));
    bad = good;
    bad.checkpoint = "no note\n";
    report = verify(world, world->arena, &bad);
    assert_int_equal(broken_links(&report), ONLY(ES_VERIFY_CHECKPOINT));
    bad = good;
    bad.transaction_length--;
    report = verify(world, world->arena, &bad);
    assert_int_equal(broken_links(&report), ONLY(ES_VERIFY_TRANSACTION) | ONLY(ES_VERIFY_BUMP));
    bad = good;
    bad.bump_length--;
    report = verify(world, world->arena, &bad);
    assert_int_equal(broken_links(&report), ONLY(ES_VERIFY_BUMP));
    bad = good;
    bad.block.height++;
    report = verify(world, world->arena, &bad);
    assert_int_equal(broken_links(&report), ONLY(ES_VERIFY_BLOCK));
    bad = good;
    bad.block.hash.bytes[5] ^= 1;
    report = verify(world, world->arena, &bad);
    assert_int_equal(broken_links(&report), ONLY(ES_VERIFY_BLOCK));
    bad = good;
    bad.block.height = LIST_LENGTH - 2;
    report = verify(world, world->arena, &bad);
    assert_int_equal(broken_links(&report), ONLY(ES_VERIFY_BLOCK) | ONLY(ES_VERIFY_HEADERS));
    bad = good;
    bad.headers += ES_HEADER_SIZE;
    bad.header_count = LIST_LENGTH - 2;
    report = verify(world, world->arena, &bad);
    assert_int_equal(broken_links(&report), ONLY(ES_VERIFY_HEADERS));
}

static void signer_is_checked(void **state)
{
    struct world *world = *state;
    struct es_receipt receipt = receipt_for(world, world->arena, EVENT_INDEX, ES_RECEIPT_MINED);
    struct es_note_key keys[2] = {world->log_key, world->log_key};
    world->options.log_keys = keys;
    keys[0].public_key[0] ^= 1; /* same name and id, other key */
    struct es_verify_report report = verify(world, world->arena, &receipt);
    assert_int_equal(broken_links(&report), ONLY(ES_VERIFY_CHECKPOINT));
    keys[0].id[0] ^= 1; /* an older key of the log */
    report = verify(world, world->arena, &receipt);
    assert_int_equal(broken_links(&report), ONLY(ES_VERIFY_CHECKPOINT));
    world->options.log_key_count = 2; /* and the present one */
    report = verify(world, world->arena, &receipt);
    assert_int_equal(report.outcome, ES_VERIFY_HOLDS);
    world->options.log_key_count = 0;
    world->options.skip_log_key = true;
    report = verify(world, world->arena, &receipt);
    assert_int_equal(report.outcome, ES_VERIFY_HOLDS);
    assert_int_equal(report.links[ES_VERIFY_CHECKPOINT].state, ES_VERIFY_SKIPPED);
}

static void unknown_signatures_do_not_hide_in_receipts(void **state)
{
    struct world *world = *state;
    struct es_receipt receipt = receipt_for(world, world->arena, EVENT_INDEX, ES_RECEIPT_MINED);
    receipt.checkpoint =
        es_arena_printf(world->arena, "%s\xE2\x80\x94 other AAAAAAA=\n", es_buf_str(&world->note));
    struct es_verify_report report = verify(world, world->arena, &receipt);
    assert_int_equal(broken_links(&report), ONLY(ES_VERIFY_CHECKPOINT));
}

static void pinned_block_is_checked(void **state)
{
    struct world *world = *state;
    struct es_receipt receipt = receipt_for(world, world->arena, EVENT_INDEX, ES_RECEIPT_MINED);
    world->options.has_pin = true;
    world->options.pin_height++;
    struct es_verify_report report = verify(world, world->arena, &receipt);
    assert_int_equal(broken_links(&report), ONLY(ES_VERIFY_HEADERS));
    world->options.pin_height--;
    world->options.pin_hash.bytes[0] ^= 1;
    report = verify(world, world->arena, &receipt);
    assert_int_equal(broken_links(&report), ONLY(ES_VERIFY_HEADERS));
    receipt.header_count = 0;
    report = verify(world, world->arena, &receipt);
    assert_int_equal(broken_links(&report), ONLY(ES_VERIFY_HEADERS));
    world->options.pin_height = BLOCK_HEIGHT;
    world->options.pin_hash = receipt.block.hash;
    report = verify(world, world->arena, &receipt);
    assert_int_equal(report.outcome, ES_VERIFY_HOLDS);
}

static void work_is_judged_by_the_network(void **state)
{
    struct world *world = *state;
    struct es_receipt receipt = receipt_for(world, world->arena, EVENT_INDEX, ES_RECEIPT_MINED);
    world->options.network = ES_NETWORK_MAIN;
    struct es_verify_report report = verify(world, world->arena, &receipt);
    assert_int_equal(broken_links(&report), ONLY(ES_VERIFY_BLOCK) | ONLY(ES_VERIFY_HEADERS));
}

/* A transaction of the same shape that commits to something else, or twice. */
static void other_commitments_are_refused(void **state)
{
    struct world *world = *state;
    ES_CLEANUP(es_buf_done) struct es_buf raw = ES_BUF_INIT;
    struct es_receipt receipt = receipt_for(world, world->arena, EVENT_INDEX, ES_RECEIPT_SEEN);
    struct es_checkpoint other = world->checkpoint;
    struct es_tx tx;
    assert_true(es_tx_parse(world->arena, world->built.raw, world->built.raw_length, &tx));
    tx.outputs[1] = tx.outputs[0];
    es_tx_write(&tx, &raw);
    receipt.transaction = raw.data;
    receipt.transaction_length = raw.length;
    struct es_verify_report report = verify(world, world->arena, &receipt);
    assert_int_equal(broken_links(&report), ONLY(ES_VERIFY_TRANSACTION));
    for (int i = 0; i < 3; i++) {
        ES_CLEANUP(es_buf_done) struct es_buf script = ES_BUF_INIT;
        other = world->checkpoint;
        other.size += i == 0;
        other.root.bytes[0] ^= i == 1;
        other.origin[0] = i == 2 ? 'L' : other.origin[0];
        struct es_commitment commitment = es_commitment_of(&other);
        es_script_commitment(&commitment, &script);
        tx.outputs[0].lock = (struct es_script){.bytes = script.data, .length = script.length};
        tx.output_count = 1;
        es_buf_clear(&raw);
        es_tx_write(&tx, &raw);
        receipt.transaction = raw.data;
        receipt.transaction_length = raw.length;
        report = verify(world, world->arena, &receipt);
        assert_int_equal(broken_links(&report), ONLY(ES_VERIFY_TRANSACTION));
    }
}

static void what_is_no_receipt_says_so(void **state)
{
    struct world *world = *state;
    static const char *const texts[] = {"", "\n", "{}", "nonsense", "[1]", "{\"receipt\":1}"};
    for (size_t i = 0; i < ES_ARRAY_LEN(texts); i++) {
        struct es_verify_report report =
            verify_text(world, world->arena, texts[i], strlen(texts[i]));
        assert_int_equal(broken_links(&report), ONLY(ES_VERIFY_FORMAT));
        assert_null(report.receipt);
    }
    assert_string_equal(es_verify_link_text(ES_VERIFY_BUMP), "bump");
    assert_string_equal(es_verify_state_text(ES_VERIFY_SKIPPED), "skipped");
    assert_string_equal(es_verify_outcome_text(ES_VERIFY_FALSE), "false");
}

#define WORLD_TEST(title, function)                                                                \
    {                                                                                              \
        title, function, set_up, tear_down, NULL                                                   \
    }

int main(void)
{
    es_random_init();
    const struct CMUnitTest tests[] = {
        WORLD_TEST("N1 a complete receipt holds, offline", complete_receipt_holds),
        WORLD_TEST("N1 J2.5 1,000 receipts of one log hold", every_event_of_the_log_holds),
        WORLD_TEST("J2.4 early receipts hold as far as they go",
                   early_receipts_hold_as_far_as_they_go),
        WORLD_TEST("N1 any changed byte is noticed", any_changed_byte_is_noticed),
        WORLD_TEST("N1 any missing or doubled byte is noticed",
                   any_missing_or_doubled_byte_is_noticed),
        WORLD_TEST("N1 changed parts break their links", changed_parts_break_their_links),
        WORLD_TEST("J2.13 the signer is checked, keys may rotate", signer_is_checked),
        WORLD_TEST("N1 unknown signatures do not hide in receipts",
                   unknown_signatures_do_not_hide_in_receipts),
        WORLD_TEST("J2.5 the pinned block is checked", pinned_block_is_checked),
        WORLD_TEST("E107 work is judged by the network", work_is_judged_by_the_network),
        WORLD_TEST("J2.2 other commitments are refused", other_commitments_are_refused),
        WORLD_TEST("N1 what is no receipt says so", what_is_no_receipt_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
