#include "common/http/exchange.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/http/connections.h"
#include "common/http/executor.h"
#include "common/http/intake.h"
#include "common/http/library-answer.h"
#include "common/http/loop-state.h"
#include "common/http/loop.h"
#include "common/http/request.h"
#include "common/http/server-state.h"
#include "common/observe/log.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_ARENA_SIZE 832 /* a signal takes 640, 816 with a UUID as its Idempotency-Key */
#define MOST_SPARE         256 /* requests kept for the next ones */

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

void es_exchange_free_spare(struct es_loop *loop)
{
    while (loop->spare != NULL) {
        struct es_request *next = loop->spare->next;
        request_destroy(loop->spare);
        loop->spare = next;
    }
}

/* --- away and back ----------------------------------------------------------------------- */

void es_request_suspend(struct es_request *request)
{
    request->stage = ES_STAGE_AWAY;
    request->loop->suspended = true;
    MHD_suspend_connection(request->mhd);
}

void es_request_resume(struct es_request *request)
{
    es_loop_take_back(request->loop, request);
}

void es_request_resume_to(struct es_request *request, es_answerer *answer, void *context)
{
    request->answerer = answer;
    request->answerer_context = context;
    es_request_resume(request);
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
    enum MHD_Result result = es_library_queue(request->mhd, request->answer.status, response);
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

/* Around what runs on the event thread and is not ours. */
static void enter(const struct es_request *request, int64_t now_us)
{
    atomic_store_explicit(&request->loop->busy_since_us, now_us, memory_order_relaxed);
    es_log_set_request_id(request->id_text);
}

static void leave(struct es_loop *loop)
{
    es_log_set_request_id(NULL);
    atomic_store_explicit(&loop->busy_since_us, 0, memory_order_relaxed);
}

/* True when the request is away; it must not be touched then. */
static bool call_fast(struct es_request *request)
{
    struct es_loop *loop = request->loop;
    loop->suspended = false;
    enter(request, request->received_mono_us);
    request->route->fast(request, loop->server->app, NULL);
    leave(loop);
    return loop->suspended;
}

/* It came back without an answer: whoever had it left that to us. */
static void call_answerer(struct es_request *request)
{
    if (request->answerer != NULL) {
        enter(request, es_clock_mono_us());
        request->answerer(request, request->answerer_context);
        leave(request->loop);
    }
}

static enum MHD_Result on_return(struct es_request *request)
{
    call_answerer(request);
    return send_answer(request);
}

/* The request is complete: answer it or have it answered. True when it is away. */
static bool dispatch(struct es_request *request)
{
    if (request->refused) {
        es_request_answer_refusal(request);
        return false;
    }
    return request->route->fast != NULL ? call_fast(request) : hand_to_executor(request);
}

static void note_arrival(struct es_request *request)
{
    request->received_us = es_clock_now_us();
    request->received_mono_us = es_clock_mono_us();
}

/*
 * A chunk's first line may fill libmicrohttpd's buffer before it is complete. Its own thread would
 * answer 500; run by us (0.9.75) it neither reads on nor tells us nor sees that the connection was
 * cut. Its time-out it does watch, so while chunks come in there is one, a little longer than ours.
 */
static void watch_chunks(struct es_request *request, bool watch)
{
    int64_t body_ms = request->loop->server->config.body_timeout_ms;
    unsigned seconds = watch ? (unsigned)(body_ms / ES_MS_PER_S) + 1 : 0;
    if (request->framing.chunked) {
        (void)MHD_set_connection_option(request->mhd, MHD_CONNECTION_OPTION_TIMEOUT, seconds);
    }
}

/* The request ends before its body does. */
static enum MHD_Result end_early(struct es_request *request, enum es_intake intake)
{
    if (request->received_mono_us == 0) {
        note_arrival(request);
    }
    watch_chunks(request, false);
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
        watch_chunks(request, true);
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
    watch_chunks(request, false);
    if (!es_connection_at_work(request->connection)) {
        return MHD_NO;
    }
    return dispatch(request) ? MHD_YES : send_answer(request);
}

/* --- what libmicrohttpd calls ------------------------------------------------------------ */

/* TARGET is still as it came. */
void *es_exchange_begin(void *context, const char *target, struct MHD_Connection *mhd)
{
    struct es_loop *loop = context;
    struct es_request *request = request_new(loop);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    request->mhd = mhd;
    request->connection = info->socket_context;
    request->raw_target_length = strlen(target);
    request->raw_target = es_arena_strndup(request->arena, target, request->raw_target_length);
    es_request_id_make(&loop->ids, request->id);
    es_request_id_format(request->id, request->id_text);
    return request;
}

enum MHD_Result es_exchange_go_on(void *context, struct MHD_Connection *mhd, const char *target,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **request_context)
{
    (void)mhd;
    struct es_loop *loop = context;
    struct es_request *request = *request_context;
    loop->fruitless = 0;
    switch (request->stage) {
    case ES_STAGE_HEADERS:
        return on_headers(request, method, target, version);
    case ES_STAGE_BODY:
        return *upload_size > 0 ? on_body(request, upload, upload_size) : on_complete(request);
    case ES_STAGE_AWAY:
        return on_return(request);
    case ES_STAGE_ANSWERED:
        break;
    }
    return MHD_NO;
}

void es_exchange_end(void *context, struct MHD_Connection *mhd, void **request_context,
                     enum MHD_RequestTerminationCode code)
{
    (void)mhd;
    (void)code;
    struct es_loop *loop = context;
    const struct es_http_server *server = loop->server;
    struct es_request *request = *request_context;
    if (request->stage == ES_STAGE_AWAY) { /* it is back, but its peer has gone */
        call_answerer(request);
    }
    if (request->answer.status != 0 && server->hooks.completed != NULL) {
        server->hooks.completed(request, server->app);
    }
    es_connection_idle(request->connection, es_clock_mono_us());
    request_release(request);
    *request_context = NULL;
}
