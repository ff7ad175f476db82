/* The parsers of common/http, without a network: what each takes, and what it refuses. */
#include "common/answer/request-id.h"
#include "common/base/arena.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/http/breaker.h"
#include "common/http/client-address.h"
#include "common/http/content-type.h"
#include "common/http/cookie.h"
#include "common/http/idempotency.h"
#include "common/http/retry-after.h"
#include "common/http/router.h"
#include "common/http/server.h"
#include "common/http/target.h"
#include "common/http/urlencoded.h"
#include "common/tests/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* --- escapes and pairs ------------------------------------------------------------------- */

static void escapes_are_decoded_once(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *decoded; /* NULL: malformed */
    } cases[] = {
        {"", ""},
        {"abc", "abc"},
        {"%41%62c", "Abc"},
        {"a+b", "a b"},
        {"%2B", "+"},
        {"%2541", "%41"},
        {"S%c3%B8ren", "S\xC3\xB8ren"},
        {"%", NULL},
        {"%4", NULL},
        {"a%", NULL},
        {"%4g", NULL},
        {"%g4", NULL},
        {"%00", NULL},
        {"%c3", NULL},
        {"%ff", NULL},
        {"%ed%a0%80", NULL},
    };
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        const char *decoded = es_percent_decode(arena, cases[i].text, strlen(cases[i].text), true);
        if (cases[i].decoded == NULL) {
            assert_null(decoded);
        } else {
            assert_string_equal(decoded, cases[i].decoded);
        }
    }
    assert_string_equal(es_percent_decode(arena, "a+b", 3, false), "a+b");
}

static void pairs_come_one_by_one(void **state)
{
    (void)state;
    static const char text[] = "&a=1&&b&c=&=d&a=%26%3D&";
    static const char *const expected[][2] = {
        {"a", "1"}, {"b", ""}, {"c", ""}, {"", "d"}, {"a", "&="},
    };
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct es_pairs pairs = es_pairs_make(text, sizeof(text) - 1);
    const char *name = NULL;
    const char *value = NULL;
    for (size_t i = 0; i < ES_ARRAY_LEN(expected); i++) {
        assert_int_equal(es_pairs_next(&pairs, arena, &name, &value), ES_PAIRS_ONE);
        assert_string_equal(name, expected[i][0]);
        assert_string_equal(value, expected[i][1]);
    }
    assert_int_equal(es_pairs_next(&pairs, arena, &name, &value), ES_PAIRS_END);
    assert_int_equal(es_pairs_next(&pairs, arena, &name, &value), ES_PAIRS_END);
}

static void a_query_argument_is_found_once_or_refused(void **state)
{
    (void)state;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    const char *value = "untouched";
    assert_int_equal(es_query_find(arena, NULL, "a", &value), ES_QUERY_ABSENT);
    assert_int_equal(es_query_find(arena, "b=1", "a", &value), ES_QUERY_ABSENT);
    assert_int_equal(es_query_find(arena, "a=1&a=1", "a", &value), ES_QUERY_REPEATED);
    assert_int_equal(es_query_find(arena, "a=1&b=%", "a", &value), ES_QUERY_MALFORMED);
    assert_string_equal(value, "untouched");
    assert_int_equal(es_query_find(arena, "b=1&%61=x", "a", &value), ES_QUERY_FOUND);
    assert_string_equal(value, "x");
}

/* --- header values ----------------------------------------------------------------------- */

static void cookies_are_found_by_their_whole_name(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        const char *value;
    } cases[] = {
        {NULL, NULL},      {"", NULL},           {"id=1", "1"},      {" a=b ;id=1 ; c=d", "1"},
        {"id=", ""},       {"id", NULL},         {"xid=1", NULL},    {"idx=1", NULL},
        {"id=a=b", "a=b"}, {"id=1; id=1", NULL}, {";;;id=1;;", "1"}, {"ID=1", NULL},
    };
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        const char *value = es_cookie_find(arena, cases[i].header, "id");
        if (cases[i].value == NULL) {
            assert_null(value);
        } else {
            assert_string_equal(value, cases[i].value);
        }
    }
}

