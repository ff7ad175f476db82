/* Unit tests of common/tlog: the receipt's canonical text. */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/tests/unit.h"
#include "common/tlog/merkle.h"
#include "common/tlog/note.h"
#include "common/tlog/receipt.h"

#include <stdlib.h>
#include <string.h>

#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, NULL, NULL, NULL                                                          \
    }

#define SALT   "000102030405060708090a0b0c0d0e0f"
#define HASH1  "1111111111111111111111111111111111111111111111111111111111111111"
#define HASH2  "2222222222222222222222222222222222222222222222222222222222222222"
#define SHOWN  "00000000000000000000000000000000000000000000000000000000000000ff"
#define TEN    "30303030303030303030"
#define HEADER TEN TEN TEN TEN TEN TEN TEN TEN

#define START "{\"receipt\":1,\"status\":"
#define EVENT ",\"event\":\"{\\\"v\\\":1,\\\"text\\\":\\\"S\xC3\xB8ren\\\"}\",\"salt\":\"" SALT "\""
#define LOG                                                                                        \
    ",\"leaf_index\":\"7\",\"inclusion\":[\"" HASH1 "\",\"" HASH2 "\"],\"checkpoint\":"            \
    "\"a\\nb\\n\""
#define TX      ",\"transaction\":\"0a0b\""
#define BUMP    ",\"bump\":\"0c\""
#define BLOCK   ",\"block\":{\"height\":\"900000\",\"hash\":\"" SHOWN "\",\"header\":\"" HEADER "\"}"
#define HEADERS ",\"headers\":[\"" HEADER "\",\"" HEADER "\"]"
#define FINAL   START "\"final\"" EVENT LOG TX BUMP BLOCK HEADERS "}"

static const struct es_receipt *parse(struct es_arena *arena, const char *text)
{
    const char *why = NULL;
    const struct es_receipt *receipt = es_receipt_parse(arena, text, strlen(text), &why);
    assert_true((receipt == NULL) == (why != NULL));
    return receipt;
}

static void every_status_goes_round(void **state)
{
    (void)state;
    static const char *const texts[] = {
        START "\"pending\"" EVENT "}",
        START "\"sealed\"" EVENT LOG "}",
        START "\"sent\"" EVENT LOG TX "}",
        START "\"seen\"" EVENT LOG TX "}",
        START "\"mined\"" EVENT LOG TX BUMP BLOCK "}",
        FINAL,
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(texts); i++) {
        ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
        ES_CLEANUP(es_buf_done) struct es_buf again = ES_BUF_INIT;
        const struct es_receipt *receipt = parse(arena, texts[i]);
        assert_non_null(receipt);
        assert_int_equal(receipt->status, i);
        assert_true(es_receipt_write(receipt, &again));
        assert_string_equal(es_buf_str(&again), texts[i]);
    }
}

static void parts_arrive_as_written(void **state)
{
    (void)state;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    const struct es_receipt *receipt = parse(arena, FINAL "\n");
    assert_non_null(receipt);
    assert_string_equal(receipt->event, "{\"v\":1,\"text\":\"S\xC3\xB8ren\"}");
    assert_int_equal(receipt->salt[15], 15);
    assert_int_equal(receipt->leaf_index, 7);
    assert_int_equal(receipt->inclusion_length, 2);
    assert_int_equal(receipt->inclusion[1].bytes[0], 0x22);
    assert_string_equal(receipt->checkpoint, "a\nb\n");
    assert_int_equal(receipt->transaction_length, 2);
    assert_memory_equal(receipt->transaction, "\x0A\x0B", 2);
    assert_int_equal(receipt->bump_length, 1);
    assert_int_equal(receipt->block.height, 900000);
    assert_int_equal(receipt->block.hash.bytes[0], 0xFF);
    assert_int_equal(receipt->header_count, 2);
    assert_int_equal(receipt->headers[159], '0');
}

static void strings_are_escaped_as_ecmascript_does(void **state)
{
    (void)state;
    struct es_receipt receipt = {.status = ES_RECEIPT_PENDING,
                                 .event =
                                     "\x01\b\t\n\f\r\x1F \"\\/\x7F\xE2\x82\xAC\xF0\x9F\x91\xB5"};
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    assert_true(es_receipt_write(&receipt, &text));
    assert_non_null(
        strstr(es_buf_str(&text),
               "\"\\u0001\\b\\t\\n\\f\\r\\u001f \\\"\\\\/\x7F\xE2\x82\xAC\xF0\x9F\x91\xB5\""));
    const struct es_receipt *again = parse(arena, es_buf_str(&text));
    assert_non_null(again);
    assert_string_equal(again->event, receipt.event);
}

