#include "common/http/loop.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/wake.h"
#include "common/http/connections.h"
#include "common/http/exchange.h"
#include "common/http/loop-state.h"
#include "common/http/request.h"
#include "common/http/server-state.h"
#include "common/observe/log.h"

#include <limits.h>
#include <microhttpd.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* libmicrohttpd asks for another turn at once while a connection has more to give. A few turns see
 * to that; one for which it goes on asking can do nothing with what it has (exchange.c). */
#define MOST_FRUITLESS    64
#define FRUITLESS_WAIT_MS 10

/* A connected socket on its way from the acceptor to the loop. */
struct es_arrival {
    struct es_arrival *next;
    int fd;
    socklen_t peer_length;
    _Alignas(struct sockaddr_storage) unsigned char peer[]; /* thousands may wait at once */
};

/* --- requests that come back ------------------------------------------------------------- */

void es_loop_take_back(struct es_loop *loop, struct es_request *request)
{
    /* Once it is in the list the request may be answered, its connection closed and the server
     * stopped, all before this thread is done waking the loop: RETURNING keeps the loop there. */
    atomic_fetch_add_explicit(&loop->returning, 1, memory_order_relaxed);
    struct es_request *head = atomic_load_explicit(&loop->returned, memory_order_relaxed);
    do {
        request->next = head;
        if (head == NULL) {
            atomic_store_explicit(&loop->returned_since_us, es_clock_mono_us(),
                                  memory_order_relaxed);
        }
    } while (!atomic_compare_exchange_weak_explicit(&loop->returned, &head, request,
                                                    memory_order_release, memory_order_relaxed));
    if (head == NULL) {
        es_wake(loop->wake_fd);
    }
    atomic_fetch_sub_explicit(&loop->returning, 1, memory_order_release);
}

/* The list in the order in which they came back: the first is not to wait for the last. */
static struct es_request *reverse(struct es_request *latest)
{
    struct es_request *first = NULL;
    while (latest != NULL) {
        struct es_request *next = latest->next;
        latest->next = first;
        first = latest;
        latest = next;
    }
    return first;
}

static void resume_returned(struct es_loop *loop)
{
    if (atomic_load_explicit(&loop->returned, memory_order_relaxed) == NULL) {
        return;
    }
    struct es_request *request =
        reverse(atomic_exchange_explicit(&loop->returned, NULL, memory_order_acquire));
    while (request != NULL) {
        struct es_request *next = request->next;
        request->next = NULL;
        MHD_resume_connection(request->mhd);
        request = next;
    }
}

/* --- connections that arrive ------------------------------------------------------------- */

void es_loop_add(struct es_loop *loop, int fd, const struct sockaddr *peer, socklen_t peer_length)
{
    struct es_arrival *arrival = es_calloc(1, sizeof(*arrival) + peer_length);
    arrival->fd = fd;
    arrival->peer_length = peer_length;
    memcpy(arrival->peer, peer, peer_length);
    atomic_fetch_add_explicit(&loop->connections, 1, memory_order_relaxed);
    pthread_mutex_lock(&loop->arrivals_lock);
    bool first = loop->first_arrival == NULL;
    if (first) {
        loop->first_arrival = arrival;
    } else {
        loop->last_arrival->next = arrival;
    }
    loop->last_arrival = arrival;
    pthread_mutex_unlock(&loop->arrivals_lock);
    if (first) {
        es_wake(loop->wake_fd);
    }
}

static struct es_arrival *take_arrivals(struct es_loop *loop)
{
    pthread_mutex_lock(&loop->arrivals_lock);
    struct es_arrival *first = loop->first_arrival;
    loop->first_arrival = NULL;
    pthread_mutex_unlock(&loop->arrivals_lock);
    return first;
}

static void serve_arrivals(struct es_loop *loop)
{
    struct es_arrival *arrival = take_arrivals(loop);
    while (arrival != NULL) {
        struct es_arrival *next = arrival->next;
        if (MHD_add_connection(loop->daemon, arrival->fd, (const struct sockaddr *)arrival->peer,
                               arrival->peer_length) == MHD_NO) { /* and has closed it */
            atomic_fetch_sub_explicit(&loop->connections, 1, memory_order_relaxed);
            es_connections_unreserve(loop->server->connections);
        }
        free(arrival);
        arrival = next;
    }
}

static void on_connection(void *context, struct MHD_Connection *mhd, void **connection_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct es_loop *loop = context;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        atomic_fetch_sub_explicit(&loop->connections, 1, memory_order_relaxed);
        es_connection_close(*connection_context);
        return;
    }
    int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    const struct sockaddr *peer =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    *connection_context = es_connection_open(loop->server->connections, fd, peer);
}

/* --- the thread -------------------------------------------------------------------------- */