static void an_idempotency_key_is_visible_characters(void **state)
{
    (void)state;
    char longest[ES_IDEMPOTENCY_KEY_MAX + 1];
    char too_long[ES_IDEMPOTENCY_KEY_MAX + 2];
    memset(longest, 'k', sizeof(longest) - 1);
    memset(too_long, 'k', sizeof(too_long) - 1);
    longest[sizeof(longest) - 1] = '\0';
    too_long[sizeof(too_long) - 1] = '\0';
    const struct {
        const char *header;
        const char *key;
    } cases[] = {
        {"8e03978e-40d5", "8e03978e-40d5"},
        {"\"8e03978e-40d5\"", "8e03978e-40d5"},
        {"\"a\\\"b\\\\c\"", "a\"b\\c"},
        {"\"a,b;c\"", "a,b;c"},
        {longest, longest},
        {too_long, NULL},
        {"", NULL},
        {"\"\"", NULL},
        {"\"a", NULL},
        {"\"a\" ", NULL},
        {"\"a\";x=1", NULL},
        {"\"a\\b\"", NULL},
        {"\"a\\", NULL},
        {"\"a b\"", NULL},
        {"a b", NULL},
        {"a\"b", NULL},
        {"a,b", NULL},
        {"\"S\xC3\xB8ren\"", NULL},
    };
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        const char *key = es_idempotency_key_parse(arena, cases[i].header);
        if (cases[i].key == NULL) {
            assert_null(key);
        } else {
            assert_string_equal(key, cases[i].key);
        }
    }
}

static void a_fingerprint_tells_requests_apart(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        const char *path;
        const char *body;
    } requests[] = {
        {"POST", "/a", "b"}, {"PUT", "/a", "b"}, {"POST", "/ab", ""},
        {"POST", "/", "ab"}, {"POST", "/a", ""}, {"POS", "T/a", "b"},
    };
    unsigned char marks[ES_ARRAY_LEN(requests)][ES_IDEMPOTENCY_MARK_LEN];
    for (size_t i = 0; i < ES_ARRAY_LEN(requests); i++) {
        es_idempotency_fingerprint(requests[i].method, requests[i].path, requests[i].body,
                                   strlen(requests[i].body), marks[i]);
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(marks[i], marks[j], ES_IDEMPOTENCY_MARK_LEN);
        }
    }
    unsigned char again[ES_IDEMPOTENCY_MARK_LEN];
    es_idempotency_fingerprint("POST", "/a", "b", 1, again);
    assert_memory_equal(again, marks[0], sizeof(again));
}

static void content_types_are_compared_without_their_harmless_parts(void **state)
{
    (void)state;
    static const char *const same[] = {
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json ;charset=\"UTF-8\"",
        "application/json; v=1; charset=utf-8",
    };
    static const char *const other[] = {
        "application/jsonp",
        "application/json+x",
        "text/json",
        "",
        "application/json charset",
        "application/json; charset=latin1",
        "application/json; charset=utf-16",
        "application/json, text/html",
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(same); i++) {
        assert_true(es_content_type_is(same[i], "application/json"));
    }
    for (size_t i = 0; i < ES_ARRAY_LEN(other); i++) {
        assert_false(es_content_type_is(other[i], "application/json"));
    }
    assert_false(es_content_type_is(NULL, "application/json"));
    assert_true(es_accepts_page("text/html"));
    assert_true(es_accepts_page("application/xml , Text/HTML;q=0.8"));
    assert_false(es_accepts_page("text/html5, */*"));
    assert_false(es_accepts_page(""));
    assert_false(es_accepts_page(NULL));
}

