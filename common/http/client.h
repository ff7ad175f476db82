/*
 * HTTP client for the suite's few outbound calls (chain providers, mail provider), on libcurl.
 *
 * Every host must stand in the allowlist with its region (E7): anything else is refused before a
 * socket is opened. Redirects are not followed, only http and https are spoken (http only to
 * loopback), answers are bounded, each call has a connect and a total time-out. A circuit breaker
 * per host opens after repeated failures and lets one probe through when its pause is over.
 *
 * A client belongs to one thread.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum es_client_result {
    ES_CLIENT_ANSWERED,     /* an HTTP answer arrived whole: look at status */
    ES_CLIENT_REFUSED_HOST, /* not in the allowlist */
    ES_CLIENT_CIRCUIT_OPEN, /* not tried: the host failed repeatedly */
    ES_CLIENT_NOT_SENT,     /* certainly did not reach the server (resolve or connect failed) */
    ES_CLIENT_UNCLEAR,      /* sent, no whole answer: the server may or may not have acted */
    ES_CLIENT_TOO_LARGE,    /* the answer was longer than allowed; the server has acted */
};

struct es_client_config {
    const char *allowed_hosts; /* "api.example=EU,127.0.0.1=local": host=region, comma separated */
    int64_t connect_timeout_ms;
    int64_t total_timeout_ms;
    size_t max_answer;         /* bytes */
    unsigned failures_to_open; /* circuit breaker */
    int64_t open_ms;
    const char *user_agent;
};

struct es_client_request {
    const char *method; /* GET and HEAD carry no body */
    const char *url;
    const char *const *headers; /* "Name: value", NULL-terminated; or NULL */
    const void *body;
    size_t body_length;
    bool says_no_by_500; /* as JSON-RPC does: a 500 does not count as a failure of the host */
};

struct es_client_answer {
    long status;
    struct es_buf body;
    int64_t retry_after_s; /* -1: not said */
};

struct es_client;
/* NULL with a line in ERROR when allowed_hosts is malformed. */
struct es_client *es_client_new(const struct es_client_config *config,
                                struct es_buf *error) ES_MUST_CHECK;
struct es_client *es_client_free(struct es_client *client);

/* RET_ANSWER is filled for ES_CLIENT_ANSWERED only; release with es_client_answer_done(). */
enum es_client_result es_client_call(struct es_client *client,
                                     const struct es_client_request *request,
                                     struct es_client_answer *ret_answer) ES_MUST_CHECK;
void es_client_answer_done(struct es_client_answer *answer);
const char *es_client_result_name(enum es_client_result result);

/* Check an allowlist without making a client (for --check-config). */
bool es_client_hosts_valid(const char *allowed_hosts, struct es_buf *error) ES_MUST_CHECK;
bool es_client_host_allowed(const char *allowed_hosts, const char *url) ES_MUST_CHECK;
