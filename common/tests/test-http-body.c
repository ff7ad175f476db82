/* Bodies and query arguments: limits, content types, strict JSON and forms. */
#include "common/base/random.h"
#include "common/http/server.h"
#include "common/json/json.h"
#include "common/tests/http-served.h"

#define BODY_LIMIT ES_HTTP_DEFAULT_BODY_LIMIT

/* --- the routes -------------------------------------------------------------------------- */

/* {"name": text of at most 20 bytes, "count"?: 0..9} */
static void read_members(struct es_request *request, void *app, void *worker)
{
    (void)app;
    (void)worker;
    const char *name = NULL;
    int64_t count = -1;
    const struct es_json_member members[] = {
        {.name = "name", .type = ES_JSON_TEXT, .required = true, .max = 20, .target = &name},
        {.name = "count", .type = ES_JSON_INT, .max = 9, .target = &count},
    };
    if (es_request_read(request, members, ES_ARRAY_LEN(members))) {
        answer_text(request, es_arena_printf(es_request_arena(request), "%s %d", name, (int)count));
    }
}

static const struct es_route routes[] = {
    {.method = "GET", .path = "/quick", .fast = answer_ok},
    {.method = "DELETE", .path = "/quick", .fast = answer_ok},
    {.method = "GET", .path = "/query", .fast = answer_query},
    {.method = "POST", .path = "/read", .fast = read_members},
    {.method = "POST", .path = "/form", .handle = read_members, .flags = ES_ROUTE_FORM},
    {.method = "POST", .path = "/body", .fast = answer_length_of_body},
    {.method = "PUT", .path = "/body", .handle = answer_length_of_body, .body_limit = 100},
};

/* --- the server -------------------------------------------------------------------------- */

static int start(void **state)
{
    (void)state;
    es_random_init();
    struct es_http_config config = {
        .listen = "127.0.0.1:0",
    };
    server = start_server(&config, routes, ES_ARRAY_LEN(routes), NULL, NULL);
    return 0;
}

/* --- bodies ------------------------------------------------------------------------------ */

static void send_body(struct peer *peer, const char *method, const char *extra, size_t length)
{
    ES_CLEANUP(es_buf_done) struct es_buf request = ES_BUF_INIT;
    es_buf_printf(&request, "%s /body HTTP/1.1\r\n" HOST "%sContent-Length: %zu\r\n\r\n", method,
                  extra, length);
    for (size_t i = 0; i < length; i++) {
        es_buf_add_byte(&request, 'x');
    }
    peer_send_bytes(peer, request.data, request.length);
}

