/* Unit tests of common/json: requests are read strictly, answers are written exactly. */
#include "common/json/json.h"

#include "common/base/clock.h"
#include "common/tests/unit.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A request as the tests know it: one member of each type. */
struct request {
    const char *channel;
    int64_t slot;
    bool urgent;
    struct es_json_texts tags;
};

struct outcome {
    enum es_json_result result;
    const char *error;
    struct request request;
};

static struct es_arena *arena;

static int make_arena(void **state)
{
    (void)state;
    arena = es_arena_new(0);
    return 0;
}

static int free_arena(void **state)
{
    (void)state;
    arena = es_arena_free(arena);
    return 0;
}

static struct outcome read_bytes(const void *body, size_t length)
{
    struct outcome outcome = {.request = {.channel = "unset", .slot = -7}};
    const struct es_json_member members[] = {
        {.name = "channel",
         .type = ES_JSON_TEXT,
         .required = true,
         .min = 1,
         .max = 10,
         .target = &outcome.request.channel},
        {.name = "slot", .type = ES_JSON_INT, .min = 0, .max = 9, .target = &outcome.request.slot},
        {.name = "urgent", .type = ES_JSON_BOOL, .target = &outcome.request.urgent},
        {.name = "tags",
         .type = ES_JSON_TEXTS,
         .max = 2,
         .max_each = 4,
         .target = &outcome.request.tags},
    };
    outcome.result =
        es_json_read(arena, body, length, members, ES_ARRAY_LEN(members), &outcome.error);
    return outcome;
}

static struct outcome read_text(const char *body)
{
    return read_bytes(body, strlen(body));
}

static void a_whole_request_is_read(void **state)
{
    (void)state;
    struct outcome got = read_text(" {\"tags\":[\"a\",\"\\u00e5\"],\"urgent\":true,\"slot\":9,"
                                   "\"channel\":\"S\xC3\xB8ren\"}\n");
    assert_int_equal(got.result, ES_JSON_OK);
    assert_null(got.error);
    assert_string_equal(got.request.channel, "S\xC3\xB8ren");
    assert_int_equal(got.request.slot, 9);
    assert_true(got.request.urgent);
    assert_int_equal(got.request.tags.count, 2);
    assert_string_equal(got.request.tags.items[1], "\xC3\xA5");
}

static void absent_and_null_members_keep_their_defaults(void **state)
{
    (void)state;
    struct outcome got = read_text("{\"channel\":\"app\",\"slot\":null}");
    assert_int_equal(got.result, ES_JSON_OK);
    assert_int_equal(got.request.slot, -7);
    assert_int_equal(got.request.tags.count, 0);
}

static void every_wrong_member_is_named_in_one_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        const char *error;
    } cases[] = {
        {"{}", "\"channel\" is missing."},
        {"{\"channel\":null}", "\"channel\" is missing."},
        {"{\"channel\":7}", "\"channel\" must be a text."},
        {"{\"channel\":\"\"}", "\"channel\" is shorter than 1 bytes."},
        {"{\"channel\":\"12345678901\"}", "\"channel\" is longer than 10 bytes."},
        {"{\"channel\":\"a\",\"slot\":10}", "\"slot\" must be from 0 to 9."},
        {"{\"channel\":\"a\",\"slot\":-1}", "\"slot\" must be from 0 to 9."},
        {"{\"channel\":\"a\",\"slot\":1.0}", "\"slot\" must be a whole number."},
        {"{\"channel\":\"a\",\"slot\":\"1\"}", "\"slot\" must be a whole number."},
        {"{\"channel\":\"a\",\"urgent\":1}", "\"urgent\" must be true or false."},
        {"{\"channel\":\"a\",\"tags\":\"x\"}", "\"tags\" must be a list of texts."},
        {"{\"channel\":\"a\",\"tags\":[\"a\",\"b\",\"c\"]}",
         "\"tags\" must have from 0 to 2 entries."},
        {"{\"channel\":\"a\",\"tags\":[\"12345\"]}",
         "Each entry of \"tags\" must be a text of at most 4 bytes."},
        {"{\"channel\":\"a\",\"tags\":[1]}",
         "Each entry of \"tags\" must be a text of at most 4 bytes."},
        {"{\"channel\":\"a\",\"Slot\":1}", "There is no member \"Slot\"."},
        {"[]", "The body must be a JSON object."},
        {"\"channel\"", "The body must be a JSON object."},
        {"null", "The body must be a JSON object."},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        struct outcome got = read_text(cases[i].body);
        assert_int_equal(got.result, ES_JSON_INVALID);
        assert_string_equal(got.error, cases[i].error);
    }
}

