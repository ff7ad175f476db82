/* Routes, methods, problems and what every answer carries, as a client sees them. */
#include "common/base/random.h"
#include "common/http/problem.h"
#include "common/http/server.h"
#include "common/tests/http-served.h"

/* --- the routes -------------------------------------------------------------------------- */

/* What the server knows about the request. */
static void describe(struct es_request *request, void *app, void *worker)
{
    (void)app;
    (void)worker;
    const char *id = es_request_param(request, "id");
    const char *theme = es_request_cookie(request, "theme");
    const char *agent = es_request_header(request, "user-AGENT");
    answer_text(request, es_arena_printf(es_request_arena(request), "%s %s id=%s theme=%s agent=%s",
                                         es_request_method(request), es_request_path(request),
                                         id != NULL ? id : "-", theme != NULL ? theme : "-",
                                         agent != NULL ? agent : "-"));
}

static void set_headers(struct es_request *request, void *app, void *worker)
{
    (void)app;
    (void)worker;
    es_respond_header(request, "Cache-Control", "max-age=60");
    es_respond_header(request, "X-Twice", "first");
    es_respond_header(request, "x-twice", "second");
    answer_text(request, "ok");
}

static void refuse_rate(struct es_request *request, void *app, void *worker)
{
    (void)app;
    (void)worker;
    es_respond_rate_limited(request, "login", 5, 60, 42);
}

static void say_nothing(struct es_request *request, void *app, void *worker)
{
    (void)request;
    (void)app;
    (void)worker;
}

static void unavailable(struct es_request *request, void *app, void *worker)
{
    (void)app;
    (void)worker;
    es_respond_problem(request, ES_PROBLEM_UNAVAILABLE, "A <detail> & more.");
}

static const struct es_route routes[] = {
    {.method = "GET", .path = "/describe", .fast = describe},
    {.method = "DELETE", .path = "/describe", .fast = describe},
    {.method = "GET", .path = "/items/{id}", .fast = describe},
    {.method = "GET", .path = "/items/latest", .fast = describe},
    {.method = "GET", .path = "/items/{id}/parts", .handle = describe},
    {.method = "POST", .path = "/body", .fast = answer_length_of_body},
    {.method = "PUT", .path = "/body", .handle = answer_length_of_body, .body_limit = 100},
    {.method = "GET", .path = "/headers", .fast = set_headers},
    {.method = "GET", .path = "/limited", .handle = refuse_rate},
    {.method = "GET", .path = "/silent", .handle = say_nothing},
    {.method = "GET", .path = "/page", .handle = unavailable, .flags = ES_ROUTE_PAGE},
    {.method = "GET", .path = "/data", .handle = unavailable},
};

/* --- the server -------------------------------------------------------------------------- */

static int start(void **state)
{
    (void)state;
    es_random_init();
    struct es_http_config config = {
        .listen = "127.0.0.1:0",
        .event_threads = 2,
        .executor_threads = 2,
        .trust_proxy = true,
    };
    server = start_server(&config, routes, ES_ARRAY_LEN(routes), NULL, NULL);
    return 0;
}

/* --- routes and methods ------------------------------------------------------------------ */

static void a_path_finds_its_route(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    expect_text(&peer, "GET /describe HTTP/1.1\r\n" HOST "\r\n",
                "GET /describe id=- theme=- agent=-");
    expect_text(&peer, "GET /items/17 HTTP/1.1\r\n" HOST "User-Agent: me\r\n\r\n",
                "GET /items/17 id=17 theme=- agent=me");
    expect_text(&peer, "GET /items/a%2Fb%20c HTTP/1.1\r\n" HOST "\r\n",
                "GET /items/a%2Fb%20c id=a/b c theme=- agent=-");
    expect_text(&peer, "GET /items/latest HTTP/1.1\r\n" HOST "\r\n",
                "GET /items/latest id=- theme=- agent=-");
    expect_text(&peer, "GET /items/17/parts HTTP/1.1\r\n" HOST "\r\n",
                "GET /items/17/parts id=17 theme=- agent=-");
    expect_text(&peer, "GET /d%65scribe?x HTTP/1.1\r\n" HOST "\r\n",
                "GET /d%65scribe id=- theme=- agent=-");
    peer_close(&peer);
}

static void an_unknown_path_is_404(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/",        "/nothing",         "/describe/",   "//describe",    "/items/",       "/items",
        "/Items/1", "/items/1/parts/2", "/describe/..", "/items/1/../2", "/items//parts",
    };
    struct peer peer = connect_peer();
    for (size_t i = 0; i < ES_ARRAY_LEN(paths); i++) {
        char request[128];
        (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n" HOST "\r\n", paths[i]);
        print_message("    %s\n", paths[i]);
        expect_problem(&peer, request, 404, "not_found");
    }
    peer_close(&peer);
}