/* In chunks of 1,000 bytes. */
static void send_chunks(struct peer *peer, size_t length)
{
    peer_send(peer, "POST /body HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    ES_CLEANUP(es_buf_done) struct es_buf body = ES_BUF_INIT;
    while (length > 0) {
        size_t size = length < 1000 ? length : 1000;
        es_buf_printf(&body, "%zx\r\n", size);
        for (size_t i = 0; i < size; i++) {
            es_buf_add_byte(&body, 'x');
        }
        es_buf_add_str(&body, "\r\n");
        length -= size;
    }
    es_buf_add_str(&body, "0\r\n\r\n");
    peer_send_bytes(peer, body.data, body.length);
}

static void a_body_of_10240_bytes_passes_and_10241_is_413(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    send_body(&peer, "POST", "", BODY_LIMIT);
    peer_hears_status(&peer, 200);
    send_chunks(&peer, BODY_LIMIT);
    peer_hears_status(&peer, 200);
    send_body(&peer, "POST", "", BODY_LIMIT + 1);
    struct peer_answer answer = peer_hear(&peer);
    assert_int_equal(answer.status, 413);
    assert_string_equal(answer_header(&answer, "Connection"), "close");
    assert_non_null(strstr(es_buf_str(&answer.body), "\"error\":\"body_too_large\""));
    answer_done(&answer);
    assert_true(peer_ended(&peer));
    peer_close(&peer);
    peer = connect_peer();
    send_chunks(&peer, BODY_LIMIT + 1);
    peer_hears_problem(&peer, 413, "body_too_large");
    assert_true(peer_ended(&peer));
    peer_close(&peer);
    peer = connect_peer();
    send_body(&peer, "PUT", "", 100);
    peer_hears_status(&peer, 200);
    send_body(&peer, "PUT", "", 101);
    peer_hears_problem(&peer, 413, "body_too_large");
    peer_close(&peer);
}

/* Far too much: refused from its announcement, or cut when chunks do not end. */
static void a_huge_body_is_not_read(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    expect_problem(&peer, "POST /body HTTP/1.1\r\n" HOST "Content-Length: 1000000000\r\n\r\n", 413,
                   "body_too_large");
    assert_true(peer_ended(&peer));
    peer_close(&peer);
    peer = connect_peer();
    peer_send(&peer, "POST /body HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    char chunk[16 + 4096];
    int head = snprintf(chunk, sizeof(chunk), "1000\r\n");
    memset(chunk + head, 'x', 4096);
    (void)snprintf(chunk + head + 4096, 3, "\r\n");
    ssize_t sent = 0;
    for (int i = 0; i < 10000 && sent >= 0; i++) {
        sent = send(peer.fd, chunk, (size_t)head + 4096 + 2, MSG_NOSIGNAL);
    }
    assert_true(sent < 0); /* 40 MB were never taken */
    peer_close(&peer);
}

static void a_client_that_asks_first_is_told_to_go_on_or_not(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    peer_send(&peer,
              "POST /body HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    struct peer_answer interim = peer_hear_head(&peer);
    assert_int_equal(interim.status, 100);
    answer_done(&interim);
    expect_text(&peer, "abcd", "4");
    expect_problem(&peer,
                   "POST /body HTTP/1.1\r\n" HOST
                   "Expect: 100-continue\r\nContent-Length: 10241\r\n\r\n",
                   413, "body_too_large");
    assert_true(peer_ended(&peer));
    peer_close(&peer);
    peer = connect_peer();
    expect_problem(&peer,
                   "POST /nothing HTTP/1.1\r\n" HOST
                   "Expect: 100-continue\r\nContent-Length: 4\r\n\r\n",
                   404, "not_found");
    assert_true(peer_ended(&peer));
    peer_close(&peer);
}

static void a_method_without_a_body_takes_none(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    expect_text(&peer, "GET /quick HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", "ok");
    expect_problem(&peer, "GET /quick HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nabcd", 400,
                   "bad_request");
    expect_problem(&peer,
                   "DELETE /quick HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                   400, "bad_request");
    expect_text(&peer, "GET /quick HTTP/1.1\r\n" HOST "\r\n", "ok");
    peer_close(&peer);
}

static void a_coded_body_is_415(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    send_body(&peer, "POST", "Content-Encoding: gzip\r\n", 10);
    peer_hears_problem(&peer, 415, "unsupported_media_type");
    send_body(&peer, "POST", "Content-Encoding: Identity\r\n", 10);
    peer_hears_status(&peer, 200);
    peer_close(&peer);
}

struct read_case {
    const char *path;
    const char *type;
    const char *body;
    unsigned status;
    const char *expected; /* the text, or the problem's code */
};

#define JSON "application/json"
#define FORM "application/x-www-form-urlencoded"
#define DEEP "[[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]]"

static const struct read_case read_cases[] = {
    {"/read", JSON, "{\"name\":\"Anna\",\"count\":3}", 200, "Anna 3"},
    {"/read", "Application/JSON; charset=UTF-8", "{\"name\":\"S\xC3\xB8ren\"}", 200,
     "S\xC3\xB8ren -1"},
    {"/read", "application/json;charset=latin1", "{\"name\":\"Anna\"}", 415,
     "unsupported_media_type"},
    {"/read", "application/jsonx", "{\"name\":\"Anna\"}", 415, "unsupported_media_type"},
    {"/read", "text/plain", "{\"name\":\"Anna\"}", 415, "unsupported_media_type"},
    {"/read", FORM, "name=Anna", 415, "unsupported_media_type"},
    {"/read", JSON, "{\"name\":\"Anna\"", 400, "malformed_json"},
    {"/read", JSON, "{\"name\":\"Anna\"} x", 400, "malformed_json"},
    {"/read", JSON, "{\"name\":\"S\xF8ren\"}", 400, "malformed_json"},
    {"/read", JSON, "{\"name\":\"\\u0000\"}", 400, "malformed_json"},
    {"/read", JSON, "{\"name\":\"a\",\"name\":\"b\"}", 400, "malformed_json"},
    {"/read", JSON, "{\"name\":" DEEP "}", 400, "malformed_json"},
    {"/read", JSON, "[]", 422, "invalid_request"},
    {"/read", JSON, "{}", 422, "invalid_request"},
    {"/read", JSON, "{\"name\":7}", 422, "invalid_request"},
    {"/read", JSON, "{\"name\":\"Anna\",\"count\":10}", 422, "invalid_request"},
    {"/read", JSON, "{\"name\":\"Anna\",\"age\":80}", 422, "invalid_request"},
    {"/read", JSON, "{\"name\":\"123456789012345678901\"}", 422, "invalid_request"},
    {"/form", FORM, "name=Anna+Smith&count=3", 200, "Anna Smith 3"},
    {"/form", FORM "; charset=utf-8", "name=S%C3%B8ren&count=", 200, "S\xC3\xB8ren -1"},
    {"/form", JSON, "{\"name\":\"Anna\"}", 200, "Anna -1"},
    {"/form", FORM, "name=Anna&name=Berta", 400, "malformed_json"},
    {"/form", FORM, "name=%", 400, "bad_request"},
    {"/form", FORM, "name=%F8", 400, "bad_request"},
    {"/form", FORM, "name=%00", 400, "bad_request"},
    {"/form", FORM, "name=Anna&count=x", 422, "invalid_request"},
    {"/form", FORM, "name=Anna&age=80", 422, "invalid_request"},
    {"/form", "multipart/form-data", "name=Anna", 415, "unsupported_media_type"},
};

static void bodies_are_read_strictly(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    for (size_t i = 0; i < ES_ARRAY_LEN(read_cases); i++) {
        char request[512];
        print_message("    %s %s\n", read_cases[i].type, read_cases[i].body);
        (void)snprintf(
            request, sizeof(request),
            "POST %s HTTP/1.1\r\n" HOST "Content-Type: %s\r\nContent-Length: %zu\r\n\r\n%s",
            read_cases[i].path, read_cases[i].type, strlen(read_cases[i].body), read_cases[i].body);
        if (read_cases[i].status == 200) {
            expect_text(&peer, request, read_cases[i].expected);
        } else {
            expect_problem(&peer, request, read_cases[i].status, read_cases[i].expected);
        }
    }
    expect_problem(&peer, "POST /read HTTP/1.1\r\n" HOST "\r\n", 422, "invalid_request");
    expect_problem(&peer,
                   "POST /read HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
                   "Content-Length: 0\r\n\r\n",
                   422, "invalid_request"); /* as {} would be */
    peer_close(&peer);
}

static void a_nul_byte_in_a_body_is_400(void **state)
{
    (void)state;
    static const char request[] =
        "POST /read HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
        "Content-Length: 15\r\n\r\n{\"name\":\"a\0bc\"}";
    struct peer peer = connect_peer();
    peer_send_bytes(&peer, request, sizeof(request) - 1);
    peer_hears_problem(&peer, 400, "malformed_json");
    peer_close(&peer);
}

static void query_arguments_are_decoded_once_and_never_twice(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    expect_text(&peer, "GET /query?p=1&q=a%20b+c%2526 HTTP/1.1\r\n" HOST "\r\n", "a b c%26");
    expect_text(&peer, "GET /query HTTP/1.1\r\n" HOST "\r\n", "(none)");
    expect_text(&peer, "GET /query?q HTTP/1.1\r\n" HOST "\r\n", "");
    expect_problem(&peer, "GET /query?q=1&q=1 HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request");
    expect_problem(&peer, "GET /query?q=%4 HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request");
    expect_problem(&peer, "GET /query?q=%00 HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request");
    expect_problem(&peer, "GET /query?q=%ff HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request");
    peer_close(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_of_10240_bytes_passes_and_10241_is_413),
        cmocka_unit_test(a_huge_body_is_not_read),
        cmocka_unit_test(a_client_that_asks_first_is_told_to_go_on_or_not),
        cmocka_unit_test(a_method_without_a_body_takes_none),
        cmocka_unit_test(a_coded_body_is_415),
        cmocka_unit_test(bodies_are_read_strictly),
        cmocka_unit_test(a_nul_byte_in_a_body_is_400),
        cmocka_unit_test(query_arguments_are_decoded_once_and_never_twice),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
