/* What tests of the HTTP server share: starting one, waiting for something to become true, a gate
 * at which handlers wait, and what a client expects to hear. */
#pragma once

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/http/server.h"
#include "common/tests/http-peer.h"
#include "common/tests/unit.h"

#include <pthread.h>
#include <time.h>

#define PAUSE_NS 1000000

/* The one header field that every request needs. */
#define HOST "Host: a\r\n"

/* Until CONDITION holds; fails the test when it does not within the peers' patience. */
#define AWAIT(condition)                                                                           \
    do {                                                                                           \
        int64_t give_up_us = es_clock_mono_us() + PEER_PATIENCE_S * ES_US_PER_S;                   \
        while (!(condition)) {                                                                     \
            assert_true(es_clock_mono_us() < give_up_us);                                          \
            nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);                              \
        }                                                                                          \
    } while (0)

static inline struct es_http_server *start_server(const struct es_http_config *config,
                                                  const struct es_route *routes, size_t count,
                                                  const struct es_http_hooks *hooks, void *app)
{
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    struct es_http_server *server = es_http_server_start(config, routes, count, hooks, app, &error);
    if (server == NULL) {
        fail_msg("%s", es_buf_str(&error));
    }
    return server;
}

/* --- handlers ---------------------------------------------------------------------------- */

static inline void answer_text(struct es_request *request, const char *text)
{
    struct es_buf body = ES_BUF_INIT; /* moved into the request */
    es_buf_add_str(&body, text);
    es_respond(request, 200, "text/plain", &body);
}

static inline void answer_number(struct es_request *request, unsigned status, int number)
{
    struct es_buf body = ES_BUF_INIT; /* moved into the request */
    es_buf_printf(&body, "%d", number);
    es_respond(request, status, "text/plain", &body);
}

/* Handlers count themselves in and wait until it opens. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int waiting;
    bool open;
};

#define GATE_INIT                                                                                  \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER                     \
    }

static inline void gate_shut(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = false;
    gate->waiting = 0;
    pthread_mutex_unlock(&gate->lock);
}

static inline void gate_open(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

static inline void gate_pass(struct gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->waiting++;
    pthread_cond_broadcast(&gate->changed);
    while (!gate->open) {
        pthread_cond_wait(&gate->changed, &gate->lock);
    }
    pthread_mutex_unlock(&gate->lock);
}

static inline void gate_await(struct gate *gate, int count)
{
    pthread_mutex_lock(&gate->lock);
    while (gate->waiting < count) {
        pthread_cond_wait(&gate->changed, &gate->lock);
    }
    pthread_mutex_unlock(&gate->lock);
}

/* --- clients ----------------------------------------------------------------------------- */

static inline void expect_text(struct peer *peer, const char *request, const char *text)
{
    struct peer_answer answer = peer_ask(peer, request);
    if (answer.status != 200 || strcmp(es_buf_str(&answer.body), text) != 0) {
        fail_msg("expected \"%s\", heard: %s%s", text, es_buf_str(&answer.head),
                 es_buf_str(&answer.body));
    }
    answer_done(&answer);
}

static inline void expect_problem(struct peer *peer, const char *request, unsigned status,
                                  const char *code)
{
    peer_send(peer, request);
    peer_hears_problem(peer, status, code);
}

/* POST PATH with FIELDS ("Name: value\r\n") and BODY. */
static inline void post(struct peer *peer, const char *path, const char *fields, const char *body)
{
    char request[1024];
    (void)snprintf(request, sizeof(request),
                   "POST %s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %zu\r\n\r\n%s", path, fields,
                   strlen(body), body);
    peer_send(peer, request);
}

/* A number with STATUS, first-hand or replayed from a stored answer. */
static inline void hears_number(struct peer *peer, unsigned status, const char *number,
                                bool replayed)
{
    struct peer_answer answer = peer_hear(peer);
    if (answer.status != status || strcmp(es_buf_str(&answer.body), number) != 0) {
        fail_msg("expected %u %s, heard: %s%s", status, number, es_buf_str(&answer.head),
                 es_buf_str(&answer.body));
    }
    assert_int_equal(answer_header(&answer, "Idempotent-Replayed") != NULL, replayed);
    answer_done(&answer);
}