static void retry_after_is_seconds_or_a_date(void **state)
{
    (void)state;
    const int64_t now_us = INT64_C(784111777) * ES_US_PER_S; /* Sun, 06 Nov 1994 08:49:37 GMT */
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {
        {"0", 0},
        {"120", 120},
        {"Sun, 06 Nov 1994 08:50:37 GMT", 60},
        {"Sunday, 06-Nov-94 08:50:37 GMT", 60},
        {"Sun Nov  6 08:50:37 1994", 60},
        {"Sun, 06 Nov 1994 08:49:00 GMT", 0},
        {"31536000", ES_RETRY_AFTER_MAX_S},
        {"9223372036854775807", ES_RETRY_AFTER_MAX_S},
        {"Sun, 06 Nov 2094 08:49:37 GMT", ES_RETRY_AFTER_MAX_S},
        {"-1", -1},
        {"1.5", -1},
        {"99999999999999999999", -1},
        {"soon", -1},
        {"", -1},
        {NULL, -1},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        assert_int_equal(es_retry_after_parse(cases[i].text, now_us), cases[i].seconds);
    }
}

/* --- identities -------------------------------------------------------------------------- */

static void request_ids_are_version_4_and_differ(void **state)
{
    (void)state;
    struct es_id_source source = {0};
    char previous[ES_REQUEST_ID_TEXT_SIZE] = "";
    for (int i = 0; i < 3 * ES_REQUEST_IDS_AT_ONCE; i++) {
        unsigned char id[ES_REQUEST_ID_BYTES];
        unsigned char parsed[ES_REQUEST_ID_BYTES];
        char text[ES_REQUEST_ID_TEXT_SIZE];
        es_request_id_make(&source, id);
        es_request_id_format(id, text);
        assert_int_equal(strlen(text), 36);
        assert_int_equal(text[14], '4');
        assert_non_null(strchr("89ab", text[19]));
        assert_true(es_request_id_parse(text, parsed));
        assert_memory_equal(parsed, id, sizeof(id));
        assert_string_not_equal(text, previous);
        memcpy(previous, text, sizeof(previous));
    }
}

static void what_is_no_uuid_is_no_request_id(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "8e03978e40d54b4b8f4c5c3a1d2e6f70",
        "8e03978e-40d5-4b4b-8f4c-5c3a1d2e6f7",
        "8e03978e-40d5-4b4b-8f4c-5c3a1d2e6f700",
        "8e03978e-40d5-4b4b-8f4c-5c3a1d2e6f7g",
        "8e03978e-40d54-b4b-8f4c-5c3a1d2e6f70",
        "{e03978e-40d5-4b4b-8f4c-5c3a1d2e6f7}",
    };
    unsigned char id[ES_REQUEST_ID_BYTES];
    for (size_t i = 0; i < ES_ARRAY_LEN(wrong); i++) {
        assert_false(es_request_id_parse(wrong[i], id));
    }
    assert_true(es_request_id_parse("8E03978E-40D5-4B4B-8F4C-5C3A1D2E6F70", id));
    assert_int_equal(id[0], 0x8E);
    assert_int_equal(id[15], 0x70);
}

static void addresses_are_written_for_limits(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        const char *text;
        bool local;
    } cases[] = {
        {"203.0.113.7", "203.0.113.7", false},
        {"127.8.9.10", "127.8.9.10", true},
        {"::1", "::1", true},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", false},
        {"::ffff:203.0.113.7", "203.0.113.7", false},
        {"::ffff:127.0.0.1", "127.0.0.1", true},
    };
    char text[ES_CLIENT_ADDRESS_SIZE];
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        struct sockaddr_in four = {.sin_family = AF_INET};
        struct sockaddr_in6 six = {.sin6_family = AF_INET6};
        const struct sockaddr *address = (const struct sockaddr *)&four;
        if (inet_pton(AF_INET, cases[i].address, &four.sin_addr) != 1) {
            assert_int_equal(inet_pton(AF_INET6, cases[i].address, &six.sin6_addr), 1);
            address = (const struct sockaddr *)&six;
        }
        es_client_address_format(address, text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(es_client_address_is_local(address), cases[i].local);
    }
    struct sockaddr unix_peer = {.sa_family = AF_UNIX};
    es_client_address_format(&unix_peer, text);
    assert_string_equal(text, "127.0.0.1");
    assert_true(es_client_address_is_local(&unix_peer));
}

