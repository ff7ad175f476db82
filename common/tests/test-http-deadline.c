/* Deadlines: whoever drips, idles or does not listen is let go in time, and nobody else is. */
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/http/server.h"
#include "common/tests/http-served.h"

#include <poll.h>
#include <time.h>

#define HEADER_MS 250
#define BODY_MS   400
#define IDLE_MS   600
#define DRIP_MS   10 /* between two bytes */
#define FAR_MS    3600000
#define LATE_MS   20000 /* by when anything has surely happened, on a busy machine too */
#define STEADY_MS                                                                                  \
    5000 /* more than a busy machine may make a client wait who is in time himself                 \
          */

#define LARGE_ANSWER (16 * 1024 * 1024) /* more than the kernel takes off our hands */

static void wait_at_gate(struct es_request *request, void *app, void *worker)
{
    (void)app;
    (void)worker;
    gate_pass(&gate);
    answer_text(request, "ok");
}

static void large(struct es_request *request, void *app, void *worker)
{
    (void)app;
    (void)worker;
    struct es_buf body = ES_BUF_INIT; /* moved into the request */
    es_buf_add_zeros(&body, LARGE_ANSWER);
    es_respond(request, 200, "application/octet-stream", &body);
}

static const struct es_route routes[] = {
    {.method = "GET", .path = "/quick", .fast = answer_ok},
    {.method = "POST", .path = "/quick", .fast = answer_ok},
    {.method = "GET", .path = "/gate", .handle = wait_at_gate},
    {.method = "GET", .path = "/large", .handle = large},
};

static void start_with(int64_t header_ms, int64_t body_ms, int64_t idle_ms)
{
    es_random_init();
    gate_shut(&gate);
    struct es_http_config config = {
        .listen = "127.0.0.1:0",
        .header_timeout_ms = header_ms,
        .body_timeout_ms = body_ms,
        .idle_timeout_ms = idle_ms,
    };
    server = start_server(&config, routes, ES_ARRAY_LEN(routes), NULL, NULL);
}

static int start(void **state)
{
    (void)state;
    start_with(HEADER_MS, BODY_MS, IDLE_MS);
    return 0;
}

static int start_that_lets_idle(void **state)
{
    (void)state;
    start_with(HEADER_MS, BODY_MS, FAR_MS);
    return 0;
}

static int start_for_bodies(void **state)
{
    (void)state;
    start_with(FAR_MS, BODY_MS, FAR_MS);
    return 0;
}

static int start_for_the_steady(void **state)
{
    (void)state;
    start_with(STEADY_MS, STEADY_MS, STEADY_MS);
    return 0;
}

/* Whether the other side says something (or ends) within WAIT_MS. */
static bool is_heard(const struct peer *peer, int wait_ms)
{
    struct pollfd fd = {.fd = peer->fd, .events = POLLIN};
    return poll(&fd, 1, wait_ms) > 0;
}

/* Say BYTE again and again, never pausing for long, until the other side has had enough. Yields
 * how many milliseconds after SINCE_US that was. */
static int64_t drip(struct peer *peer, char byte, int64_t since_us)
{
    while (!is_heard(peer, DRIP_MS) && send(peer->fd, &byte, 1, MSG_NOSIGNAL) == 1) {
        assert_true(es_clock_mono_us() - since_us < PEER_PATIENCE_S * ES_US_PER_S);
    }
    return (es_clock_mono_us() - since_us) / ES_US_PER_MS;
}

static void assert_between(int64_t value, int64_t least, int64_t most)
{
    if (value < least || value > most) {
        fail_msg("%d ms is not between %d and %d", (int)value, (int)least, (int)most);
    }
}

static int64_t processor_us(void)
{
    return (int64_t)clock() * ES_US_PER_S / CLOCKS_PER_SEC;
}

static size_t connections(void)
{
    struct es_http_counts counts = {0};
    es_http_server_counts(server, &counts);
    return counts.connections;
}

/* The line before a chunk may be as long as it likes, and libmicrohttpd 0.9.75 tells us nothing of
 * it: once its buffer is full it neither reads on nor gives up, and asks to be called at once. */
