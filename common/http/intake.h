/*
 * A request comes in: from its complete header to its complete body, on its event loop's thread.
 *
 * Whatever can be refused is refused as early as the answer can be trusted to arrive: a framing
 * that is wrong, and a body that will not be read, at once and with the end of the connection;
 * anything else after the body was read and dropped, so that the connection can be used again.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/http/request.h"

#include <stdbool.h>
#include <stddef.h>

struct es_http_server;
struct MHD_Connection;

enum es_intake {
    ES_INTAKE_GO_ON,
    ES_INTAKE_ANSWER, /* the answer is in the request: send it now, end the connection */
    ES_INTAKE_DROP,   /* end the connection; what could be said was said */
};

/* The header is complete. METHOD, TARGET and VERSION as libmicrohttpd passes them. */
enum es_intake es_intake_headers(struct es_request *request, struct es_http_server *server,
                                 const char *method, const char *target,
                                 const char *version) ES_MUST_CHECK;

/* SIZE more bytes of the body. */
enum es_intake es_intake_body(struct es_request *request, const void *bytes,
                              size_t size) ES_MUST_CHECK;