static void anything_but_the_canonical_text_is_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "\n",
        "null",
        "[]",
        "{}",
        FINAL "\n\n",
        FINAL " ",
        " " FINAL,
        FINAL "{}",
        START "\"pending\"}",
        START "\"pending\"" EVENT ",\"extra\":1}",
        START "\"pending\"" EVENT LOG "}", /* more than the status calls for */
        START "\"sealed\"" EVENT "}",      /* less than it calls for */
        START "\"mined\"" EVENT LOG TX BUMP "}",
        START "\"mined\"" EVENT LOG TX BLOCK BUMP "}", /* order */
        START "\"sealed\"" EVENT EVENT LOG "}",        /* duplicate members */
        START "\"Pending\"" EVENT "}",
        START "\"pending\" " EVENT "}",      /* white space */
        START "\"pend\\u0069ng\"" EVENT "}", /* needless escape */
        START "1" EVENT "}",
        "{\"receipt\":2,\"status\":\"pending\"" EVENT "}",
        "{\"receipt\":1.0,\"status\":\"pending\"" EVENT "}",
        "{\"receipt\":\"1\",\"status\":\"pending\"" EVENT "}",
        "{\"status\":\"pending\",\"receipt\":1" EVENT "}",
        START "\"pending\",\"event\":\"\",\"salt\":\"" SALT "\"}",
        START "\"pending\",\"event\":{\"v\":1},\"salt\":\"" SALT "\"}",
        START "\"pending\",\"event\":\"a\\/b\",\"salt\":\"" SALT "\"}",
        START "\"pending\",\"event\":\"\\u001F\",\"salt\":\"" SALT "\"}",
        START "\"pending\",\"event\":\"\\u0000\",\"salt\":\"" SALT "\"}",
        START "\"pending\",\"event\":\"\xC3\",\"salt\":\"" SALT "\"}",
        START "\"pending\",\"event\":\"x\",\"salt\":\"000102030405060708090A0B0C0D0E0F\"}",
        START "\"pending\",\"event\":\"x\",\"salt\":\"0001\"}",
        START "\"sealed\"" EVENT ",\"leaf_index\":7,\"inclusion\":[],\"checkpoint\":\"a\"}",
        START "\"sealed\"" EVENT ",\"leaf_index\":\"07\",\"inclusion\":[],\"checkpoint\":\"a\"}",
        START "\"sealed\"" EVENT
              ",\"leaf_index\":\"9223372036854775807\",\"inclusion\":[],\"checkpoint\":\"a\"}",
        START "\"sealed\"" EVENT ",\"leaf_index\":\"7\",\"inclusion\":[1],\"checkpoint\":\"a\"}",
        START "\"sealed\"" EVENT ",\"leaf_index\":\"7\",\"inclusion\":{},\"checkpoint\":\"a\"}",
        START "\"sealed\"" EVENT ",\"leaf_index\":\"7\",\"inclusion\":[],\"checkpoint\":\"\"}",
        START "\"sent\"" EVENT LOG ",\"transaction\":\"\"}",
        START "\"sent\"" EVENT LOG ",\"transaction\":\"0\"}",
        START "\"sent\"" EVENT LOG ",\"transaction\":\"0g\"}",
        START "\"mined\"" EVENT LOG TX BUMP BLOCK ",\"headers\":[]}",
        START "\"mined\"" EVENT LOG TX BUMP BLOCK ",\"headers\":[\"00\"]}",
        START "\"mined\"" EVENT LOG TX BUMP ",\"block\":[]}",
        START "\"mined\"" EVENT LOG TX BUMP ",\"block\":{\"height\":\"1\",\"hash\":\"" SHOWN
              "\",\"header\":\"" HEADER "\",\"x\":1}}",
        START "\"mined\"" EVENT LOG TX BUMP ",\"block\":{\"height\":1,\"hash\":\"" SHOWN
              "\",\"header\":\"" HEADER "\"}}",
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(refused); i++) {
        ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
        assert_null(parse(arena, refused[i]));
    }
}

static void any_byte_that_changes_changes_the_content(void **state)
{
    (void)state;
    char text[] = FINAL;
    for (size_t at = 0; at < strlen(FINAL); at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
            ES_CLEANUP(es_buf_done) struct es_buf again = ES_BUF_INIT;
            const char *why = NULL;
            text[at] = (char)(FINAL[at] ^ (1 << bit));
            const struct es_receipt *receipt = es_receipt_parse(arena, text, strlen(FINAL), &why);
            if (receipt != NULL) {
                assert_true(es_receipt_write(receipt, &again));
                assert_string_equal(es_buf_str(&again), text);
            }
        }
        text[at] = FINAL[at];
    }
}

