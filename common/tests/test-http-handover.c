/* A listening socket handed over by the supervisor: two servers share it, one stops, and nobody
 * who calls meanwhile is turned away. */
#include "common/base/random.h"
#include "common/http/server.h"
#include "common/tests/http-fixture.h"
#include "common/tests/http-peer.h"
#include "common/tests/unit.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

#define FIRST_PASSED_FD 3
#define CALLS           50 /* under each of: the old one, both, the new one */

static const char *const names[] = {"old", "new"};

static void who_answers(struct es_request *request, void *app, void *worker)
{
    (void)worker;
    answer_text(request, app);
}

static const struct es_route routes[] = {{.method = "GET", .path = "/", .fast = who_answers}};

/* The socket as the supervisor passes it: twice, under two names. */
static int pass_socket(void **state)
{
    (void)state;
    char pid[16];
    es_random_init();
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&name, sizeof(name)), 0);
    assert_int_equal(listen(fd, SOMAXCONN), 0);
    int high = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_PASSED_FD + 2);
    (void)close(fd);
    assert_int_equal(dup2(high, FIRST_PASSED_FD), FIRST_PASSED_FD);
    assert_int_equal(dup2(high, FIRST_PASSED_FD + 1), FIRST_PASSED_FD + 1);
    (void)close(high);
    (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
    return setenv("LISTEN_PID", pid, 1) | setenv("LISTEN_FDS", "2", 1) |
           setenv("LISTEN_FDNAMES", "first:second", 1);
}

static struct es_http_server *start_as(const char *socket_name, const char *answer)
{
    struct es_http_config config = {
        .listen = "127.0.0.1:1", /* never used: no test may bind that */
        .listen_name = socket_name,
        .event_threads = 2,
    };
    return start_server(&config, routes, ES_ARRAY_LEN(routes), NULL, (void *)(uintptr_t)answer);
}

struct caller {
    pthread_t thread;
    const char *address;
    atomic_int calls;
    atomic_bool done;
    int by_new;
};

/* One connection and one request after the other. */
static void *run_caller(void *context)
{
    struct caller *caller = context;
    while (!caller->done) {
        struct peer peer = peer_connect(caller->address);
        struct peer_answer answer = peer_ask(&peer, "GET / HTTP/1.1\r\n" HOST "\r\n");
        assert_int_equal(answer.status, 200);
        caller->by_new += strcmp(es_buf_str(&answer.body), names[1]) == 0;
        answer_done(&answer);
        peer_close(&peer);
        caller->calls++;
    }
    return NULL;
}

static void J12_5_a_restart_behind_a_kept_socket_drops_nobody(void **state)
{
    (void)state;
    struct es_http_server *old = start_as("first", names[0]);
    struct caller caller = {.address = es_http_server_address(old)};
    char address[64];
    assert_true(es_copy_str(address, sizeof(address), caller.address));
    caller.address = address;
    assert_int_equal(pthread_create(&caller.thread, NULL, run_caller, &caller), 0);
    AWAIT(caller.calls >= CALLS);
    struct es_http_server *new = start_as("second", names[1]);
    assert_string_equal(es_http_server_address(new), address);
    int under_both = caller.calls + CALLS;
    AWAIT(caller.calls >= under_both);
    assert_true(es_http_server_stop(old));
    int after = caller.calls + CALLS;
    AWAIT(caller.calls >= after);
    caller.done = true;
    assert_int_equal(pthread_join(caller.thread, NULL), 0);
    assert_true(caller.by_new > 0);
    assert_true(es_http_server_stop(new));
}

struct stopping {
    pthread_t thread;
    struct es_http_server *server;
    bool clean;
};

static void *run_stop(void *context)
{
    struct stopping *stopping = context;
    stopping->clean = es_http_server_stop(stopping->server);
    return NULL;
}

/* --- stopping while somebody is slow -----------------------------------------------------------
 */
#define FAR_MS       60000
#define LATE_MS      10000
#define LARGE_ANSWER (16 * 1024 * 1024) /* more than the kernel takes off our hands */

static void answer_large(struct es_request *request, void *app, void *worker)
{
    (void)app;
    (void)worker;
    struct es_buf body = ES_BUF_INIT; /* moved into the request */
    es_buf_add_zeros(&body, LARGE_ANSWER);
    es_respond(request, 200, "application/octet-stream", &body);
}

static void stopping_waits_for_what_was_asked_not_for_what_is_dripped(void **state)
{
    (void)state;
    static const struct es_route slow_routes[] = {
        {.method = "POST", .path = "/", .fast = who_answers},
        {.method = "GET", .path = "/large", .handle = answer_large},
    };
    static const char *const begun[] = {
        "POST / HTTP/1.1\r\nHo", "POST / HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc",
        "GET /large HTTP/1.1\r\n" HOST "\r\n", /* and never reads */
        "GET /large HTTP/1.1\r\n" HOST "\r\n", /* and reads */
    };
    struct peer peers[ES_ARRAY_LEN(begun)];
    struct es_http_counts counts = {0};
    struct es_http_config config = {
        .listen = "127.0.0.1:0",
        .header_timeout_ms = FAR_MS,
        .body_timeout_ms = FAR_MS,
        .stop_timeout_ms = FAR_MS,
    };
    struct es_http_server *server = start_server(&config, slow_routes, ES_ARRAY_LEN(slow_routes),
                                                 NULL, (void *)(uintptr_t)names[0]);
    for (size_t i = 0; i < ES_ARRAY_LEN(begun); i++) {
        peers[i] = peer_connect(es_http_server_address(server));
        peer_send(&peers[i], begun[i]);
    }
    AWAIT((es_http_server_counts(server, &counts), counts.requests >= 2));
    struct stopping stopping = {.server = server};
    int64_t since_us = es_clock_mono_us();
    assert_int_equal(pthread_create(&stopping.thread, NULL, run_stop, &stopping), 0);
    struct peer_answer taken = peer_hear_head(&peers[3]);
    peer_take(&peers[3], LARGE_ANSWER, &taken.body);
    answer_done(&taken);
    assert_int_equal(pthread_join(stopping.thread, NULL), 0);
    assert_true(es_clock_mono_us() - since_us < LATE_MS * ES_US_PER_MS);
    assert_true(stopping.clean);
    for (size_t i = 0; i < ES_ARRAY_LEN(begun); i++) {
        peer_close(&peers[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(J12_5_a_restart_behind_a_kept_socket_drops_nobody),
        cmocka_unit_test(stopping_waits_for_what_was_asked_not_for_what_is_dripped),
    };
    return cmocka_run_group_tests(tests, pass_socket, NULL);
}
