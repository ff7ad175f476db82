/*
 * The header fields of one request, as they arrived, with quick access to those the server itself
 * acts on. Names and values point into libmicrohttpd's memory and live as long as the request.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

/* X(identifier, name, may occur only once) */
#define ES_KNOWN_HEADERS(X)                                                                        \
    X(AUTHORIZATION, "Authorization", true)                                                        \
    X(CONTENT_ENCODING, "Content-Encoding", true)                                                  \
    X(CONTENT_LENGTH, "Content-Length", true)                                                      \
    X(CONTENT_TYPE, "Content-Type", true)                                                          \
    X(COOKIE, "Cookie", true)                                                                      \
    X(EXPECT, "Expect", true)                                                                      \
    X(HOST, "Host", true)                                                                          \
    X(IDEMPOTENCY_KEY, "Idempotency-Key", true)                                                    \
    X(ORIGIN, "Origin", true)                                                                      \
    X(TRANSFER_ENCODING, "Transfer-Encoding", true)                                                \
    X(X_FORWARDED_FOR, "X-Forwarded-For", false)                                                   \
    X(X_REQUEST_ID, "X-Request-Id", true)

enum es_known_header {
#define X(identifier, name, once) ES_HEADER_##identifier,
    ES_KNOWN_HEADERS(X)
#undef X
        ES_HEADER_KNOWN_COUNT,
};

struct es_header {
    const char *name;
    const char *value; /* leading blanks are gone, trailing ones until es_headers_index() */
    size_t name_length;
    size_t value_length;
};

struct es_headers {
    struct es_header *items;
    size_t count;
    const char *known[ES_HEADER_KNOWN_COUNT]; /* the last one's value, or NULL */
    bool repeated;                            /* one that may occur only once occurred again */
};

/* Cut blanks after values (copies into ARENA where there are any) and fill KNOWN and REPEATED. */
void es_headers_index(struct es_headers *headers, struct es_arena *arena);

/* The value of the first field called NAME, or NULL. */
const char *es_headers_find(const struct es_headers *headers, const char *name) ES_MUST_CHECK;

/* Whether any Accept field names text/html: a browser asks for a page. */
bool es_headers_accept_page(const struct es_headers *headers) ES_MUST_CHECK;
