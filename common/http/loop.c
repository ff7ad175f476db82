#include "common/http/loop.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/http/connections.h"
#include "common/http/executor.h"
#include "common/http/intake.h"
#include "common/http/request.h"
#include "common/http/server-state.h"
#include "common/observe/log.h"

#include <limits.h>
#include <microhttpd.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LINE         64
#define REQUEST_ARENA_SIZE 1024
#define MOST_SPARE         256 /* requests kept for the next ones */

struct es_loop {
    struct es_http_server *server;
    struct MHD_Daemon *daemon;

    /* the loop thread's alone */
    struct es_id_source ids;
    struct es_request *spare;
    unsigned spare_count;
    bool suspended; /* the request in hand is away */

    /* written by the loop thread, read by any */
    atomic_size_t connections;
    atomic_uint_fast64_t requests;
    atomic_uint_fast64_t refusals;
    atomic_int_fast64_t busy_since_us; /* in a fast handler; 0: not */

    /* NULL: no wake-up is under way. Otherwise one is, and this is a list, ending in NOBODY, of
     * further requests to resume. */
    _Alignas(CACHE_LINE) _Atomic(struct es_request *) returned;
    atomic_int_fast64_t woken_at_us;
};

static struct es_request nobody; /* never looked into */

/* --- requests ---------------------------------------------------------------------------- */

static struct es_request *request_new(struct es_loop *loop)
{
    struct es_request *request = loop->spare;
    if (request != NULL) {
        loop->spare = request->next;
        loop->spare_count--;
        request->next = NULL;
        return request;
    }
    request = ES_NEW(struct es_request);
    request->loop = loop;
    request->arena = es_arena_new(REQUEST_ARENA_SIZE);
    return request;
}

static void request_destroy(struct es_request *request)
{
    es_buf_done(&request->answer.body);
    es_arena_free(request->arena);
    free(request);
}

static void request_release(struct es_request *request)
{
    struct es_loop *loop = request->loop;
    if (loop->spare_count >= MOST_SPARE) {
        request_destroy(request);
        return;
    }
    es_request_clear(request);
    request->next = loop->spare;
    loop->spare = request;
    loop->spare_count++;
}

/* --- suspending and resuming ------------------------------------------------------------- */

void es_request_suspend(struct es_request *request)
{
    request->stage = ES_STAGE_AWAY;
    request->loop->suspended = true;
    MHD_suspend_connection(request->mhd);
}

void es_request_resume(struct es_request *request)
{
    struct es_loop *loop = request->loop;
    struct es_request *head = atomic_load_explicit(&loop->returned, memory_order_relaxed);
    struct es_request *next = NULL;
    do {
        if (head == NULL) { /* ours is the wake-up */
            atomic_store_explicit(&loop->woken_at_us, es_clock_mono_us(), memory_order_relaxed);
            next = &nobody;
        } else {
            request->next = head;
            next = request;
        }
    } while (!atomic_compare_exchange_weak_explicit(&loop->returned, &head, next,
                                                    memory_order_release, memory_order_relaxed));
    if (head == NULL) {
        MHD_resume_connection(request->mhd);
    }
}

/* The loop is up: resume everyone who joined the list meanwhile. Called wherever the resumed one
 * may turn up, which is its completion only when its peer has gone. */
static void resume_returned(struct es_loop *loop)
{
    if (atomic_load_explicit(&loop->returned, memory_order_relaxed) == NULL) {
        return;
    }
    struct es_request *request =
        atomic_exchange_explicit(&loop->returned, NULL, memory_order_acquire);
    while (request != NULL && request != &nobody) {
        struct es_request *next = request->next;
        MHD_resume_connection(request->mhd);
        request = next;
    }
}

/* --- one request ------------------------------------------------------------------------- */

