/* Connections, who is calling, and where the server listens. */
#include "common/base/random.h"
#include "common/http/server.h"
#include "common/tests/http-served.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- the routes -------------------------------------------------------------------------- */

static void who(struct es_request *request, void *app, void *worker)
{
    (void)app;
    (void)worker;
    answer_text(request, es_request_client(request));
}

static const struct es_route routes[] = {
    {.method = "GET", .path = "/quick", .fast = answer_ok},
    {.method = "GET", .path = "/slow", .handle = answer_ok},
    {.method = "GET", .path = "/who", .fast = who},
    {.method = "GET", .path = "/query", .fast = answer_query},
    {.method = "POST", .path = "/body", .fast = answer_length_of_body},
    {.method = "PUT", .path = "/body", .handle = answer_length_of_body},
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

/* --- connections ------------------------------------------------------------------------- */

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    peer_send(&peer, "GET /query?q=1 HTTP/1.1\r\n" HOST "\r\n"
                     "GET /slow HTTP/1.1\r\n" HOST "\r\n"
                     "POST /body HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"
                     "GET /nothing HTTP/1.1\r\n" HOST "\r\n"
                     "GET /query?q=5 HTTP/1.1\r\n" HOST "\r\n");
    expect_text(&peer, "", "1");
    expect_text(&peer, "", "ok");
    expect_text(&peer, "", "3");
    peer_hears_problem(&peer, 404, "not_found");
    expect_text(&peer, "", "5");
    peer_close(&peer);
}

