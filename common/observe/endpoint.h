/*
 * Where a process is watched: a small HTTP listener of its own, for /metrics and /health.
 *
 * It runs on one thread of its own, so that a process whose workers are stuck still tells about it,
 * and it listens on loopback only: what it says is not for members.
 *
 *     GET /metrics        200, Prometheus text format
 *     GET /health         200, or 503 when a needed check fails: the checks, as JSON
 *     GET /health/live    200 while alive() holds, else 503
 *     GET /health/ready   200 when every needed check passes, else 503
 *
 * HEAD works as GET; another method gets 405 with Allow, another path 404. Errors are
 * application/problem+json. Nothing is taken from a request but its method and path.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/observe/health.h"
#include "common/observe/metrics.h"

#include <stdbool.h>

struct es_endpoint_config {
    const char *listen; /* "127.0.0.1:9001", "[::1]:0"; port 0 takes a free one */
    const struct es_metrics *metrics;
    struct es_health *health;
    /* The rest may be NULL. On the endpoint's thread; they must not block. */
    void (*refresh)(void *context); /* sets gauges just before /metrics is rendered */
    bool (*alive)(void *context);   /* NULL: always */
    void *context;
};

struct es_endpoint;

/* Bind and serve. NULL with a line in ERROR when the address is malformed, not loopback or taken.
 * What CONFIG points to must outlive the result; CONFIG itself need not. */
struct es_endpoint *es_endpoint_start(const struct es_endpoint_config *config,
                                      struct es_buf *error) ES_MUST_CHECK;

/* Stop serving and release. NULL accepted. Returns NULL. */
struct es_endpoint *es_endpoint_stop(struct es_endpoint *endpoint);

/* "127.0.0.1:43211": the actual port; valid as long as ENDPOINT. */
const char *es_endpoint_address(const struct es_endpoint *endpoint);