static enum MHD_Result send_answer(struct es_request *request)
{
    const struct es_http_server *server = request->loop->server;
    bool close =
        request->answer.close || atomic_load_explicit(&server->stopping, memory_order_relaxed);
    es_connection_answering(request->connection, es_clock_mono_us());
    struct MHD_Response *response = es_answer_build(request, close);
    request->stage = ES_STAGE_ANSWERED;
    enum MHD_Result result = MHD_queue_response(request->mhd, request->answer.status, response);
    MHD_destroy_response(response);
    return result;
}

/* To the executor, if it takes any more. True when the request is away. */
static bool hand_to_executor(struct es_request *request)
{
    struct es_executor *executor = request->loop->server->executor;
    if (!es_executor_reserve(executor)) {
        es_respond_problem(request, ES_PROBLEM_OVERLOADED, NULL);
        return false;
    }
    es_request_suspend(request);
    es_executor_push(executor, request);
    return true;
}

/* True when the request is away; it must not be touched then. */
static bool call_fast(struct es_request *request)
{
    struct es_loop *loop = request->loop;
    loop->suspended = false;
    atomic_store_explicit(&loop->busy_since_us, request->received_mono_us, memory_order_relaxed);
    es_log_set_request_id(request->id_text);
    request->route->fast(request, loop->server->app, NULL);
    es_log_set_request_id(NULL);
    atomic_store_explicit(&loop->busy_since_us, 0, memory_order_relaxed);
    return loop->suspended || (request->to_executor && hand_to_executor(request));
}

void es_request_to_executor(struct es_request *request)
{
    request->to_executor = true;
}

/* The request is complete: answer it or have it answered. True when it is away. */
static bool dispatch(struct es_request *request)
{
    if (request->refused) {
        es_request_answer_refusal(request);
        return false;
    }
    const struct es_route *route = request->route;
    bool keyed = (route->flags & ES_ROUTE_IDEMPOTENCY_KEY) != 0 &&
                 request->headers.known[ES_HEADER_IDEMPOTENCY_KEY] != NULL;
    if (route->fast != NULL && !(keyed && route->handle != NULL)) {
        return call_fast(request);
    }
    return hand_to_executor(request);
}

static void note_arrival(struct es_request *request)
{
    request->received_us = es_clock_now_us();
    request->received_mono_us = es_clock_mono_us();
}

/* The request ends before its body does. */
static enum MHD_Result end_early(struct es_request *request, enum es_intake intake)
{
    if (request->received_mono_us == 0) {
        note_arrival(request);
    }
    return intake == ES_INTAKE_ANSWER ? send_answer(request) : MHD_NO;
}

static enum MHD_Result on_headers(struct es_request *request, const char *method,
                                  const char *target, const char *version)
{
    struct es_loop *loop = request->loop;
    request->stage = ES_STAGE_BODY;
    atomic_fetch_add_explicit(&loop->requests, 1, memory_order_relaxed);
    if (!es_connection_expect_body(request->connection, es_clock_mono_us())) {
        return MHD_NO;
    }
    enum es_intake intake = es_intake_headers(request, loop->server, method, target, version);
    if (intake == ES_INTAKE_GO_ON) {
        return MHD_YES;
    }
    if (!request->refused) { /* it did not get as far as being looked at */
        atomic_fetch_add_explicit(&loop->refusals, 1, memory_order_relaxed);
    }
    return end_early(request, intake);
}

static enum MHD_Result on_body(struct es_request *request, const char *bytes, size_t *size)
{
    enum es_intake intake = es_intake_body(request, bytes, *size);
    *size = 0;
    return intake == ES_INTAKE_GO_ON ? MHD_YES : end_early(request, intake);
}

static enum MHD_Result on_complete(struct es_request *request)
{
    note_arrival(request);
    if (!es_connection_at_work(request->connection)) {
        return MHD_NO;
    }
    return dispatch(request) ? MHD_YES : send_answer(request);
}

/* --- what libmicrohttpd calls ------------------------------------------------------------ */

