/* The HTTP client against a server that behaves as badly as the test says: what is certain about a
 * request's fate, and what is not. */
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/http/client.h"
#include "common/tests/http-fixture.h"
#include "common/tests/http-peer.h"
#include "common/tests/unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#define MAX_ANSWER  1000
#define TIMEOUT_MS  3000
#define PATIENT_MS  20000 /* the time limit of what is about none */
#define OPEN_MS     3000  /* longer than a busy machine takes from one line to the next */
#define TO_OPEN     3
#define LONGEST_URL 128

/* --- the server -------------------------------------------------------------------------- */

/* What it does with a connection: */
enum manner {
    ANSWER,          /* hear one request, say TEXT, close */
    ANSWER_AND_KEEP, /* hear requests until the client closes, say TEXT to each */
    RESET_UNHEARD,   /* reset at once */
    RESET_HEARD,     /* hear the request, reset */
    CLOSE_HEARD,     /* hear the request, close */
    SILENCE,         /* hear the request, say nothing until the client closes */
};

static struct {
    pthread_t thread;
    int fd;
    uint16_t port;
    _Atomic(enum manner) manner;
    _Atomic(const char *) text;
    atomic_int heard;     /* whole requests */
    atomic_int attending; /* connections, each with its thread */
    pthread_mutex_t lock;
    char last[4096]; /* request */
} server = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* One whole request into LAST; false when the client closes first. */
static bool hear_request(struct peer *peer)
{
    const char *end = NULL;
    while ((end = strstr(es_buf_str(&peer->in), "\r\n\r\n")) == NULL) {
        if (!peer_fill(peer)) {
            return false;
        }
    }
    uint64_t length = 0;
    const char *field = strstr(es_buf_str(&peer->in), "Content-Length: ");
    char digits[16] = "0";
    if (field != NULL && field < end) {
        const char *start = field + strlen("Content-Length: ");
        memcpy(digits, start, strcspn(start, "\r"));
    }
    assert_true(es_parse_u64(digits, &length));
    size_t whole = (size_t)(end - es_buf_str(&peer->in)) + 4 + length;
    ES_CLEANUP(es_buf_done) struct es_buf request = ES_BUF_INIT;
    peer_take(peer, whole, &request);
    pthread_mutex_lock(&server.lock);
    assert_true(es_copy_str(server.last, sizeof(server.last), es_buf_str(&request)));
    pthread_mutex_unlock(&server.lock);
    server.heard++;
    return true;
}

/* The last request, in static memory. */
static const char *last_request(void)
{
    static char last[sizeof(server.last)];
    pthread_mutex_lock(&server.lock);
    memcpy(last, server.last, sizeof(last));
    pthread_mutex_unlock(&server.lock);
    return last;
}

static void reset_on_close(const struct peer *peer)
{
    struct linger reset = {.l_onoff = 1};
    (void)setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}

static void serve(struct peer *peer)
{
    if (server.manner == RESET_UNHEARD) {
        reset_on_close(peer);
        return;
    }
    while (hear_request(peer)) {
        enum manner manner = server.manner;
        if (manner == RESET_HEARD) {
            reset_on_close(peer);
        } else if (manner == ANSWER || manner == ANSWER_AND_KEEP) {
            const char *text = server.text;
            (void)send(peer->fd, text, strlen(text), MSG_NOSIGNAL);
        }
        if (manner != ANSWER_AND_KEEP && manner != SILENCE) {
            return;
        }
    }
}

static void *attend(void *context)
{
    struct peer peer = {.fd = (int)(intptr_t)context};
    serve(&peer);
    peer_close(&peer);
    server.attending--;
    return NULL;
}

static void *run_server(void *context)
{
    (void)context;
    int fd = -1;
    while ((fd = accept(server.fd, NULL, NULL)) >= 0) {
        pthread_t thread;
        server.attending++;
        assert_int_equal(pthread_create(&thread, NULL, attend, (void *)(intptr_t)fd), 0);
        assert_int_equal(pthread_detach(thread), 0);
    }
    return NULL;
}

static int bind_anywhere(uint16_t *ret_port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(name);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    *ret_port = ntohs(name.sin_port);
    return fd;
}

