/*
 * From a method and a path to a route: the table of server.h, compiled once and read only after.
 *
 * Routes of one path template make one resource, which knows its Allow header. A template without
 * parameters wins over one with them; among those the first in the table does. Literal segments
 * are compared after decoding; a parameter is one whole, non-empty segment.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

#define ES_ROUTE_MAX_SEGMENTS 8

struct es_route;
struct es_router;

/* The methods a route may have. HEAD and OPTIONS are answered by the server itself. */
enum es_method {
    ES_METHOD_GET,
    ES_METHOD_POST,
    ES_METHOD_PUT,
    ES_METHOD_PATCH,
    ES_METHOD_DELETE,
    ES_METHOD_COUNT,
    ES_METHOD_HEAD = ES_METHOD_COUNT,
    ES_METHOD_OPTIONS,
    ES_METHOD_UNROUTED, /* CONNECT, TRACE: known, never served */
    ES_METHOD_UNKNOWN,
};

/* Case matters (RFC 9110 section 9.1). */
enum es_method es_method_parse(const char *text);

/* NULL, with a line in ERROR, when a template is malformed, a method unknown, or a method and
 * template occur twice. ROUTES must outlive the result. */
struct es_router *es_router_new(const struct es_route *routes, size_t count,
                                struct es_buf *error) ES_MUST_CHECK;
struct es_router *es_router_free(struct es_router *router);

/* Decoded values of a match, in the order of the template's parameters. */
struct es_params {
    const char *const *names;
    const char *values[ES_ROUTE_MAX_SEGMENTS];
    size_t count;
};

enum es_match_result { ES_MATCH_FOUND, ES_MATCH_NO_PATH, ES_MATCH_NO_METHOD };

struct es_match {
    const struct es_route *route; /* for ES_MATCH_FOUND */
    const char *allow;            /* unless ES_MATCH_NO_PATH: "GET, HEAD, OPTIONS" */
    struct es_params params;
};

/* PATH as es_target_parse() gave it. HEAD finds the route of GET; OPTIONS finds none. */
enum es_match_result es_router_match(const struct es_router *router, struct es_arena *arena,
                                     enum es_method method, const char *path,
                                     struct es_match *ret_match);