static void a_chunk_line_without_an_end_holds_nobody_up(void **state)
{
    (void)state;
    enum { LONG = 12000 };
    char bytes[LONG];
    static const char head[] =
        "POST /quick HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;";
    int64_t since_us = es_clock_mono_us();
    int64_t used_us = processor_us();
    struct peer peer = connect_peer();
    memset(bytes, 'x', sizeof(bytes));
    memcpy(bytes, head, sizeof(head) - 1);
    peer_send_bytes(&peer, bytes, sizeof(bytes));
    assert_true(is_heard(&peer, LATE_MS));
    peer_close(&peer);
    AWAIT(connections() == 0);
    int64_t took_us = es_clock_mono_us() - since_us;
    assert_true(processor_us() - used_us < took_us / 4);
}

static void dripping_headers_end_with_408(void **state)
{
    (void)state;
    static const char *const beginnings[] = {
        "G",
        "GET /quick",
        "GET /quick HTTP/1.1\r\n" HOST "X-Slow: a",
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(beginnings); i++) {
        int64_t since_us = es_clock_mono_us();
        struct peer peer = connect_peer();
        peer_send(&peer, beginnings[i]);
        assert_between(drip(&peer, 'a', since_us), HEADER_MS / 2, LATE_MS);
        peer_hears_problem(&peer, 408, "request_timeout");
        assert_true(peer_ended(&peer));
        peer_close(&peer);
    }
}

static void a_dripping_body_ends_with_408(void **state)
{
    (void)state;
    static const char *const beginnings[] = {
        "POST /quick HTTP/1.1\r\n" HOST "Content-Length: 10000\r\n\r\n",
        "POST /quick HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2000\r\n",
        "POST /nothing HTTP/1.1\r\n" HOST "Content-Length: 10000\r\n\r\n",
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(beginnings); i++) {
        int64_t since_us = es_clock_mono_us();
        struct peer peer = connect_peer();
        peer_send(&peer, beginnings[i]);
        assert_between(drip(&peer, 'a', since_us), BODY_MS / 2, LATE_MS);
        peer_hears_problem(&peer, 408, "request_timeout");
        assert_true(peer_ended(&peer));
        peer_close(&peer);
    }
}

/* On a kept connection the clock starts with the first byte of the next request. */
static void the_second_request_may_not_drip_either(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    expect_text(&peer, "GET /quick HTTP/1.1\r\n" HOST "\r\n", "ok");
    assert_false(is_heard(&peer, 2 * HEADER_MS)); /* it may be idle for a while */
    assert_between(drip(&peer, 'G', es_clock_mono_us()), HEADER_MS / 2, LATE_MS);
    peer_hears_problem(&peer, 408, "request_timeout");
    assert_true(peer_ended(&peer));
    peer_close(&peer);
}

static void an_idle_connection_is_closed_without_a_word(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    int64_t since_us = es_clock_mono_us();
    expect_text(&peer, "GET /quick HTTP/1.1\r\n" HOST "\r\n", "ok");
    assert_true(peer_ended(&peer));
    assert_between((es_clock_mono_us() - since_us) / ES_US_PER_MS, IDLE_MS / 2, LATE_MS);
    peer_close(&peer);
}

/* Opened ahead by a proxy or a browser: a 408 would be taken for the answer to what comes next. */
static void a_connection_that_never_asked_is_closed_without_a_word(void **state)
{
    (void)state;
    int64_t since_us = es_clock_mono_us();
    struct peer peer = connect_peer();
    assert_true(peer_ended(&peer));
    assert_between((es_clock_mono_us() - since_us) / ES_US_PER_MS, HEADER_MS / 2, LATE_MS);
    peer_close(&peer);
}