static int start(void **state)
{
    (void)state;
    es_random_init();
    (void)signal(SIGPIPE, SIG_IGN);
    server.fd = bind_anywhere(&server.port);
    assert_int_equal(listen(server.fd, SOMAXCONN), 0);
    assert_int_equal(pthread_create(&server.thread, NULL, run_server, NULL), 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    assert_int_equal(shutdown(server.fd, SHUT_RDWR), 0);
    assert_int_equal(pthread_join(server.thread, NULL), 0);
    AWAIT(server.attending == 0);
    return close(server.fd);
}

/* --- the client -------------------------------------------------------------------------- */

static struct es_client *make_client_within(int64_t timeout_ms)
{
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    struct es_client_config config = {
        .allowed_hosts = "127.0.0.1=local, api.example=EU",
        .connect_timeout_ms = timeout_ms,
        .total_timeout_ms = timeout_ms,
        .max_answer = MAX_ANSWER,
        .failures_to_open = TO_OPEN,
        .open_ms = OPEN_MS,
        .user_agent = "eldersafe-test/1",
    };
    struct es_client *client = es_client_new(&config, &error);
    assert_non_null(client);
    return client;
}

static struct es_client *make_client(void)
{
    return make_client_within(PATIENT_MS);
}

static void behave(enum manner manner, const char *text)
{
    server.text = text;
    server.manner = manner;
}

static enum es_client_result call_url(struct es_client *client, const char *method, const char *url,
                                      struct es_client_answer *ret_answer)
{
    static const char *const headers[] = {"Content-Type: application/json", "X-One: 1", NULL};
    struct es_client_request request = {
        .method = method, .url = url, .headers = headers, .body = "{\"a\":1}", .body_length = 7};
    return es_client_call(client, &request, ret_answer);
}

static enum es_client_result call(struct es_client *client, const char *method,
                                  struct es_client_answer *ret_answer)
{
    char url[LONGEST_URL];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/path?q=1", server.port);
    return call_url(client, method, url, ret_answer);
}

/* Call a server that behaves in MANNER, and expect RESULT without an answer. */
static void expect_failure(enum manner manner, const char *text, enum es_client_result result)
{
    struct es_client *client = make_client_within(manner == SILENCE ? TIMEOUT_MS : PATIENT_MS);
    struct es_client_answer answer = {.status = -1};
    behave(manner, text);
    enum es_client_result got = call(client, "POST", &answer);
    assert_string_equal(es_client_result_name(got), es_client_result_name(result));
    assert_int_equal(answer.status, -1); /* untouched */
    es_client_free(client);
}

/* --- what is said ------------------------------------------------------------------------ */

static void an_answer_comes_back_whole(void **state)
{
    (void)state;
    struct es_client *client = make_client();
    struct es_client_answer answer = {0};
    behave(ANSWER, "HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\nhello");
    assert_int_equal(call(client, "POST", &answer), ES_CLIENT_ANSWERED);
    assert_int_equal(answer.status, 202);
    assert_string_equal(es_buf_str(&answer.body), "hello");
    assert_int_equal(answer.retry_after_s, -1);
    es_client_answer_done(&answer);
    es_client_free(client);
}

static void an_answer_with_trailers_is_an_answer(void **state)
{
    (void)state;
    struct es_client *client = make_client();
    struct es_client_answer answer = {0};
    behave(ANSWER, "HTTP/1.1 100 Continue\r\n\r\n"
                   "HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
                   "5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n");
    assert_int_equal(call(client, "POST", &answer), ES_CLIENT_ANSWERED);
    assert_int_equal(answer.status, 202);
    assert_string_equal(es_buf_str(&answer.body), "hello");
    es_client_answer_done(&answer);
    es_client_free(client);
}

static void a_request_says_what_it_was_told_and_no_more(void **state)
{
    (void)state;
    struct es_client *client = make_client();
    struct es_client_answer answer = {0};
    char expected[512];
    behave(ANSWER, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_int_equal(call(client, "PUT", &answer), ES_CLIENT_ANSWERED);
    (void)snprintf(expected, sizeof(expected),
                   "PUT /path?q=1 HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                   "User-Agent: eldersafe-test/1\r\nAccept: */*\r\n"
                   "Content-Type: application/json\r\nX-One: 1\r\nContent-Length: 7\r\n\r\n"
                   "{\"a\":1}",
                   server.port);
    assert_string_equal(last_request(), expected);
    assert_int_equal(call(client, "GET", &answer), ES_CLIENT_ANSWERED);
    assert_non_null(strstr(last_request(), "GET /path?q=1 HTTP/1.1\r\n"));
    assert_null(strstr(last_request(), "Content-Length"));
    es_client_free(client);
}

static void errors_and_redirects_are_answers(void **state)
{
    (void)state;
    struct es_client *client = make_client();
    struct es_client_answer answer = {0};
    int heard = server.heard;
    behave(ANSWER,
           "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(call(client, "GET", &answer), ES_CLIENT_ANSWERED);
    assert_int_equal(answer.status, 302); /* not followed */
    assert_int_equal(server.heard, heard + 1);
    behave(ANSWER, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(call(client, "GET", &answer), ES_CLIENT_ANSWERED);
    assert_int_equal(answer.status, 404);
    es_client_free(client);
}

static void retry_after_is_understood_in_both_forms(void **state)
{
    (void)state;
    struct es_client *client = make_client();
    struct es_client_answer answer = {0};
    behave(ANSWER, "HTTP/1.1 429 Too Many\r\nRetry-After: 17\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(call(client, "GET", &answer), ES_CLIENT_ANSWERED);
    assert_int_equal(answer.status, 429);
    assert_int_equal(answer.retry_after_s, 17);
    behave(ANSWER, "HTTP/1.1 503 Later\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                   "Content-Length: 0\r\n\r\n");
    assert_int_equal(call(client, "GET", &answer), ES_CLIENT_ANSWERED);
    assert_int_equal(answer.retry_after_s, 0);
    es_client_free(client);
}

/* --- what is certain --------------------------------------------------------------------- */

static void a_refused_connection_was_certainly_not_sent(void **state)
{
    (void)state;
    uint16_t port = 0;
    int fd = bind_anywhere(&port); /* bound, not listening: nobody else can be there either */
    char url[LONGEST_URL];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
    struct es_client *client = make_client();
    struct es_client_answer answer = {0};
    assert_int_equal(call_url(client, "POST", url, &answer), ES_CLIENT_NOT_SENT);
    es_client_free(client);
    (void)close(fd);
}

/* A listener whose queue is full does not answer at all. */
static void a_connection_that_is_never_made_was_certainly_not_sent(void **state)
{
    (void)state;
    uint16_t port = 0;
    int fd = bind_anywhere(&port);
    int fillers[8];
    char url[LONGEST_URL];
    assert_int_equal(listen(fd, 0), 0);
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (size_t i = 0; i < ES_ARRAY_LEN(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fillers[i], (const struct sockaddr *)&name, sizeof(name));
    }
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
    struct es_client *client = make_client_within(TIMEOUT_MS);
    struct es_client_answer answer = {0};
    assert_int_equal(call_url(client, "POST", url, &answer), ES_CLIENT_NOT_SENT);
    es_client_free(client);
    for (size_t i = 0; i < ES_ARRAY_LEN(fillers); i++) {
        (void)close(fillers[i]);
    }
    (void)close(fd);
}

/* The server hears a TLS hello and hangs up: no byte of the request has left. */
static void a_failed_handshake_was_certainly_not_sent(void **state)
{
    (void)state;
    char url[LONGEST_URL];
    (void)snprintf(url, sizeof(url), "https://127.0.0.1:%u/", server.port);
    struct es_client *client = make_client();
    struct es_client_answer answer = {0};
    behave(RESET_UNHEARD, "");
    assert_int_equal(call_url(client, "POST", url, &answer), ES_CLIENT_NOT_SENT);
    es_client_free(client);
}

static void what_was_sent_and_not_answered_is_unclear(void **state)
{
    (void)state;
    int heard = server.heard;
    expect_failure(RESET_HEARD, "", ES_CLIENT_UNCLEAR);
    expect_failure(CLOSE_HEARD, "", ES_CLIENT_UNCLEAR);
    expect_failure(SILENCE, "", ES_CLIENT_UNCLEAR);
    assert_int_equal(server.heard, heard + 3); /* each was heard once */
}

static void half_an_answer_is_unclear(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "HTTP/1.1 200",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(texts); i++) {
        print_message("    %s\n", texts[i]);
        expect_failure(ANSWER, texts[i], ES_CLIENT_UNCLEAR);
    }
}

static void what_is_not_http_is_unclear(void **state)
{
    (void)state;
    expect_failure(ANSWER, "SSH-2.0-OpenSSH_9.2\r\n", ES_CLIENT_UNCLEAR);
}

/* 200 with a body of LENGTH bytes, in TEXT. */
static void make_long_answer(char *text, size_t size, int length)
{
    (void)snprintf(text, size, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%0*d", length, length,
                   0);
}

static void an_answer_longer_than_allowed_is_cut(void **state)
{
    (void)state;
    static char too_long[2 * MAX_ANSWER];
    static char longest[2 * MAX_ANSWER];
    make_long_answer(too_long, sizeof(too_long), MAX_ANSWER + 1);
    make_long_answer(longest, sizeof(longest), MAX_ANSWER);
    expect_failure(ANSWER, too_long, ES_CLIENT_TOO_LARGE);
    behave(ANSWER, longest);
    struct es_client *client = make_client();
    struct es_client_answer answer = {0};
    assert_int_equal(call(client, "GET", &answer), ES_CLIENT_ANSWERED);
    assert_int_equal(answer.body.length, MAX_ANSWER);
    es_client_answer_done(&answer);
    es_client_free(client);
}

/* When a kept connection turns out to be dead, libcurl sends the request again by itself: fine for
 * a read, never for a write. */
static void a_write_is_never_sent_twice(void **state)
{
    (void)state;
    struct es_client *client = make_client();
    struct es_client_answer answer = {0};
    behave(ANSWER_AND_KEEP, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(call(client, "GET", &answer), ES_CLIENT_ANSWERED); /* leaves one kept */
    int heard = server.heard;
    behave(CLOSE_HEARD, "");
    assert_int_equal(call(client, "POST", &answer), ES_CLIENT_UNCLEAR);
    assert_int_equal(server.heard, heard + 1);
    es_client_free(client);
}

/* --- who may be called ------------------------------------------------------------------- */

static void E7_a_host_that_is_not_listed_is_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "https://other.example/",
        "https://api.example.evil/",
        "https://127.0.0.1@other.example/",
        "https://user@api.example/",
        "http://api.example/", /* not loopback: https only */
        "ftp://api.example/",
        "file:///etc/passwd",
        "//api.example/",
        "api.example",
        "",
        "https://",
        "https://api.example:99999/",
    };
    struct es_client *client = make_client();
    struct es_client_answer answer = {0};
    int heard = server.heard;
    for (size_t i = 0; i < ES_ARRAY_LEN(refused); i++) {
        print_message("    %s\n", refused[i]);
        assert_int_equal(call_url(client, "GET", refused[i], &answer), ES_CLIENT_REFUSED_HOST);
    }
    assert_int_equal(server.heard, heard);
    es_client_free(client);
}

static void allowlists_are_checked(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    static const char *const wrong[] = {"api.example", "=EU",          "api.example=", "a=EU,,b=EU",
                                        "a/b=EU",      "a=EU,a=DK",    "[::1=EU",      "a=E U",
                                        "a b=EU",      "[nonsense]=EU"};
    for (size_t i = 0; i < ES_ARRAY_LEN(wrong); i++) {
        es_buf_clear(&error);
        print_message("    %s\n", wrong[i]);
        assert_false(es_client_hosts_valid(wrong[i], &error));
        assert_true(error.length > 0);
    }
    es_buf_clear(&error);
    assert_true(es_client_hosts_valid("Api.Example=EU, [::1]=local,127.0.0.1=local", &error));
    assert_true(es_client_hosts_valid("", &error));
    assert_true(es_client_hosts_valid(NULL, &error));
    assert_int_equal(error.length, 0);
    assert_true(es_client_host_allowed("Api.Example=EU", "https://api.EXAMPLE:8443/x?y"));
    assert_true(es_client_host_allowed("[::1]=local", "http://[::1]:8080/"));
    assert_true(es_client_host_allowed("localhost=local", "http://localhost:8080/"));
    assert_false(es_client_host_allowed("Api.Example=EU", "http://api.example/"));
    assert_false(es_client_host_allowed("", "https://api.example/"));
    assert_false(es_client_host_allowed("malformed", "https://malformed/"));
}

/* --- the circuit breaker ----------------------------------------------------------------- */

static void repeated_failures_open_the_circuit_and_a_probe_closes_it(void **state)
{
    (void)state;
    struct es_client *client = make_client();
    struct es_client_answer answer = {0};
    behave(CLOSE_HEARD, "");
    for (int i = 0; i < TO_OPEN; i++) {
        assert_int_equal(call(client, "POST", &answer), ES_CLIENT_UNCLEAR);
    }
    int heard = server.heard;
    assert_int_equal(call(client, "POST", &answer), ES_CLIENT_CIRCUIT_OPEN);
    assert_int_equal(server.heard, heard); /* not tried */

    enum es_client_result result = ES_CLIENT_CIRCUIT_OPEN; /* the probe fails: open again */
    AWAIT((result = call(client, "POST", &answer)) != ES_CLIENT_CIRCUIT_OPEN);
    assert_int_equal(result, ES_CLIENT_UNCLEAR);
    assert_int_equal(server.heard, heard + 1);
    assert_int_equal(call(client, "POST", &answer), ES_CLIENT_CIRCUIT_OPEN);

    behave(ANSWER, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); /* the probe succeeds */
    AWAIT((result = call(client, "POST", &answer)) != ES_CLIENT_CIRCUIT_OPEN);
    assert_int_equal(result, ES_CLIENT_ANSWERED);
    assert_int_equal(call(client, "POST", &answer), ES_CLIENT_ANSWERED);
    es_client_free(client);
}

static void server_errors_count_and_client_errors_do_not(void **state)
{
    (void)state;
    struct es_client *client = make_client();
    struct es_client_answer answer = {0};
    behave(ANSWER, "HTTP/1.1 429 Later\r\nContent-Length: 0\r\n\r\n");
    for (int i = 0; i < 2 * TO_OPEN; i++) {
        assert_int_equal(call(client, "POST", &answer), ES_CLIENT_ANSWERED);
    }
    behave(ANSWER, "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n");
    for (int i = 0; i < TO_OPEN; i++) {
        assert_int_equal(call(client, "POST", &answer), ES_CLIENT_ANSWERED);
        assert_int_equal(answer.status, 500);
    }
    assert_int_equal(call(client, "POST", &answer), ES_CLIENT_CIRCUIT_OPEN);
    assert_int_equal(call_url(client, "GET", "https://other.example/", &answer),
                     ES_CLIENT_REFUSED_HOST);
    es_client_free(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_back_whole),
        cmocka_unit_test(an_answer_with_trailers_is_an_answer),
        cmocka_unit_test(a_request_says_what_it_was_told_and_no_more),
        cmocka_unit_test(errors_and_redirects_are_answers),
        cmocka_unit_test(retry_after_is_understood_in_both_forms),
        cmocka_unit_test(a_refused_connection_was_certainly_not_sent),
        cmocka_unit_test(a_connection_that_is_never_made_was_certainly_not_sent),
        cmocka_unit_test(a_failed_handshake_was_certainly_not_sent),
        cmocka_unit_test(what_was_sent_and_not_answered_is_unclear),
        cmocka_unit_test(half_an_answer_is_unclear),
        cmocka_unit_test(what_is_not_http_is_unclear),
        cmocka_unit_test(an_answer_longer_than_allowed_is_cut),
        cmocka_unit_test(a_write_is_never_sent_twice),
        cmocka_unit_test(E7_a_host_that_is_not_listed_is_refused),
        cmocka_unit_test(allowlists_are_checked),
        cmocka_unit_test(repeated_failures_open_the_circuit_and_a_probe_closes_it),
        cmocka_unit_test(server_errors_count_and_client_errors_do_not),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