static void the_last_foreign_element_of_forwarded_for_counts(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        const char *client;
    } cases[] = {
        {"203.0.113.7", "203.0.113.7"},
        {" 203.0.113.7 ", "203.0.113.7"},
        {"1.1.1.1,203.0.113.7", "203.0.113.7"},
        {"garbage, 203.0.113.7", "203.0.113.7"},
        {"203.0.113.7, 127.0.0.1, ::1", "203.0.113.7"},
        {"2001:db8::1", "2001:db8::"},
        {"", NULL},
        {",", NULL},
        {"127.0.0.1", NULL},
        {"203.0.113.7,", NULL},
        {"203.0.113.7, unknown", NULL},
        {"203.0.113.7:80", NULL},
        {"[2001:db8::1]", NULL},
        {"203.0.113.07", NULL},
        {"fe80::1%eth0", NULL},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        char client[ES_CLIENT_ADDRESS_SIZE] = "untouched";
        assert_int_equal(es_forwarded_client(cases[i].header, client), cases[i].client != NULL);
        assert_string_equal(client, cases[i].client != NULL ? cases[i].client : "untouched");
    }
}

/* --- targets and routes ------------------------------------------------------------------ */

static void targets_are_split_and_not_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        const char *path;
        const char *query;
    } cases[] = {
        {"/", "/", NULL},
        {"/a%2Fb?c=%41?d", "/a%2Fb", "c=%41?d"},
        {"/a?", "/a", ""},
        {"http://host/a?b", "/a", "b"},
        {"HTTPS://host:80", "/", NULL},
        {"http://host?b", "/", "b"},
        {"*", "*", NULL},
    };
    static const char *const refused[] = {
        "",      "a",         "?a", "*a",  "http://", "http:///a", "ftp://a/", "/a b", "/a#b",
        "/\x7F", "/\xC3\xB8", "/%", "/%1", "/%1g",    "/%00",      "/%1F",     "/%7f",
    };
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct es_target target = {0};
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        assert_true(es_target_parse(arena, cases[i].target, &target));
        assert_string_equal(target.path, cases[i].path);
        assert_int_equal(target.query != NULL, cases[i].query != NULL);
        assert_true(target.query == NULL || strcmp(target.query, cases[i].query) == 0);
    }
    for (size_t i = 0; i < ES_ARRAY_LEN(refused); i++) {
        assert_false(es_target_parse(arena, refused[i], &target));
    }
}

static void handler(struct es_request *request, void *app, void *worker)
{
    (void)request;
    (void)app;
    (void)worker;
}

static void a_parameter_is_one_whole_segment(void **state)
{
    (void)state;
    static const struct es_route routes[] = {
        {.method = "GET", .path = "/{first}/b/{second}", .handle = handler},
        {.method = "PATCH", .path = "/a/b/c", .handle = handler},
        {.method = "GET", .path = "/", .handle = handler},
    };
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct es_router *router = es_router_new(routes, ES_ARRAY_LEN(routes), &error);
    assert_non_null(router);
    struct es_match match;
    assert_int_equal(es_router_match(router, arena, ES_METHOD_HEAD, "/x%20y/b/%C3%B8", &match),
                     ES_MATCH_FOUND);
    assert_ptr_equal(match.route, &routes[0]);
    assert_int_equal(match.params.count, 2);
    assert_string_equal(match.params.names[0], "first");
    assert_string_equal(match.params.values[0], "x y");
    assert_string_equal(match.params.values[1], "\xC3\xB8");
    assert_int_equal(es_router_match(router, arena, ES_METHOD_GET, "/", &match), ES_MATCH_FOUND);
    assert_ptr_equal(match.route, &routes[2]);
    /* the template without parameters hides the other one, for every method */
    assert_int_equal(es_router_match(router, arena, ES_METHOD_GET, "/a/b/c", &match),
                     ES_MATCH_NO_METHOD);
    assert_string_equal(match.allow, "PATCH, OPTIONS");
    static const char *const nowhere[] = {"",        "//b/c",    "/a/b/",   "/a/b",
                                          "/a/b/c/", "/a%2Fb/b", "/a/b/%ff"};
    for (size_t i = 0; i < ES_ARRAY_LEN(nowhere); i++) {
        assert_int_equal(es_router_match(router, arena, ES_METHOD_GET, nowhere[i], &match),
                         ES_MATCH_NO_PATH);
    }
    es_router_free(router);
}