static void a_malformed_address_is_400(void **state)
{
    (void)state;
    static const char *const targets[] = {
        "/items/%",   "/items/%4", "/items/%zz", "/items/%00",      "/items/%0a", "items/1",
        "/items/a#b", "*",         "ftp://a/b",  "/items/\xC3\xB8", "http://",    "?x=1",
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(targets); i++) {
        char request[128];
        (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n" HOST "\r\n", targets[i]);
        print_message("    %s\n", targets[i]);
        struct peer peer = connect_peer();
        expect_problem(&peer, request, 400, "bad_request");
        peer_close(&peer);
    }
}

static void a_wrong_method_is_405_and_says_which_are_right(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    static const char *const methods[] = {"POST", "PUT", "PATCH", "TRACE", "CONNECT"};
    for (size_t i = 0; i < ES_ARRAY_LEN(methods); i++) {
        char request[128];
        (void)snprintf(request, sizeof(request), "%s /describe HTTP/1.1\r\n" HOST "\r\n",
                       methods[i]);
        struct peer_answer answer = peer_ask(&peer, request);
        assert_int_equal(answer.status, 405);
        assert_string_equal(answer_header(&answer, "Allow"), "GET, HEAD, DELETE, OPTIONS");
        assert_string_equal(answer_header(&answer, "Content-Type"), "application/problem+json");
        answer_done(&answer);
    }
    expect_problem(&peer, "BREW /describe HTTP/1.1\r\n" HOST "\r\n", 501, "not_implemented");
    expect_problem(&peer, "get /describe HTTP/1.1\r\n" HOST "\r\n", 501, "not_implemented");
    peer_close(&peer);
}

static void options_says_what_is_allowed(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    struct peer_answer answer = peer_ask(&peer, "OPTIONS /body HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer.status, 204);
    assert_string_equal(answer_header(&answer, "Allow"), "POST, PUT, OPTIONS");
    assert_null(answer_header(&answer, "Content-Length"));
    answer_done(&answer);
    answer = peer_ask(&peer, "OPTIONS * HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer.status, 204);
    assert_non_null(answer_header(&answer, "Allow"));
    answer_done(&answer);
    expect_problem(&peer, "OPTIONS /nothing HTTP/1.1\r\n" HOST "\r\n", 404, "not_found");
    peer_close(&peer);
}

static void head_is_get_without_the_body(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    struct peer_answer get = peer_ask(&peer, "GET /headers HTTP/1.1\r\n" HOST "\r\n");
    peer_send(&peer, "HEAD /headers HTTP/1.1\r\n" HOST "\r\n");
    struct peer_answer head = peer_hear_head(&peer);
    assert_int_equal(head.status, 200);
    assert_string_equal(answer_header(&head, "Content-Length"), "2");
    assert_string_equal(answer_header(&head, "Content-Type"), "text/plain");
    assert_string_equal(answer_header(&get, "Content-Length"), "2");
    peer_send(&peer, "HEAD /nothing HTTP/1.1\r\n" HOST "\r\n");
    struct peer_answer missing = peer_hear_head(&peer);
    assert_int_equal(missing.status, 404);
    expect_text(&peer, "GET /headers HTTP/1.1\r\n" HOST "\r\n", "ok"); /* no body was left over */
    answer_done(&get);
    answer_done(&head);
    answer_done(&missing);
    peer_close(&peer);
}

static void a_cookie_that_comes_twice_is_none(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    expect_text(&peer, "GET /describe HTTP/1.1\r\n" HOST "Cookie: a=b; theme=dark ;x=y\r\n\r\n",
                "GET /describe id=- theme=dark agent=-");
    expect_text(&peer, "GET /describe HTTP/1.1\r\n" HOST "Cookie: theme=a; theme=b\r\n\r\n",
                "GET /describe id=- theme=- agent=-");
    peer_close(&peer);
}

/* --- every answer ------------------------------------------------------------------------ */

static void every_answer_carries_the_security_headers(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "GET /describe HTTP/1.1\r\n" HOST "\r\n", "GET /nothing HTTP/1.1\r\n" HOST "\r\n",
        "OPTIONS /body HTTP/1.1\r\n" HOST "\r\n", "GET /data HTTP/1.1\r\n" HOST "\r\n",
        "GET /describe HTTP/1.1\r\n\r\n",
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(requests); i++) {
        struct peer peer = connect_peer();
        struct peer_answer answer = peer_ask(&peer, requests[i]);
        assert_string_equal(answer_header(&answer, "X-Content-Type-Options"), "nosniff");
        assert_string_equal(answer_header(&answer, "X-Frame-Options"), "DENY");
        assert_string_equal(answer_header(&answer, "Referrer-Policy"), "no-referrer");
        assert_string_equal(answer_header(&answer, "Content-Security-Policy"),
                            "default-src 'none'; frame-ancestors 'none'");
        assert_string_equal(answer_header(&answer, "Cache-Control"), "no-store");
        assert_int_equal(strlen(answer_header(&answer, "X-Request-Id")), 36);
        assert_null(answer_header(&answer, "Server"));
        answer_done(&answer);
        peer_close(&peer);
    }
}

static void a_handler_may_set_a_header_its_own_way(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    struct peer_answer answer = peer_ask(&peer, "GET /headers HTTP/1.1\r\n" HOST "\r\n");
    assert_string_equal(answer_header(&answer, "Cache-Control"), "max-age=60");
    assert_string_equal(answer_header(&answer, "X-Twice"), "second");
    assert_null(strstr(es_buf_str(&answer.head), "no-store"));
    answer_done(&answer);
    peer_close(&peer);
}

static void a_problem_is_complete(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    struct peer_answer answer =
        peer_ask(&peer, "GET /data HTTP/1.1\r\n" HOST
                        "X-Request-Id: 8E03978E-40d5-4b4b-8f4c-5c3a1d2e6f70\r\n\r\n");
    assert_int_equal(answer.status, 503);
    assert_string_equal(answer_header(&answer, "Retry-After"), "2");
    const char *body = es_buf_str(&answer.body);
    assert_non_null(strstr(body, "\"type\":\"about:blank\""));
    assert_non_null(strstr(body, "\"title\":\"The service is not available just now\""));
    assert_non_null(strstr(body, "\"status\":503"));
    assert_non_null(strstr(body, "\"detail\":\"A <detail> & more.\""));
    assert_non_null(strstr(body, "\"error\":\"unavailable\""));
    assert_non_null(strstr(body, "\"timestamp\":\"2"));
    assert_non_null(strstr(body, "\"request_id\":\"8e03978e-40d5-4b4b-8f4c-5c3a1d2e6f70\""));
    answer_done(&answer);
    peer_close(&peer);
}

static void a_page_route_shows_problems_to_browsers_as_pages(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    struct peer_answer answer =
        peer_ask(&peer, "GET /page HTTP/1.1\r\n" HOST
                        "Accept: application/xhtml+xml, text/html;q=0.9\r\n\r\n");
    assert_int_equal(answer.status, 503);
    assert_string_equal(answer_header(&answer, "Content-Type"), "text/html; charset=utf-8");
    assert_non_null(
        strstr(answer_header(&answer, "Content-Security-Policy"), "form-action 'self'"));
    assert_non_null(strstr(es_buf_str(&answer.body), "A &lt;detail&gt; &amp; more."));
    answer_done(&answer);
    expect_problem(&peer, "GET /page HTTP/1.1\r\n" HOST "Accept: */*\r\n\r\n", 503, "unavailable");
    answer = peer_ask(&peer, "GET /page HTTP/1.1\r\n" HOST
                             "Accept: text/html\r\nAccept: application/json\r\n\r\n");
    assert_string_equal(answer_header(&answer, "Content-Type"), "text/html; charset=utf-8");
    answer_done(&answer);
    expect_problem(&peer, "GET /page HTTP/1.1\r\n" HOST "Accept: text/htmlx\r\n\r\n", 503,
                   "unavailable");
    expect_problem(&peer, "GET /data HTTP/1.1\r\n" HOST "Accept: text/html\r\n\r\n", 503,
                   "unavailable");
    peer_close(&peer);
}

static void too_many_requests_say_when_to_come_again(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    struct peer_answer answer = peer_ask(&peer, "GET /limited HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(answer.status, 429);
    assert_string_equal(answer_header(&answer, "Retry-After"), "42");
    assert_string_equal(answer_header(&answer, "RateLimit-Policy"), "\"login\";q=5;w=60");
    assert_string_equal(answer_header(&answer, "RateLimit"), "\"login\";r=0;t=42");
    assert_non_null(strstr(es_buf_str(&answer.body), "\"error\":\"rate_limited\""));
    answer_done(&answer);
    peer_close(&peer);
}

static void a_handler_that_forgets_to_answer_is_500(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    expect_problem(&peer, "GET /silent HTTP/1.1\r\n" HOST "\r\n", 500, "internal_error");
    peer_close(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_finds_its_route),
        cmocka_unit_test(an_unknown_path_is_404),
        cmocka_unit_test(a_malformed_address_is_400),
        cmocka_unit_test(a_wrong_method_is_405_and_says_which_are_right),
        cmocka_unit_test(options_says_what_is_allowed),
        cmocka_unit_test(head_is_get_without_the_body),
        cmocka_unit_test(a_cookie_that_comes_twice_is_none),
        cmocka_unit_test(every_answer_carries_the_security_headers),
        cmocka_unit_test(a_handler_may_set_a_header_its_own_way),
        cmocka_unit_test(a_problem_is_complete),
        cmocka_unit_test(a_page_route_shows_problems_to_browsers_as_pages),
        cmocka_unit_test(too_many_requests_say_when_to_come_again),
        cmocka_unit_test(a_handler_that_forgets_to_answer_is_500),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
