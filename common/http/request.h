/*
 * What a request is made of. Private to common/http; handlers see server.h.
 *
 * A request is owned by its event loop's thread until it is suspended, then by exactly one other
 * thread until es_request_resume() or _resume_to(), then by the loop again; the memory is the
 * loop's and is used again for later requests. Everything taken from its arena lives until the
 * answer was sent.
 */
#pragma once

#include "common/answer/request-id.h"
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/http/framing.h"
#include "common/http/headers.h"
#include "common/http/router.h"
#include "common/http/server.h"
#include "common/http/target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct MHD_Connection;
struct MHD_Response;
struct es_connection;
struct es_loop;

/* Where a request is on its way through libmicrohttpd's callbacks. */
enum es_stage {
    ES_STAGE_HEADERS, /* the request line was read */
    ES_STAGE_BODY,    /* the headers were; the body is arriving */
    ES_STAGE_AWAY,    /* suspended */
    ES_STAGE_ANSWERED,
};

struct es_answer_header {
    struct es_answer_header *next;
    const char *name;
    const char *value;
};

struct es_answer {
    unsigned status; /* 0: none yet */
    const char *content_type;
    struct es_buf body;
    struct es_answer_header *headers;
    bool close; /* the connection ends with this answer */
};

struct es_request {
    struct es_loop *loop;
    struct es_request *next; /* in the loop's lists, or the executor's queue */
    struct es_arena *arena;
    struct MHD_Connection *mhd;
    struct es_connection *connection;
    enum es_stage stage;

    /* as it arrived */
    const char *raw_target;
    size_t raw_target_length;
    const char *method;
    enum es_method method_id;
    struct es_target target;
    struct es_headers headers;
    struct es_framing framing;
    const char *client;
    unsigned char id[ES_REQUEST_ID_BYTES];
    char id_text[ES_REQUEST_ID_TEXT_SIZE];
    int64_t received_us;
    int64_t received_mono_us;

    /* the body, followed by a NUL */
    unsigned char *body;
    size_t body_length;
    size_t body_capacity;
    size_t body_limit;
    size_t discarded; /* bytes that were read and dropped */

    /* what is to be done */
    const struct es_route *route;
    struct es_params params;
    const char *allow;         /* for 405 and OPTIONS */
    struct es_refusal refusal; /* decided before the body was in; detail may be NULL */
    bool refused;
    void *context;

    /* set when it is handed back without an answer */
    es_answerer *answerer;
    void *answerer_context;

    struct es_answer answer;
};

/* Forget the request; arena and loop stay. */
void es_request_clear(struct es_request *request);

/* The answer as libmicrohttpd wants it. CLOSE ends the connection with it. Never NULL. */
struct MHD_Response *es_answer_build(struct es_request *request, bool close) ES_MUST_CHECK;

/* Answer with REFUSAL or, for OPTIONS, with what is allowed. */
void es_request_answer_refusal(struct es_request *request);
