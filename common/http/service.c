#include "common/http/service.h"

#include "common/base/clock.h"
#include "common/http/idempotency.h"
#include "common/http/loop.h"
#include "common/http/problem.h"
#include "common/http/request.h"
#include "common/http/server-state.h"
#include "common/observe/log.h"

static void call_handler(struct es_request *request, const struct es_http_server *server,
                         void *worker)
{
    request->route->handle(request, server->app, worker);
    if (es_bug_on(request->answer.status == 0, "a handler gave no answer")) {
        es_respond_problem(request, ES_PROBLEM_INTERNAL, NULL);
    }
}

/* The claimed key: run, and say how it went. */
static void run_claimed(struct es_request *request, const struct es_http_server *server,
                        const char *key, void *worker)
{
    call_handler(request, server, worker);
    bool completed = request->answer.status < 500;
    if (server->hooks.idempotency_finish != NULL) {
        server->hooks.idempotency_finish(request, key, completed, server->app, worker);
    }
}

void es_respond_idempotency(struct es_request *request, enum es_idempotency_state state)
{
    switch (state) {
    case ES_IDEMPOTENCY_NEW:
        break;
    case ES_IDEMPOTENCY_RUNNING:
        es_respond_problem(request, ES_PROBLEM_CONFLICT, "Send it again a little later.");
        break;
    case ES_IDEMPOTENCY_MISMATCH:
        es_respond_problem(request, ES_PROBLEM_KEY_REUSED, NULL);
        break;
    case ES_IDEMPOTENCY_REPLAY:
        es_respond_header(request, "Idempotent-Replayed", "true");
        break;
    case ES_IDEMPOTENCY_SPENT:
        es_respond_problem(request, ES_PROBLEM_ALREADY_DONE,
                           "Its answer held a secret, which is shown only once.");
        break;
    case ES_IDEMPOTENCY_UNAVAILABLE:
        es_respond_problem(request, ES_PROBLEM_UNAVAILABLE, NULL);
        break;
    }
}

bool es_request_idempotency_key(struct es_request *request, const char **ret_key,
                                unsigned char ret_mark[ES_IDEMPOTENCY_MARK_LEN])
{
    const char *header = request->headers.known[ES_HEADER_IDEMPOTENCY_KEY];
    *ret_key = header == NULL ? NULL : es_idempotency_key_parse(request->arena, header);
    if (header == NULL) {
        return true;
    }
    if (*ret_key == NULL) {
        es_respond_problem(request, ES_PROBLEM_BAD_REQUEST,
                           "The Idempotency-Key is not 1 to 255 visible characters.");
        return false;
    }
    es_idempotency_fingerprint(request->method, request->target.path, request->body,
                               request->body_length, ret_mark);
    return true;
}

static void run_keyed(struct es_request *request, const struct es_http_server *server, void *worker)
{
    const char *key = NULL;
    unsigned char mark[ES_IDEMPOTENCY_MARK_LEN];
    if (!es_request_idempotency_key(request, &key, mark)) {
        return;
    }
    if (key == NULL) {
        call_handler(request, server, worker);
        return;
    }
    enum es_idempotency_state state =
        server->hooks.idempotency_begin(request, key, mark, server->app, worker);
    if (state == ES_IDEMPOTENCY_NEW) {
        run_claimed(request, server, key, worker);
    } else {
        es_respond_idempotency(request, state);
    }
}

static void serve(struct es_request *request, const struct es_http_server *server, void *worker)
{
    const struct es_http_hooks *hooks = &server->hooks;
    int64_t limit_us = server->config.request_timeout_ms * ES_US_PER_MS;
    if (es_request_age_us(request) > limit_us || atomic_load(&server->abandoned)) {
        es_respond_problem(request, ES_PROBLEM_OVERLOADED, "The request waited too long.");
        return;
    }
    if (hooks->admit != NULL && !hooks->admit(request, request->route, server->app, worker)) {
        return;
    }
    if ((request->route->flags & ES_ROUTE_IDEMPOTENCY_KEY) != 0 &&
        hooks->idempotency_begin != NULL) {
        run_keyed(request, server, worker);
    } else {
        call_handler(request, server, worker);
    }
}

void es_service_run(struct es_request *request, void *worker)
{
    es_log_set_request_id(request->id_text);
    serve(request, es_loop_server(request->loop), worker);
    es_log_set_request_id(NULL);
    es_request_resume(request);
}
