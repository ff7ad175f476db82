/*
 * HTTP/1.1 server of every tier: libmicrohttpd with epoll and a few event threads in front of one
 * visible route table.
 *
 * How a request runs. An event thread reads it, refuses what libmicrohttpd 0.9.75 would let pass
 * (framing.h), finds the route, collects the body up to the route's limit, and then
 *   - ordinary routes: puts the request on a bounded queue; an executor thread runs the handler as
 *     plain blocking code with its own worker (database and Redis connections). Queue full: 503
 *     with Retry-After. A request older than its time limit is answered 503 instead of being run.
 *   - fast routes: calls route->fast on the event thread itself, which answers at once or suspends
 *     the request and has somebody else (a group-commit lane) hand it back later. Sign-in,
 *     limits and the Idempotency-Key are the handler's affair then.
 *
 * Every answer carries X-Request-Id, the security headers of DESIGN section 4, Cache-Control:
 * no-store unless the handler sets another, and no Server. Errors are application/problem+json
 * (problem.h), also those that libmicrohttpd finds itself. HEAD is answered for GET
 * routes, OPTIONS and 405 with Allow. Header and body must arrive within their deadlines however
 * slowly they drip. A client that closes its sending side counts as gone.
 *
 * Ownership: a request belongs to the thread that runs it; everything taken from its arena lives
 * until the answer has been sent.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ES_HTTP_DEFAULT_BODY_LIMIT 10240
#define ES_REQUEST_ID_SIZE         37 /* UUID text and a NUL */

struct es_request;
struct es_http_server;

typedef void es_handler(struct es_request *request, void *app, void *worker);

/* Flags of a route. */
enum {
    ES_ROUTE_IDEMPOTENCY_KEY = 1 << 0, /* a write that honours Idempotency-Key */
    ES_ROUTE_FORM = 1 << 1,            /* also takes application/x-www-form-urlencoded */
    ES_ROUTE_PAGE = 1 << 2,   /* answers HTML: errors are pages as well, CSP allows forms */
    ES_ROUTE_SECRET = 1 << 3, /* its answers hold a secret: never kept under a key */
};

struct es_route {
    const char *method;
    const char *path;   /* "/api/signals/{id}/receipt"; a parameter is one whole segment */
    es_handler *handle; /* on an executor thread */
    es_handler *fast;   /* on the event thread, worker is NULL; must not block. Either, not both */
    unsigned access;    /* who may call: meaning belongs to the tier's admit hook */
    unsigned rate;      /* rate class: meaning belongs to the tier's admit hook */
    size_t body_limit;  /* 0: ES_HTTP_DEFAULT_BODY_LIMIT; methods without a body take none */
    unsigned flags;
};

/* How an idempotent write finds and keeps its first answer (the tier's database does). */
enum es_idempotency_state {
    ES_IDEMPOTENCY_NEW,         /* claimed: run the handler, then finish() */
    ES_IDEMPOTENCY_RUNNING,     /* 409 */
    ES_IDEMPOTENCY_MISMATCH,    /* same key, other request: 422 */
    ES_IDEMPOTENCY_REPLAY,      /* the stored answer was put into the request */
    ES_IDEMPOTENCY_SPENT,       /* done, but the answer held a secret and is not kept: 409 */
    ES_IDEMPOTENCY_UNAVAILABLE, /* 503 */
};

struct es_http_hooks {
    /* A worker per executor thread, made and released on that thread. NULL from worker_new ends
     * the server's start. */
    void *(*worker_new)(void *app);
    void (*worker_free)(void *worker);
    /* After each request, on the worker's thread: it must be as it was before. */
    void (*worker_settle)(void *worker);
    /* Sign-in and limits, before an ordinary handler runs. False: it has answered. */
    bool (*admit)(struct es_request *request, const struct es_route *route, void *app,
                  void *worker);
    enum es_idempotency_state (*idempotency_begin)(struct es_request *request, const char *key,
                                                   const unsigned char fingerprint[32], void *app,
                                                   void *worker);
    /* COMPLETED false: the handler failed (5xx); release the key so that a retry may run. */
    void (*idempotency_finish)(struct es_request *request, const char *key, bool completed,
                               void *app, void *worker);
    /* After an answer was sent (or its connection lost): for metrics and the access log. */
    void (*completed)(const struct es_request *request, void *app);
};

/* A number that is 0 means the default of server.c. */
struct es_http_config {
    const char *listen; /* "127.0.0.1:8001", "[::1]:8001", "unix:/path"; port 0 takes a free one */
    const char *listen_name;   /* LISTEN_FDNAMES entry that replaces it, or NULL */
    unsigned event_threads;    /* >= 1 */
    unsigned executor_threads; /* >= 1 */
    unsigned queue_limit;      /* requests waiting for an executor thread */
    unsigned max_connections;
    size_t connection_memory; /* bytes for request line and headers of one connection */
    int64_t
        header_timeout_ms; /* from accept, or the previous answer's next byte, to the last header */
    /* from the last header to the last body byte; how long a peer may take too little of an answer
     */
    int64_t body_timeout_ms;
    int64_t idle_timeout_ms;    /* keep-alive connections without traffic */
    int64_t request_timeout_ms; /* from the last byte to the answer of an ordinary route */
    int64_t stop_timeout_ms;    /* how long stop() waits for what runs */
    bool trust_proxy;           /* peer on loopback or a Unix socket: take the client address from
                                 * X-Forwarded-For and the request id from X-Request-Id */
};