static void what_is_no_json_is_malformed(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        size_t length;
        const char *error;
    } cases[] = {
        {"", 0, "The body ends before the JSON value does."},
        {"{", 1, "The body ends before the JSON value does."},
        {"{\"channel\":\"a\"}x", 16, "Something follows the JSON value."},
        {"{\"channel\":\"a\"}{}", 17, "Something follows the JSON value."},
        {"{\"channel\":\"a\",\"channel\":\"a\"}", 29, "A member occurs twice."},
        {"{\"channel\":\"\\u0000\"}", 20, "A text contains a NUL character."},
        {"{\"channel\":\"a\0b\"}", 17, "The body contains a NUL byte."},
        {"{\"channel\":\"a\"}\0", 16, "The body contains a NUL byte."},
        {"{\"channel\":\"\xFF\"}", 15, "The body is not valid UTF-8."},
        {"{\"channel\":\"\xED\xA0\x80\"}", 17, "The body is not valid UTF-8."},
        {"{\"channel\":\"\\ud800\"}", 20, "The body is not valid JSON."},
        {"{\"channel\":\"a\nb\"}", 17, "The body is not valid JSON."},
        {"{'channel':'a'}", 15, "The body is not valid JSON."},
        {"{\"channel\":\"a\",}", 16, "The body is not valid JSON."},
        {"{\"slot\":01}", 11, "The body is not valid JSON."},
        {"{\"slot\":NaN}", 12, "The body is not valid JSON."},
        {"{\"slot\":9223372036854775808}", 28, "A number is too large."},
        {"{\"slot\":1e999}", 14, "A number is too large."},
        {"\xEF\xBB\xBF{\"channel\":\"a\"}", 18, "The body is not valid JSON."},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        struct outcome got = read_bytes(cases[i].body, cases[i].length);
        assert_int_equal(got.result, ES_JSON_MALFORMED);
        assert_string_equal(got.error, cases[i].error);
    }
}

static void nesting_stops_at_sixteen(void **state)
{
    (void)state;
    static const char fifteen[] = "[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]";
    assert_int_equal(strlen(fifteen), 30);
    struct es_buf body = ES_BUF_INIT;
    es_buf_printf(&body, "{\"channel\":%s}", fifteen);
    assert_int_equal(read_text(es_buf_str(&body)).result, ES_JSON_INVALID);
    es_buf_clear(&body);
    es_buf_printf(&body, "{\"channel\":[%s]}", fifteen);
    struct outcome got = read_text(es_buf_str(&body));
    assert_int_equal(got.result, ES_JSON_MALFORMED);
    assert_string_equal(got.error, "The body is nested too deeply.");
    es_buf_done(&body);
    /* Brackets inside a text, behind an escaped quote, are no nesting. */
    got = read_text("{\"channel\":\"\\\"[[[[[[[[[[[[[[[[[[[[\"}");
    assert_string_equal(got.error, "\"channel\" is longer than 10 bytes.");
}

