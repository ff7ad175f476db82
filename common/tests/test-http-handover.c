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
#define CALLS           400

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
    int by_new;
};

/* One connection and one request after the other. */
static void *run_caller(void *context)
{
    struct caller *caller = context;
    while (caller->calls < CALLS) {
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
    AWAIT(caller.calls > CALLS / 8);
    struct es_http_server *new = start_as("second", names[1]);
    assert_string_equal(es_http_server_address(new), address);
    assert_true(es_http_server_stop(old));
    assert_int_equal(pthread_join(caller.thread, NULL), 0);
    assert_int_equal(caller.calls, CALLS);
    assert_true(caller.by_new > 0);
    assert_true(es_http_server_stop(new));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(J12_5_a_restart_behind_a_kept_socket_drops_nobody),
    };
    return cmocka_run_group_tests(tests, pass_socket, NULL);
}