static void writer_refuses_what_it_could_not_read(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    ES_CLEANUP(es_free_p) char *long_event = es_calloc(1, ES_RECEIPT_EVENT_MAX + 2);
    struct es_receipt receipt = {.status = ES_RECEIPT_PENDING};
    assert_false(es_receipt_write(&receipt, &text));
    receipt.event = "\xFF";
    assert_false(es_receipt_write(&receipt, &text));
    memset(long_event, 'x', ES_RECEIPT_EVENT_MAX + 1);
    receipt.event = long_event;
    assert_false(es_receipt_write(&receipt, &text));
    receipt.event = "{}";
    receipt.status = ES_RECEIPT_SEALED;
    assert_false(es_receipt_write(&receipt, &text));
    receipt.checkpoint = "x";
    receipt.status = ES_RECEIPT_SENT;
    assert_false(es_receipt_write(&receipt, &text));
    assert_int_equal(text.length, 0);
}

static void long_input_is_bounded(void **state)
{
    (void)state;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    const char *why = NULL;
    es_buf_add_zeros(&text, ES_RECEIPT_TEXT_MAX + 1);
    memset(text.data, '[', text.length);
    assert_null(es_receipt_parse(arena, es_buf_str(&text), text.length, &why));
    assert_null(es_receipt_parse(arena, es_buf_str(&text), text.length - 1, &why));
    memset(text.data, ',', text.length);
    memcpy(text.data, "[0", 2);
    assert_null(es_receipt_parse(arena, es_buf_str(&text), text.length - 1, &why));
    assert_string_equal(why, "the text is not in the canonical form");
    es_buf_clear(&text);
    es_buf_add_str(&text, START "\"sealed\"" EVENT ",\"leaf_index\":\"7\",\"inclusion\":[");
    for (int i = 0; i < 65; i++) {
        es_buf_add_str(&text, i > 0 ? ",\"" HASH1 "\"" : "\"" HASH1 "\"");
    }
    es_buf_add_str(&text, "],\"checkpoint\":\"a\"}");
    assert_null(parse(arena, es_buf_str(&text)));
}

/* The largest receipt that can be written can also be read. */
static void largest_receipt_goes_round(void **state)
{
    (void)state;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    struct es_hash hashes[ES_MERKLE_PROOF_MAX] = {0};
    const char *why = NULL;
    char *event = es_arena_alloc(arena, ES_RECEIPT_EVENT_MAX + 1);
    char *note = es_arena_alloc(arena, ES_NOTE_SIZE_MAX + 1);
    memset(event, 1, ES_RECEIPT_EVENT_MAX); /* six characters each when escaped */
    memset(note, '"', ES_NOTE_SIZE_MAX);
    struct es_receipt receipt = {
        .status = ES_RECEIPT_FINAL,
        .event = event,
        .inclusion = hashes,
        .inclusion_length = ES_MERKLE_PROOF_MAX,
        .checkpoint = note,
        .transaction = es_arena_alloc(arena, ES_RECEIPT_TRANSACTION_MAX),
        .transaction_length = ES_RECEIPT_TRANSACTION_MAX,
        .bump = es_arena_alloc(arena, ES_RECEIPT_BUMP_MAX),
        .bump_length = ES_RECEIPT_BUMP_MAX,
        .headers = es_arena_alloc(arena, (size_t)ES_RECEIPT_HEADERS_MAX * ES_RECEIPT_HEADER_SIZE),
        .header_count = ES_RECEIPT_HEADERS_MAX,
    };
    assert_true(es_receipt_write(&receipt, &text));
    assert_true(text.length <= ES_RECEIPT_TEXT_MAX);
    assert_non_null(es_receipt_parse(arena, es_buf_str(&text), text.length, &why));
    receipt.header_count++;
    assert_false(es_receipt_write(&receipt, &text));
}

static void status_names(void **state)
{
    (void)state;
    enum es_receipt_status status = ES_RECEIPT_PENDING;
    assert_true(es_receipt_status_parse("final", &status));
    assert_int_equal(status, ES_RECEIPT_FINAL);
    assert_string_equal(es_receipt_status_text(status), "final");
    assert_false(es_receipt_status_parse("FINAL", &status));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("J2.4 receipts of every status go round", every_status_goes_round),
        TEST("N1 parts arrive as written", parts_arrive_as_written),
        TEST("N1 strings are escaped as ECMAScript does", strings_are_escaped_as_ecmascript_does),
        TEST("N1 anything but the canonical text is refused",
             anything_but_the_canonical_text_is_refused),
        TEST("N1 any byte that changes changes the content",
             any_byte_that_changes_changes_the_content),
        TEST("the writer refuses what it could not read", writer_refuses_what_it_could_not_read),
        TEST("long input is bounded", long_input_is_bounded),
        TEST("the largest receipt goes round", largest_receipt_goes_round),
        TEST("status names", status_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
