/*
 * The executor: a bounded queue of requests and the threads that run their handlers as plain
 * blocking code, each with the tier's worker (its database and Redis connections).
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct es_executor;
struct es_http_hooks;
struct es_request;

struct es_executor_config {
    unsigned threads;
    unsigned queue_limit;
    const struct es_http_hooks *hooks; /* worker_new and worker_free, or neither */
    void *app;
    void (*run)(struct es_request *request, void *worker); /* must hand the request back */
};

/* Starts the threads and waits until each has its worker. NULL, with a line in ERROR and everything
 * released, when one has none. CONFIG is copied. */
struct es_executor *es_executor_new(const struct es_executor_config *config,
                                    struct es_buf *error) ES_MUST_CHECK;
/* Runs what waits, ends the threads. NULL accepted. Returns NULL. */
struct es_executor *es_executor_free(struct es_executor *executor);

/* Take a place in the queue, or count a refusal and yield false; then, once, fill it. Two steps
 * because a request is suspended in between: from the second on it is another thread's. */
bool es_executor_reserve(struct es_executor *executor) ES_MUST_CHECK;
void es_executor_push(struct es_executor *executor, struct es_request *request);

uint64_t es_executor_depth(const struct es_executor *executor);
uint64_t es_executor_refusals(const struct es_executor *executor);

/* Whether no thread has been in one handler for longer than LIMIT_US. */
bool es_executor_alive(const struct es_executor *executor, int64_t now_us,
                       int64_t limit_us) ES_MUST_CHECK;
