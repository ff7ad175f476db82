/*
 * The request target (RFC 9112 section 3.2): split into path and query, nothing decoded.
 *
 * Taken as the client sent it: libmicrohttpd's own decoding would lose the difference between
 * "/a%2Fb" and "/a/b" and cut at an encoded NUL.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

struct es_target {
    const char *path;  /* begins with '/', or is "*" (OPTIONS) */
    const char *query; /* without the '?'; NULL when there is none */
};

/* Split TARGET, in origin form ("/a?b"), absolute form ("http://host/a?b") or "*", into copies in
 * ARENA. False when it is none of these, has a character that may not stand in a URI, or an escape
 * in the path that is cut short or stands for a control character. */
bool es_target_parse(struct es_arena *arena, const char *target,
                     struct es_target *ret_target) ES_MUST_CHECK;