static void a_table_with_a_mistake_is_refused(void **state)
{
    (void)state;
    static const struct es_route wrong[][2] = {
        {{.method = "GET", .path = "/a", .handle = handler},
         {.method = "GET", .path = "/a", .handle = handler}},
        {{.method = "FETCH", .path = "/a", .handle = handler}},
        {{.method = "HEAD", .path = "/a", .handle = handler}},
        {{.method = "GET", .path = "a", .handle = handler}},
        {{.method = "GET", .path = "/a//b", .handle = handler}},
        {{.method = "GET", .path = "/a/", .handle = handler}},
        {{.method = "GET", .path = "/{}", .handle = handler}},
        {{.method = "GET", .path = "/x{a}", .handle = handler}},
        {{.method = "GET", .path = "/%41", .handle = handler}},
        {{.method = "GET", .path = "/1/2/3/4/5/6/7/8/9", .handle = handler}},
        {{.method = "GET", .path = "/a"}},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(wrong); i++) {
        ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
        assert_null(es_router_new(wrong[i], wrong[i][1].method != NULL ? 2 : 1, &error));
        assert_true(error.length > 0);
    }
}

/* --- the breaker ------------------------------------------------------------------------- */

static void a_breaker_opens_probes_and_closes(void **state)
{
    (void)state;
    const struct es_breaker_rule rule = {.failures_to_open = 2, .open_us = 1000};
    struct es_breaker breaker = {0};
    assert_true(es_breaker_allow(&breaker, 0));
    es_breaker_failed(&breaker, &rule, 0);
    assert_true(es_breaker_allow(&breaker, 0));
    es_breaker_succeeded(&breaker); /* failures count in a row only */
    es_breaker_failed(&breaker, &rule, 0);
    assert_true(es_breaker_allow(&breaker, 10));
    es_breaker_failed(&breaker, &rule, 10);
    assert_false(es_breaker_allow(&breaker, 1009));
    assert_true(es_breaker_allow(&breaker, 1010));
    assert_false(es_breaker_allow(&breaker, 1010)); /* one probe at a time */
    es_breaker_failed(&breaker, &rule, 1020);
    assert_false(es_breaker_allow(&breaker, 2019));
    assert_true(es_breaker_allow(&breaker, 2020));
    es_breaker_succeeded(&breaker);
    assert_true(es_breaker_allow(&breaker, 2021));
    assert_true(es_breaker_allow(&breaker, 2021));
    const struct es_breaker_rule never = {.failures_to_open = 0};
    for (int i = 0; i < 100; i++) {
        es_breaker_failed(&breaker, &never, 3000);
    }
    assert_true(es_breaker_allow(&breaker, 3000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_are_decoded_once),
        cmocka_unit_test(pairs_come_one_by_one),
        cmocka_unit_test(a_query_argument_is_found_once_or_refused),
        cmocka_unit_test(cookies_are_found_by_their_whole_name),
        cmocka_unit_test(an_idempotency_key_is_visible_characters),
        cmocka_unit_test(a_fingerprint_tells_requests_apart),
        cmocka_unit_test(content_types_are_compared_without_their_harmless_parts),
        cmocka_unit_test(retry_after_is_seconds_or_a_date),
        cmocka_unit_test(request_ids_are_version_4_and_differ),
        cmocka_unit_test(what_is_no_uuid_is_no_request_id),
        cmocka_unit_test(addresses_are_written_for_limits),
        cmocka_unit_test(the_last_foreign_element_of_forwarded_for_counts),
        cmocka_unit_test(targets_are_split_and_not_decoded),
        cmocka_unit_test(a_parameter_is_one_whole_segment),
        cmocka_unit_test(a_table_with_a_mistake_is_refused),
        cmocka_unit_test(a_breaker_opens_probes_and_closes),
    };
    es_random_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