/* For poll(): milliseconds, or -1 for as long as it takes. */
static int patience(const struct es_loop *loop)
{
    unsigned long long left_ms = 0;
    if (MHD_get_timeout(loop->daemon, &left_ms) == MHD_NO) {
        return -1;
    }
    if (left_ms == 0 && loop->fruitless >= MOST_FRUITLESS) {
        return FRUITLESS_WAIT_MS;
    }
    return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

static void wait_for_events(struct es_loop *loop)
{
    struct pollfd fds[] = {
        {.fd = loop->epoll_fd, .events = POLLIN},
        {.fd = loop->wake_fd, .events = POLLIN},
    };
    int ready = poll(fds, ES_ARRAY_LEN(fds), patience(loop));
    loop->fruitless = ready > 0 ? 0 : loop->fruitless + 1;
    if (fds[1].revents != 0) {
        es_wake_heard(loop->wake_fd);
    }
}

static _Thread_local struct es_loop *here;

struct es_loop *es_loop_here(void)
{
    return here;
}

static void *run(void *context)
{
    struct es_loop *loop = context;
    here = loop;
    (void)pthread_setname_np(pthread_self(), "http-loop");
    while (!atomic_load_explicit(&loop->ending, memory_order_relaxed)) {
        wait_for_events(loop);
        serve_arrivals(loop);
        resume_returned(loop);
        if (es_bug_on(MHD_run_wait(loop->daemon, 0) == MHD_NO,
                      "an event loop cannot look for events")) {
            abort(); /* everybody on it would wait for ever; a new process serves them */
        }
    }
    return NULL;
}

/* --- life -------------------------------------------------------------------------------- */

static struct MHD_Daemon *start_daemon(struct es_loop *loop)
{
    const unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_TURBO |
                           MHD_ALLOW_SUSPEND_RESUME; /* no log: it quotes requests */
    /* each option is followed by what libmicrohttpd takes from the list, of exactly that type */
    /* clang-format off */
    return MHD_start_daemon(
        flags, 0, NULL, NULL, es_exchange_go_on, loop,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, loop->server->config.connection_memory,
        MHD_OPTION_CONNECTION_LIMIT, UINT_MAX,      /* connections.h counts */
        MHD_OPTION_CONNECTION_TIMEOUT, 0U,          /* connections.h watches */
        MHD_OPTION_STRICT_FOR_CLIENT, 0,            /* framing.h refuses, with an answer of ours */
        MHD_OPTION_URI_LOG_CALLBACK, es_exchange_begin, loop,
        MHD_OPTION_NOTIFY_COMPLETED, es_exchange_end, loop,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, loop,
        MHD_OPTION_END);
    /* clang-format on */
}

struct es_loop *es_loop_new(struct es_http_server *server, struct es_buf *error)
{
    struct es_loop *loop = aligned_alloc(_Alignof(struct es_loop), sizeof(*loop));
    if (loop == NULL) {
        abort();
    }
    memset(loop, 0, sizeof(*loop));
    loop->server = server;
    pthread_mutex_init(&loop->arrivals_lock, NULL);
    loop->wake_fd = es_wake_new();
    loop->daemon = start_daemon(loop);
    if (loop->daemon != NULL) {
        loop->epoll_fd = MHD_get_daemon_info(loop->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    }
    loop->running = loop->daemon != NULL && loop->wake_fd >= 0 &&
                    pthread_create(&loop->thread, NULL, run, loop) == 0;
    if (!loop->running) {
        es_buf_add_str(error, "an event loop could not be started");
        return es_loop_free(loop);
    }
    return loop;
}

struct es_loop *es_loop_free(struct es_loop *loop)
{
    if (loop == NULL) {
        return NULL;
    }
    if (loop->running) {
        atomic_store(&loop->ending, true);
        es_wake(loop->wake_fd);
        pthread_join(loop->thread, NULL);
    }
    while (atomic_load_explicit(&loop->returning, memory_order_acquire) > 0) {
        sched_yield(); /* one system call away from being done */
    }
    if (loop->daemon != NULL) {
        MHD_stop_daemon(loop->daemon);
    }
    if (loop->wake_fd >= 0) {
        (void)close(loop->wake_fd);
    }
    es_exchange_free_spare(loop);
    pthread_mutex_destroy(&loop->arrivals_lock);
    free(loop);
    return NULL;
}

/* --- what others ask --------------------------------------------------------------------- */

struct es_http_server *es_loop_server(const struct es_loop *loop)
{
    return loop->server;
}

size_t es_loop_connections(const struct es_loop *loop)
{
    return atomic_load_explicit(&loop->connections, memory_order_relaxed);
}

uint64_t es_loop_requests(const struct es_loop *loop)
{
    return atomic_load_explicit(&loop->requests, memory_order_relaxed);
}

uint64_t es_loop_refusals(const struct es_loop *loop)
{
    return atomic_load_explicit(&loop->refusals, memory_order_relaxed);
}

bool es_loop_alive(const struct es_loop *loop, int64_t now_us, int64_t limit_us)
{
    int64_t busy_since_us = atomic_load_explicit(&loop->busy_since_us, memory_order_relaxed);
    if (busy_since_us != 0 && now_us - busy_since_us > limit_us) {
        return false;
    }
    bool waiting = atomic_load_explicit(&loop->returned, memory_order_acquire) != NULL;
    int64_t since_us = atomic_load_explicit(&loop->returned_since_us, memory_order_relaxed);
    return !waiting || now_us - since_us <= limit_us;
}
