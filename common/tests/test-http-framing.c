/* Framing that must be refused, from the wire: every case of RFC 9112 that libmicrohttpd 0.9.75
 * would let pass, each said byte by byte to a running server. */
#include "common/base/random.h"
#include "common/http/framing.h"
#include "common/http/server.h"
#include "common/tests/http-served.h"

#define BODY_LIMIT 64

/* Answers with the body it got. */
static void echo(struct es_request *request, void *app, void *worker)
{
    (void)app;
    (void)worker;
    size_t length = 0;
    const void *bytes = es_request_body(request, &length);
    struct es_buf body = ES_BUF_INIT; /* moved into the request */
    es_buf_add(&body, bytes, length);
    es_respond(request, 200, "text/plain", &body);
}

static const struct es_route routes[] = {
    {.method = "GET", .path = "/echo", .fast = echo},
    {.method = "POST", .path = "/echo", .fast = echo, .body_limit = BODY_LIMIT},
};

static int start(void **state)
{
    (void)state;
    es_random_init();
    struct es_http_config config = {.listen = "127.0.0.1:0"};
    server = start_server(&config, routes, ES_ARRAY_LEN(routes), NULL, NULL);
    return 0;
}

struct framing_case {
    const char *what;
    const char *bytes;
    size_t length;
    unsigned status;
    const char *code;
};

#define CASE(what, text, status, code)                                                             \
    {                                                                                              \
        what, text, sizeof(text) - 1, status, code                                                 \
    }