static void http_1_0_is_answered_and_closed_unless_asked_to_stay(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    expect_text(&peer, "GET /quick HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "ok");
    expect_text(&peer, "GET /quick HTTP/1.0\r\n\r\n", "ok");
    assert_true(peer_ended(&peer));
    peer_close(&peer);
}

static void a_client_that_wants_to_close_is_closed(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    expect_text(&peer, "GET /quick HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", "ok");
    assert_true(peer_ended(&peer));
    peer_close(&peer);
}

/* Clients that go away at any point leave nothing behind (under ASan) and nobody waiting. */
static void a_client_may_go_away_at_any_point(void **state)
{
    (void)state;
    static const char request[] = "PUT /body HTTP/1.1\r\n" HOST "Cookie: a=b\r\n"
                                  "Content-Length: 15\r\n\r\n123456789012345";
    for (size_t length = 0; length < sizeof(request); length += 3) {
        struct peer peer = connect_peer();
        peer_send_bytes(&peer, request, length);
        peer_close(&peer);
    }
    struct peer peer = connect_peer();
    expect_text(&peer, "GET /quick HTTP/1.1\r\n" HOST "\r\n", "ok");
    peer_close(&peer);
}

/* More connections than places: the rest wait in the kernel's queue and are served as places
 * become free. */
static void more_connections_than_places_are_served_in_turn(void **state)
{
    (void)state;
    struct es_http_config config = {.listen = "127.0.0.1:0", .max_connections = 2};
    struct es_http_server *small = start_server(&config, routes, ES_ARRAY_LEN(routes), NULL, NULL);
    struct peer peers[6];
    for (size_t i = 0; i < ES_ARRAY_LEN(peers); i++) {
        peers[i] = peer_connect(es_http_server_address(small));
        peer_send(&peers[i], "GET /quick HTTP/1.1\r\n" HOST "\r\n");
    }
    for (size_t i = 0; i < ES_ARRAY_LEN(peers); i++) {
        expect_text(&peers[i], "", "ok");
        struct es_http_counts counts;
        es_http_server_counts(small, &counts);
        assert_true(counts.connections <= 2);
        peer_close(&peers[i]);
    }
    assert_true(es_http_server_stop(small));
}

/* While descriptors lack, the acceptor pauses: whoever has connected meanwhile waits in the
 * kernel's queue when the server is stopped. */
static void J12_5_who_is_connected_when_it_stops_is_answered(void **state)
{
    (void)state;
    struct es_http_config config = {.listen = "127.0.0.1:0"};
    struct es_http_server *other = start_server(&config, routes, ES_ARRAY_LEN(routes), NULL, NULL);
    uint64_t port = 0;
    assert_true(es_parse_u64(strrchr(es_http_server_address(other), ':') + 1, &port));
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct peer peer = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    struct rlimit none = {.rlim_cur = STDERR_FILENO + 1, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int connected = connect(peer.fd, (const struct sockaddr *)&name, sizeof(name));
    (void)poll(NULL, 0, 20); /* the acceptor has failed once, and pauses for longer than that */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(connected, 0);
    peer_send(&peer, "GET /quick HTTP/1.1\r\n" HOST "\r\n");
    assert_true(es_http_server_stop(other));
    expect_text(&peer, "", "ok");
    assert_true(peer_ended(&peer));
    peer_close(&peer);
}

/* --- who is calling ---------------------------------------------------------------------- */

static void the_client_is_who_our_proxy_says(void **state)
{
    (void)state;
    static const struct {
        const char *forwarded;
        const char *client;
    } cases[] = {
        {"203.0.113.7", "203.0.113.7"},
        {"198.51.100.1, 203.0.113.7", "203.0.113.7"},
        {"203.0.113.7, 127.0.0.1", "203.0.113.7"},
        {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
        {"::ffff:203.0.113.7", "203.0.113.7"},
        {"unknown", "127.0.0.1"},
        {"203.0.113.7, nonsense", "127.0.0.1"},
        {"127.0.0.1", "127.0.0.1"},
    };
    struct peer peer = connect_peer();
    expect_text(&peer, "GET /who HTTP/1.1\r\n" HOST "\r\n", "127.0.0.1");
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        char request[256];
        (void)snprintf(request, sizeof(request),
                       "GET /who HTTP/1.1\r\n" HOST "X-Forwarded-For: %s\r\n\r\n",
                       cases[i].forwarded);
        expect_text(&peer, request, cases[i].client);
    }
    expect_text(&peer,
                "GET /who HTTP/1.1\r\n" HOST
                "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n",
                "203.0.113.7");
    peer_close(&peer);
}

static void J12_3_a_spoofed_header_changes_nothing_without_a_trusted_proxy(void **state)
{
    (void)state;
    struct es_http_config config = {.listen = "127.0.0.1:0", .trust_proxy = false};
    struct es_http_server *plain = start_server(&config, routes, ES_ARRAY_LEN(routes), NULL, NULL);
    struct peer peer = peer_connect(es_http_server_address(plain));
    struct peer_answer answer =
        peer_ask(&peer, "GET /who HTTP/1.1\r\n" HOST "X-Forwarded-For: 203.0.113.7\r\n"
                        "X-Request-Id: 8e03978e-40d5-4b4b-8f4c-5c3a1d2e6f70\r\n\r\n");
    assert_string_equal(es_buf_str(&answer.body), "127.0.0.1");
    assert_string_not_equal(answer_header(&answer, "X-Request-Id"),
                            "8e03978e-40d5-4b4b-8f4c-5c3a1d2e6f70");
    answer_done(&answer);
    peer_close(&peer);
    assert_true(es_http_server_stop(plain));
}

static void request_ids_are_kept_when_they_are_ids_and_new_otherwise(void **state)
{
    (void)state;
    char first[64];
    struct peer peer = connect_peer();
    struct peer_answer answer =
        peer_ask(&peer, "GET /quick HTTP/1.1\r\n" HOST
                        "X-Request-Id: 8e03978e-40d5-4b4b-8f4c-5c3a1d2e6f70\r\n\r\n");
    assert_string_equal(answer_header(&answer, "X-Request-Id"),
                        "8e03978e-40d5-4b4b-8f4c-5c3a1d2e6f70");
    answer_done(&answer);
    answer = peer_ask(&peer, "GET /quick HTTP/1.1\r\n" HOST "X-Request-Id: not-an-id\r\n\r\n");
    assert_true(es_copy_str(first, sizeof(first), answer_header(&answer, "X-Request-Id")));
    assert_int_equal(first[14], '4'); /* version 4 */
    answer_done(&answer);
    answer = peer_ask(&peer, "GET /quick HTTP/1.1\r\n" HOST "\r\n");
    assert_string_not_equal(answer_header(&answer, "X-Request-Id"), first);
    answer_done(&answer);
    peer_close(&peer);
}

/* --- listening --------------------------------------------------------------------------- */

static void it_listens_on_ipv6_and_unix_sockets_too(void **state)
{
    (void)state;
    char folder[] = "/tmp/eldersafe-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char address[64];
    (void)snprintf(address, sizeof(address), "unix:%s/socket", folder);
    const char *const addresses[] = {"[::1]:0", "localhost:0", address};
    for (size_t i = 0; i < ES_ARRAY_LEN(addresses); i++) {
        struct es_http_config config = {.listen = addresses[i], .trust_proxy = true};
        struct es_http_server *other =
            start_server(&config, routes, ES_ARRAY_LEN(routes), NULL, NULL);
        struct peer peer = peer_connect(es_http_server_address(other));
        expect_text(&peer, "GET /who HTTP/1.1\r\n" HOST "X-Forwarded-For: 203.0.113.7\r\n\r\n",
                    "203.0.113.7");
        peer_close(&peer);
        assert_true(es_http_server_stop(other));
    }
    assert_int_equal(rmdir(folder), 0); /* the socket was removed */
}

static void what_cannot_be_listened_on_is_said(void **state)
{
    (void)state;
    static const char *const addresses[] = {
        "127.0.0.1", "127.0.0.1:x",          "127.0.0.1:65536", ":80",
        "[::1:80",   "unix:/nowhere/socket", "300.1.1.1:80",
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(addresses); i++) {
        ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
        struct es_http_config config = {.listen = addresses[i]};
        assert_null(
            es_http_server_start(&config, routes, ES_ARRAY_LEN(routes), NULL, NULL, &error));
        assert_non_null(strstr(es_buf_str(&error), addresses[i]));
    }
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    struct es_http_config taken = {.listen = es_http_server_address(server)};
    assert_null(es_http_server_start(&taken, routes, ES_ARRAY_LEN(routes), NULL, NULL, &error));
    assert_non_null(strstr(es_buf_str(&error), "in use"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(http_1_0_is_answered_and_closed_unless_asked_to_stay),
        cmocka_unit_test(a_client_that_wants_to_close_is_closed),
        cmocka_unit_test(a_client_may_go_away_at_any_point),
        cmocka_unit_test(more_connections_than_places_are_served_in_turn),
        cmocka_unit_test(J12_5_who_is_connected_when_it_stops_is_answered),
        cmocka_unit_test(the_client_is_who_our_proxy_says),
        cmocka_unit_test(J12_3_a_spoofed_header_changes_nothing_without_a_trusted_proxy),
        cmocka_unit_test(request_ids_are_kept_when_they_are_ids_and_new_otherwise),
        cmocka_unit_test(it_listens_on_ipv6_and_unix_sockets_too),
        cmocka_unit_test(what_cannot_be_listened_on_is_said),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