static void a_peer_that_does_not_take_its_answer_is_let_go(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    const int small = 4096;
    assert_int_equal(setsockopt(peer.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    peer_send(&peer, "GET /large HTTP/1.1\r\n" HOST "\r\n");
    struct es_http_counts counts = {0};
    AWAIT((es_http_server_counts(server, &counts), counts.requests == 1));
    AWAIT((es_http_server_counts(server, &counts), counts.connections == 0));
    peer_close(&peer);
}

/* Slower than the deadline as a whole, but never without progress. */
static void a_peer_that_takes_its_answer_slowly_gets_all_of_it(void **state)
{
    (void)state;
    enum { STEPS = 250, SLOW_BODY_MS = 1000 };
    struct es_http_config config = {.listen = "127.0.0.1:0", .body_timeout_ms = SLOW_BODY_MS};
    struct es_http_server *slow = start_server(&config, routes, ES_ARRAY_LEN(routes), NULL, NULL);
    struct peer peer = peer_connect(es_http_server_address(slow));
    const int small = 65536;
    assert_int_equal(setsockopt(peer.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
    peer_send(&peer, "GET /large HTTP/1.1\r\n" HOST "\r\n");
    struct peer_answer answer = peer_hear_head(&peer);
    assert_int_equal(answer.status, 200);
    for (int i = 0; i < STEPS; i++) {
        ES_CLEANUP(es_buf_done) struct es_buf part = ES_BUF_INIT;
        (void)poll(NULL, 0, 3 * SLOW_BODY_MS / STEPS);
        peer_take(&peer, LARGE_ANSWER / STEPS, &part);
    }
    peer_take(&peer, LARGE_ANSWER % STEPS, &answer.body);
    answer_done(&answer);
    peer_close(&peer);
    assert_true(es_http_server_stop(slow));
}

static void a_handler_at_work_is_under_none_of_these_deadlines(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    peer_send(&peer, "GET /gate HTTP/1.1\r\n" HOST "\r\n");
    gate_await(&gate, 1);
    assert_false(is_heard(&peer, 2 * IDLE_MS));
    gate_open(&gate);
    peer_hears_status(&peer, 200);
    peer_close(&peer);
}

/* Slower than any of the deadlines as a whole, but each step in time. */
static void a_slow_but_steady_client_is_served(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    int64_t since_us = es_clock_mono_us();
    while (es_clock_mono_us() - since_us <= STEADY_MS * ES_US_PER_MS) {
        peer_send(&peer, "POST /quick HTTP/1.1\r\n" HOST);
        assert_false(is_heard(&peer, STEADY_MS / 8));
        peer_send(&peer, "Content-Length: 2\r\n\r\na");
        assert_false(is_heard(&peer, STEADY_MS / 8));
        expect_text(&peer, "b", "ok");
        assert_false(is_heard(&peer, STEADY_MS / 8));
    }
    peer_close(&peer);
}

/* Its last bytes and its end come in one segment, which libmicrohttpd 0.9.75 alone takes for bytes
 * only. */
static void a_peer_that_closed_behind_its_last_bytes_is_noticed(void **state)
{
    (void)state;
    static const char *const last_words[] = {
        "GET /quick HTTP/1.1\r\n" HOST,
        "POST /quick HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc",
        "GET /quick HTTP/1.1\r\n" HOST "\r\n",
    };
    struct es_http_config config = {
        .listen = "127.0.0.1:0",
        .header_timeout_ms = FAR_MS,
        .body_timeout_ms = FAR_MS,
        .idle_timeout_ms = FAR_MS,
    };
    struct es_http_server *patient =
        start_server(&config, routes, ES_ARRAY_LEN(routes), NULL, NULL);
    for (size_t i = 0; i < ES_ARRAY_LEN(last_words); i++) {
        struct peer peer = peer_connect(es_http_server_address(patient));
        size_t length = strlen(last_words[i]);
        expect_text(&peer, "GET /quick HTTP/1.1\r\n" HOST "\r\n", "ok");
        assert_int_equal(send(peer.fd, last_words[i], length, MSG_MORE), length);
        assert_int_equal(shutdown(peer.fd, SHUT_WR), 0);
        while (peer_fill(&peer)) { /* the answer, if any; then the end */
        }
        peer_close(&peer);
    }
    assert_true(es_http_server_stop(patient));
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(a_chunk_line_without_an_end_holds_nobody_up),
        SERVED(dripping_headers_end_with_408),
        cmocka_unit_test_setup_teardown(a_dripping_body_ends_with_408, start_for_bodies, stop),
        cmocka_unit_test_setup_teardown(the_second_request_may_not_drip_either,
                                        start_that_lets_idle, stop),
        SERVED(an_idle_connection_is_closed_without_a_word),
        SERVED(a_connection_that_never_asked_is_closed_without_a_word),
        SERVED(a_peer_that_does_not_take_its_answer_is_let_go),
        SERVED(a_peer_that_takes_its_answer_slowly_gets_all_of_it),
        SERVED(a_handler_at_work_is_under_none_of_these_deadlines),
        cmocka_unit_test_setup_teardown(a_slow_but_steady_client_is_served, start_for_the_steady,
                                        stop),
        SERVED(a_peer_that_closed_behind_its_last_bytes_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