static const struct framing_case refused[] = {
    CASE("white space before the colon", "GET /echo HTTP/1.1\r\nHost : a\r\n\r\n", 400,
         "bad_request"),
    CASE("white space before the colon of Content-Length",
         "POST /echo HTTP/1.1\r\n" HOST "Content-Length : 4\r\n\r\nabcd", 400, "bad_request"),
    CASE("no Host", "GET /echo HTTP/1.1\r\n\r\n", 400, "bad_request"),
    CASE("two Hosts", "GET /echo HTTP/1.1\r\n" HOST HOST "\r\n", 400, "bad_request"),
    CASE("an empty Host", "GET /echo HTTP/1.1\r\nHost: \r\n\r\n", 400, "bad_request"),
    CASE("two hosts in one field", "GET /echo HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, "bad_request"),
    CASE("a Host with a path", "GET /echo HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "bad_request"),
    CASE("a transfer coding that is not chunked",
         "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 400, "bad_request"),
    CASE("chunked is not the last coding",
         "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, gzip\r\n\r\n", 400,
         "bad_request"),
    CASE("the coding identity",
         "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: identity\r\n\r\n", 400, "bad_request"),
    CASE("chunked twice",
         "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n\r\n", 400,
         "bad_request"),
    CASE("a coding like chunked",
         "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n", 400, "bad_request"),
    CASE("an unknown coding before chunked",
         "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501,
         "not_implemented"),
    CASE("two Transfer-Encodings",
         "POST /echo HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
         400, "bad_request"),
    CASE("TE with CL",
         "POST /echo HTTP/1.1\r\n" HOST
         "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         400, "bad_request"),
    CASE("TE with CL in the other order",
         "POST /echo HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
         400, "bad_request"),
    CASE("TE with a CL that is no number",
         "POST /echo HTTP/1.1\r\n" HOST
         "Transfer-Encoding: chunked\r\nContent-Length: x\r\n\r\n0\r\n\r\n",
         400, "bad_request"),
    CASE("Transfer-Encoding in HTTP/1.0",
         "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "bad_request"),
    CASE("two Content-Lengths that differ",
         "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", 400,
         "bad_request"),
    CASE("two Content-Lengths that agree",
         "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", 400,
         "bad_request"),
    CASE("a folded line", "GET /echo HTTP/1.1\r\n" HOST "X-Long: a\r\n b\r\n\r\n", 400,
         "bad_request"),
    CASE("a folded line that makes up a Content-Length",
         "POST /echo HTTP/1.1\r\n" HOST "Content: 4\r\n -Length\r\n\r\nabcd", 400, "bad_request"),
    CASE("a bare LF after a field", "GET /echo HTTP/1.1\r\n" HOST "X: a\nY: b\r\n\r\n", 400,
         "bad_request"),
    CASE("bare LFs only", "GET /echo HTTP/1.1\nHost: a\n\n", 400, "bad_request"),
    CASE("a bare CR in a value", "GET /echo HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", 400,
         "bad_request"),
    CASE("a NUL in a value", "GET /echo HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n", 400, "bad_request"),
    CASE("a NUL in the last value", "GET /echo HTTP/1.1\r\nX: b\r\nHost: a\0\r\n\r\n", 400,
         "bad_request"),
    CASE("a NUL in the target", "GET /echo\0/secret HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request"),
    CASE("a control character in a value", "GET /echo HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n", 400,
         "bad_request"),
    CASE("a value that is not UTF-8", "GET /echo HTTP/1.1\r\n" HOST "X: S\xF8ren\r\n\r\n", 400,
         "bad_request"),
    CASE("a name that is no token", "GET /echo HTTP/1.1\r\n" HOST "X(a): b\r\n\r\n", 400,
         "bad_request"),
    CASE("white space before the first field", "GET /echo HTTP/1.1\r\n Host: a\r\n\r\n", 400,
         "bad_request"),
    CASE("two blanks before the target", "GET  /echo HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request"),
    CASE("a blank in the target", "GET /echo x HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request"),
    CASE("a method that is no token", "G(T /echo HTTP/1.1\r\n" HOST "\r\n", 400, "bad_request"),
    CASE("two Authorizations",
         "GET /echo HTTP/1.1\r\n" HOST "Authorization: a\r\nauthorization: b\r\n\r\n", 400,
         "bad_request"),
    CASE("two Idempotency-Keys",
         "POST /echo HTTP/1.1\r\n" HOST "Idempotency-Key: a\r\nIdempotency-Key: a\r\n\r\n", 400,
         "bad_request"),
};

/* What libmicrohttpd refuses before it calls us. */
static const struct framing_case refused_by_library[] = {
    CASE("a CL that is no number", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: x\r\n\r\n", 400,
         "bad_request"),
    CASE("a CL with a sign", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: +4\r\n\r\nabcd", 400,
         "bad_request"),
    CASE("a list of CLs", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4, 4\r\n\r\nabcd", 400,
         "bad_request"),
    CASE("a CL beyond 64 bits",
         "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551617\r\n\r\n", 413,
         "body_too_large"),
    CASE("a line without a colon", "GET /echo HTTP/1.1\r\nHost\r\n\r\n", 400, "bad_request"),
    CASE("a NUL in a name", "GET /echo HTTP/1.1\r\n" HOST "X\0Y: a\r\n\r\n", 400, "bad_request"),
    CASE("a chunk size that is no number",
         "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400,
         "bad_request"),
    CASE("a chunk size beyond 64 bits",
         "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n11111111111111111\r\n",
         413, "body_too_large"),
    CASE("a chunk longer than it said",
         "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n",
         400, "bad_request"),
    CASE("HTTP/2.0", "GET /echo HTTP/2.0\r\n" HOST "\r\n", 505, "http_version_not_supported"),
    CASE("a version of its own", "GET /echo HTTP/x\r\n" HOST "\r\n", 400, "bad_request"),
};

static void expect_refusals(const struct framing_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        print_message("    %s\n", cases[i].what);
        struct peer peer = connect_peer();
        peer_send_bytes(&peer, cases[i].bytes, cases[i].length);
        peer_hears_problem(&peer, cases[i].status, cases[i].code);
        assert_true(peer_ended(&peer));
        peer_close(&peer);
    }
}

static void wrong_framing_is_refused_and_ends_the_connection(void **state)
{
    (void)state;
    expect_refusals(refused, ES_ARRAY_LEN(refused));
}

static void what_the_library_refuses_is_answered_like_everything_else(void **state)
{
    (void)state;
    struct es_http_counts before;
    struct es_http_counts after;
    es_http_server_counts(server, &before);
    expect_refusals(refused_by_library, ES_ARRAY_LEN(refused_by_library));
    es_http_server_counts(server, &after);
    assert_int_equal(after.framing_refusals,
                     before.framing_refusals + ES_ARRAY_LEN(refused_by_library));
}

/* Nothing to answer: a request line without a blank, as a TLS client's hello looks. */
static void what_is_not_http_is_hung_up_on(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    peer_send_bytes(&peer, "\x16\x03\x01\x02\x00\x01\r\n\r\n", 10);
    assert_true(peer_ended(&peer));
    peer_close(&peer);
}

/* The second request hides behind a framing that a proxy in front might read otherwise. */
static void a_smuggled_request_is_never_answered(void **state)
{
    (void)state;
    static const char *const attempts[] = {
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\nGET /echo HTTP/1.1\r\n" HOST "\r\n",
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0\r\nContent-Length: 29\r\n\r\n"
        "GET /echo HTTP/1.1\r\n" HOST "\r\n",
        "POST /echo HTTP/1.1\r\n" HOST "Content-Length : 29\r\n\r\n"
        "GET /echo HTTP/1.1\r\n" HOST "\r\n",
        "GET /echo HTTP/1.1\r\n" HOST "X: a\r\n\tContent-Length: 29\r\n\r\n"
        "GET /echo HTTP/1.1\r\n" HOST "\r\n",
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(attempts); i++) {
        struct peer peer = connect_peer();
        peer_send(&peer, attempts[i]);
        peer_hears_problem(&peer, 400, "bad_request");
        assert_true(peer_ended(&peer));
        peer_close(&peer);
    }
}

static const struct {
    const char *what;
    const char *request;
    const char *echoed;
} accepted[] = {
    {"a length", "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nabcd", "abcd"},
    {"a length with leading zeros",
     "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0004\r\n\r\nabcd", "abcd"},
    {"chunks",
     "POST /echo HTTP/1.1\r\n" HOST
     "transfer-encoding: Chunked\r\n\r\n2\r\nab\r\n2;x=y\r\ncd\r\n0\r\n\r\n",
     "abcd"},
    {"chunks with a trailer",
     "POST /echo HTTP/1.1\r\n" HOST
     "Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\nX-Sum: 1\r\n\r\n",
     "abcd"},
    {"blanks around values", "POST /echo HTTP/1.1\r\nHost:\t a \t\r\nContent-Length: 1\r\n\r\nx",
     "x"},
    {"an empty value", "GET /echo HTTP/1.1\r\n" HOST "X-Empty:\r\n\r\n", ""},
    {"UTF-8 in a value", "GET /echo HTTP/1.1\r\n" HOST "X: S\xC3\xB8ren\r\n\r\n", ""},
    {"no length means no body", "POST /echo HTTP/1.1\r\n" HOST "\r\n", ""},
    {"an address as Host", "GET /echo HTTP/1.1\r\nHost: [::1]:8001\r\n\r\n", ""},
    {"the absolute form", "GET http://a.example/echo HTTP/1.1\r\nHost: a.example\r\n\r\n", ""},
    {"empty lines before the request", "\r\n\r\nGET /echo HTTP/1.1\r\n" HOST "\r\n", ""},
    {"arguments", "GET /echo?a=%41&b HTTP/1.1\r\n" HOST "\r\n", ""},
};

static void right_framing_is_taken_on_one_connection(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    for (size_t i = 0; i < ES_ARRAY_LEN(accepted); i++) {
        print_message("    %s\n", accepted[i].what);
        struct peer_answer answer = peer_ask(&peer, accepted[i].request);
        assert_int_equal(answer.status, 200);
        assert_string_equal(es_buf_str(&answer.body), accepted[i].echoed);
        answer_done(&answer);
    }
    peer_close(&peer);
}

/* However the bytes are cut into segments, and however full the connection's memory is. */
static void a_request_in_single_bytes_is_the_same_request(void **state)
{
    (void)state;
    static const char request[] =
        "POST /echo?x=1 HTTP/1.1\r\n" HOST "X-A: 1\r\nX-B: 2\r\nContent-Length: 4\r\n\r\nabcd";
    struct peer peer = connect_peer();
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof(request) - 1; i++) {
            peer_send_bytes(&peer, request + i, 1);
        }
        peer_hears_status(&peer, 200);
    }
    peer_close(&peer);
}

/* From a few bytes to more than the connection's memory: the answer is 200, 431 or 414, always an
 * answer, and never a false alarm of the header check. */
static void headers_of_every_size_are_answered(void **state)
{
    (void)state;
    unsigned seen_200 = 0;
    unsigned seen_431 = 0;
    for (size_t size = 0; size < 7000; size += 97) {
        ES_CLEANUP(es_buf_done) struct es_buf request = ES_BUF_INIT;
        es_buf_add_str(&request, "GET /echo HTTP/1.1\r\n" HOST "X-Large: ");
        for (size_t i = 0; i < size; i++) {
            es_buf_add_byte(&request, 'a');
        }
        es_buf_add_str(&request, "\r\n\r\n");
        struct peer peer = connect_peer();
        size_t half = request.length / 2;
        peer_send_bytes(&peer, request.data, half);
        peer_send_bytes(&peer, request.data + half, request.length - half);
        struct peer_answer answer = peer_hear(&peer);
        bool refused_by_us =
            answer.status == 431 &&
            strstr(es_buf_str(&answer.body), "\"error\":\"headers_too_large\"") != NULL;
        seen_200 += answer.status == 200;
        seen_431 += refused_by_us;
        if (answer.status != 200 && !refused_by_us) {
            fail_msg("%zu bytes: %s%s", size, es_buf_str(&answer.head), es_buf_str(&answer.body));
        }
        answer_done(&answer);
        peer_close(&peer);
    }
    assert_true(seen_200 > 30);
    assert_true(seen_431 > 5);
}

static void many_small_fields_are_refused_with_431(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf request = ES_BUF_INIT;
    es_buf_add_str(&request, "GET /echo HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 65; i++) {
        es_buf_printf(&request, "X-%d: a\r\n", i);
    }
    es_buf_add_str(&request, "\r\n");
    struct peer peer = connect_peer();
    peer_send_bytes(&peer, request.data, request.length);
    peer_hears_problem(&peer, 431, "headers_too_large");
    assert_true(peer_ended(&peer));
    peer_close(&peer);
}

static void a_target_beyond_memory_is_414(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf request = ES_BUF_INIT;
    es_buf_add_str(&request, "GET /");
    for (int i = 0; i < 8000; i++) {
        es_buf_add_byte(&request, 'a');
    }
    struct peer peer = connect_peer();
    peer_send_bytes(&peer, request.data, request.length);
    peer_hears_problem(&peer, 414, "uri_too_long");
    peer_close(&peer);
}

static void refusals_are_counted(void **state)
{
    (void)state;
    struct es_http_counts before;
    struct es_http_counts after;
    es_http_server_counts(server, &before);
    struct peer peer = connect_peer();
    peer_send(&peer, "GET /echo HTTP/1.1\r\n\r\n");
    peer_hears_problem(&peer, 400, "bad_request");
    es_http_server_counts(server, &after);
    assert_int_equal(after.framing_refusals, before.framing_refusals + 1);
    assert_int_equal(after.requests, before.requests + 1);
    peer_close(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_framing_is_refused_and_ends_the_connection),
        cmocka_unit_test(what_the_library_refuses_is_answered_like_everything_else),
        cmocka_unit_test(what_is_not_http_is_hung_up_on),
        cmocka_unit_test(a_smuggled_request_is_never_answered),
        cmocka_unit_test(right_framing_is_taken_on_one_connection),
        cmocka_unit_test(a_request_in_single_bytes_is_the_same_request),
        cmocka_unit_test(headers_of_every_size_are_answered),
        cmocka_unit_test(many_small_fields_are_refused_with_431),
        cmocka_unit_test(a_target_beyond_memory_is_414),
        cmocka_unit_test(refusals_are_counted),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
