/*
 * How a request's body is framed, and every framing that must be refused (RFC 9112; what
 * libmicrohttpd 0.9.75 lets pass). A refused framing cannot be trusted to end where it seems to,
 * so the connection is closed with the answer.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/http/headers.h"
#include "common/http/problem.h"

#include <stdbool.h>
#include <stdint.h>

struct es_refusal {
    enum es_problem problem;
    const char *detail;
};

struct es_framing {
    bool chunked;
    uint64_t length; /* Content-Length; 0 when chunked or not given */
    bool awaits_continue;
};

/* Check METHOD, VERSION ("HTTP/1.1") and indexed HEADERS. NULL and *RET_FRAMING when all is well;
 * otherwise why not (a static object). */
const struct es_refusal *es_framing_check(const char *method, const char *version,
                                          const struct es_headers *headers,
                                          struct es_framing *ret_framing) ES_MUST_CHECK;