/* Bind, start every thread, serve. NULL with a line in ERROR on failure. ROUTES, HOOKS and what
 * they point to must outlive the server. */
struct es_http_server *es_http_server_start(const struct es_http_config *config,
                                            const struct es_route *routes, size_t route_count,
                                            const struct es_http_hooks *hooks, void *app,
                                            struct es_buf *error) ES_MUST_CHECK;

/* Stop accepting (a socket handed over by the supervisor stays open for others), let what runs
 * finish with "Connection: close", at most stop_timeout_ms, then end every thread. True when
 * nothing had to be cut off. After the time-out clients are cut off and waiting requests are not
 * run, but a handler or lane that holds a request must still hand it back, within limits of its
 * own: memory it uses is not pulled away from under it. Frees SERVER. */
bool es_http_server_stop(struct es_http_server *server);

/* "127.0.0.1:43211", valid as long as the server. */
const char *es_http_server_address(const struct es_http_server *server);

struct es_http_counts {
    uint64_t connections, queue_depth;                   /* now */
    uint64_t requests, queue_refusals, framing_refusals; /* since the start */
};
void es_http_server_counts(const struct es_http_server *server, struct es_http_counts *ret_counts);

/* True while no event or executor thread has been in one handler, or left a request that was handed
 * back to it alone, for longer than LIMIT_MS. */
bool es_http_server_alive(const struct es_http_server *server, int64_t limit_ms);

/* --- the request ------------------------------------------------------------------------- */
struct es_arena *es_request_arena(struct es_request *request);
const struct es_route *es_request_route(const struct es_request *request);
const char *es_request_method(const struct es_request *request);
const char *es_request_path(const struct es_request *request);
const char *es_request_id(const struct es_request *request);
const unsigned char *es_request_id_bytes(const struct es_request *request); /* 16 */
int64_t es_request_received_us(const struct es_request *request); /* wall clock, last byte in */
int64_t es_request_age_us(const struct es_request *request);      /* monotonic */
/* Client address as text without port; an IPv6 address is cut to its /64 network. */
const char *es_request_client(const struct es_request *request);
const char *es_request_header(const struct es_request *request, const char *name); /* or NULL */
/* Whether the client is a browser that asks for a page: an Accept field names text/html. */
bool es_request_wants_page(const struct es_request *request);
/* NULL, too, when the cookie was sent more than once. */
const char *es_request_cookie(const struct es_request *request, const char *name);
const char *es_request_param(const struct es_request *request, const char *name); /* of the path */
/* Decoded query argument. False (after answering 400) when it is malformed or repeated; *RET_VALUE
 * is NULL when it is absent. */
bool es_request_query(struct es_request *request, const char *name,
                      const char **ret_value) ES_MUST_CHECK;
const void *es_request_body(const struct es_request *request, size_t *ret_length);

/* Read the JSON body (or, on ES_ROUTE_FORM routes, the form) by MEMBERS; an empty one counts as {}.
 * False after answering 400 (malformed), 415 (other content type) or 422 (not the object asked
 * for). */
struct es_json_member;
bool es_request_read(struct es_request *request, const struct es_json_member *members,
                     size_t count) ES_MUST_CHECK;

/* One pointer for the tier's own per-request state (who is calling). */
void es_request_set_context(struct es_request *request, void *context);
void *es_request_context(const struct es_request *request);

/* Fast routes: the Idempotency-Key of REQUEST in its arena, *RET_KEY NULL when it has none, and
 * with it the fingerprint by which a repeat is known as one. False after answering 400: it is
 * malformed. */
bool es_request_idempotency_key(struct es_request *request, const char **ret_key,
                                unsigned char ret_fingerprint[32]) ES_MUST_CHECK;
/* Answer as STATE says; with ES_IDEMPOTENCY_REPLAY the kept answer is in REQUEST and gets its mark.
 */
void es_respond_idempotency(struct es_request *request, enum es_idempotency_state state);

/* Fast routes: take the request off the event loop; from now on exactly one other thread owns it
 * and must hand it back once: answered, by es_request_resume(), or, when its own time is dearer
 * than the event thread's, with ANSWER, which the event thread calls with CONTEXT and which
 * answers. */
typedef void es_answerer(struct es_request *request, void *context);
void es_request_suspend(struct es_request *request);
void es_request_resume(struct es_request *request);
void es_request_resume_to(struct es_request *request, es_answerer *answer, void *context);

/* --- the answer -------------------------------------------------------------------------- */
/* Set the answer; a later call replaces it, headers stay. BODY's content is moved into the
 * request. */
void es_respond(struct es_request *request, unsigned status, const char *content_type,
                struct es_buf *body);
void es_respond_json(struct es_request *request, unsigned status, struct es_buf *body);
void es_respond_empty(struct es_request *request, unsigned status); /* 204, 304 */
void es_respond_header(struct es_request *request, const char *name, const char *value);
unsigned es_response_status(const struct es_request *request);
const struct es_buf *es_response_body(const struct es_request *request);
const char *es_response_content_type(const struct es_request *request);
