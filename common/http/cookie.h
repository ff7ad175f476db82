/* The Cookie request header (RFC 6265 section 4.2). */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"

/* The value of cookie NAME in HEADER (NULL: no header), copied into ARENA. NULL when it is absent,
 * and also when it occurs more than once: which one counts would depend on who planted it. */
const char *es_cookie_find(struct es_arena *arena, const char *header,
                           const char *name) ES_MUST_CHECK;