static void errors_never_repeat_what_was_sent(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "{\"channel\":\"canary-canary\"}",
        "{\"channel\":canary}",
        "{\"<canary>\":1}",
        "{\"channel\":{\"canary\":1}}",
        "{\"channel\":\"a\"} canary",
        "{\"tags\":[\"canary-canary\"],\"channel\":\"a\"}",
        "{\"canary-canary-canary-canary-canary-canary\":1}",
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(bodies); i++) {
        struct outcome got = read_text(bodies[i]);
        assert_int_not_equal(got.result, ES_JSON_OK);
        assert_null(strstr(got.error, "canary"));
    }
}

static void answers_are_written_with_commas_in_the_right_places(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf out = ES_BUF_INIT;
    struct es_json_writer writer = es_json_writer_make(&out);
    es_json_begin_object(&writer);
    es_json_put_text(&writer, "a", "x");
    es_json_put_text(&writer, "none", NULL);
    es_json_put_int(&writer, "n", INT64_MIN);
    es_json_put_id(&writer, "id", INT64_MAX);
    es_json_put_bool(&writer, "b", true);
    es_json_put_time(&writer, "t", 1 * ES_US_PER_S);
    es_json_put_date(&writer, "d", 20778);
    es_json_key(&writer, "list");
    es_json_begin_array(&writer);
    es_json_hex(&writer, "\x01\xFF", 2);
    es_json_begin_object(&writer);
    es_json_end_object(&writer);
    es_json_begin_array(&writer);
    es_json_end_array(&writer);
    es_json_null(&writer);
    es_json_end_array(&writer);
    es_json_put_bool(&writer, "last", false);
    es_json_end_object(&writer);
    assert_string_equal(es_buf_str(&out), "{\"a\":\"x\",\"none\":null,\"n\":-9223372036854775808,"
                                          "\"id\":\"9223372036854775807\",\"b\":true,"
                                          "\"t\":\"1970-01-01T00:00:01.000Z\",\"d\":\"2026-11-21\","
                                          "\"list\":[\"01ff\",{},[],null],\"last\":false}");
}

static void quoting_escapes_and_replaces(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        const char *quoted;
    } cases[] = {
        {"", 0, "\"\""},
        {"a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\""},
        {"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
        {"\x00\x1F\x7F", 3, "\"\\u0000\\u001f\\u007f\""},
        {"S\xC3\xB8ren \xF0\x9F\x91\xB5", 11, "\"S\xC3\xB8ren \xF0\x9F\x91\xB5\""},
        {"\xFFx\xC3", 3, "\"\xEF\xBF\xBDx\xEF\xBF\xBD\""},
        {"\xED\xA0\x80", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"\xC3\x28", 2, "\"\xEF\xBF\xBD(\""},
        {"\xE2\x82\xAC\xE2\x82", 5, "\"\xE2\x82\xAC\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        ES_CLEANUP(es_buf_done) struct es_buf out = ES_BUF_INIT;
        es_json_quote(&out, cases[i].bytes, cases[i].length);
        assert_string_equal(es_buf_str(&out), cases[i].quoted);
    }
}

static void any_two_bytes_make_valid_json(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf out = ES_BUF_INIT;
    for (unsigned pair = 0; pair <= 0xFFFF; pair++) {
        const char bytes[2] = {(char)(pair >> 8), (char)pair};
        es_buf_clear(&out);
        es_json_quote(&out, bytes, sizeof(bytes));
        json_t *value =
            json_loadb(es_buf_str(&out), out.length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(value);
        json_decref(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_request_is_read),
        cmocka_unit_test(absent_and_null_members_keep_their_defaults),
        cmocka_unit_test(every_wrong_member_is_named_in_one_sentence),
        cmocka_unit_test(what_is_no_json_is_malformed),
        cmocka_unit_test(nesting_stops_at_sixteen),
        cmocka_unit_test(errors_never_repeat_what_was_sent),
        cmocka_unit_test(answers_are_written_with_commas_in_the_right_places),
        cmocka_unit_test(quoting_escapes_and_replaces),
        cmocka_unit_test(any_two_bytes_make_valid_json),
    };
    return cmocka_run_group_tests_name("json", tests, make_arena, free_arena);
}