/* The request line was read. TARGET is still as it came. */
static void *on_request_line(void *context, const char *target, struct MHD_Connection *mhd)
{
    struct es_request *request = request_new(context);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    request->mhd = mhd;
    request->connection = info->socket_context;
    request->raw_target_length = strlen(target);
    request->raw_target = es_arena_strndup(request->arena, target, request->raw_target_length);
    es_request_id_make(&request->loop->ids, request->id);
    es_request_id_format(request->id, request->id_text);
    return request;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *mhd, const char *target,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **request_context)
{
    (void)mhd;
    struct es_loop *loop = context;
    struct es_request *request = *request_context;
    resume_returned(loop);
    switch (request->stage) {
    case ES_STAGE_HEADERS:
        return on_headers(request, method, target, version);
    case ES_STAGE_BODY:
        return *upload_size > 0 ? on_body(request, upload, upload_size) : on_complete(request);
    case ES_STAGE_AWAY:
        return send_answer(request);
    case ES_STAGE_ANSWERED:
        break;
    }
    return MHD_NO;
}

static void on_completed(void *context, struct MHD_Connection *mhd, void **request_context,
                         enum MHD_RequestTerminationCode code)
{
    (void)mhd;
    (void)code;
    struct es_loop *loop = context;
    const struct es_http_server *server = loop->server;
    struct es_request *request = *request_context;
    resume_returned(loop);
    if (request->answer.status != 0 && server->hooks.completed != NULL) {
        server->hooks.completed(request, server->app);
    }
    es_connection_idle(request->connection, es_clock_mono_us());
    request_release(request);
    *request_context = NULL;
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
    *connection_context = es_connection_open(loop->server->connections, fd, peer, loop);
}

/* --- life -------------------------------------------------------------------------------- */

struct es_loop *es_loop_new(struct es_http_server *server, struct es_buf *error)
{
    struct es_loop *loop = aligned_alloc(_Alignof(struct es_loop), sizeof(*loop));
    if (loop == NULL) {
        abort();
    }
    memset(loop, 0, sizeof(*loop));
    loop->server = server;
    const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET |
                           MHD_USE_TURBO |
                           MHD_ALLOW_SUSPEND_RESUME; /* no log: it quotes requests */
    /* each option is followed by what libmicrohttpd takes from the list, of exactly that type */
    /* clang-format off */
    loop->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, loop,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, server->config.connection_memory,
        MHD_OPTION_CONNECTION_LIMIT, UINT_MAX,      /* connections.h counts */
        MHD_OPTION_CONNECTION_TIMEOUT, 0U,          /* connections.h watches */
        MHD_OPTION_STRICT_FOR_CLIENT, 0,            /* framing.h refuses, with an answer of ours */
        MHD_OPTION_URI_LOG_CALLBACK, on_request_line, loop,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, loop,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, loop,
        MHD_OPTION_END);
    /* clang-format on */
    if (loop->daemon == NULL) {
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
    if (loop->daemon != NULL) {
        MHD_stop_daemon(loop->daemon);
    }
    while (loop->spare != NULL) {
        struct es_request *next = loop->spare->next;
        request_destroy(loop->spare);
        loop->spare = next;
    }
    free(loop);
    return NULL;
}

struct es_http_server *es_loop_server(const struct es_loop *loop)
{
    return loop->server;
}

bool es_loop_add(struct es_loop *loop, int fd, const struct sockaddr *peer, socklen_t peer_length)
{
    atomic_fetch_add_explicit(&loop->connections, 1, memory_order_relaxed);
    if (MHD_add_connection(loop->daemon, fd, peer, peer_length) == MHD_NO) {
        atomic_fetch_sub_explicit(&loop->connections, 1, memory_order_relaxed);
        return false;
    }
    return true;
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
    int64_t woken_at_us = atomic_load_explicit(&loop->woken_at_us, memory_order_relaxed);
    bool waking = atomic_load_explicit(&loop->returned, memory_order_relaxed) != NULL;
    return !waking || now_us - woken_at_us <= limit_us;
}
