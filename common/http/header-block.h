/*
 * Whether libmicrohttpd 0.9.75 has told us everything that stood in the header block.
 *
 * Its parser turns each line end into NULs in place and hands out C strings, so three things
 * vanish before any handler sees them: a NUL inside the target or a value cuts it short; a folded
 * line is glued to the *name* of its field ("Content: 5", " -Length" becomes "Content-Length: 5");
 * a line may end in a bare LF. All are ways to make us and a proxy see different requests
 * (RFC 9112 section 11.2). Here the block is walked once: every byte must belong to a method,
 * target, version, name, value or CRLF that we know of.
 *
 * This leans on the memory layout of 0.9.75, which is what Debian 12 has; es_header_block_known()
 * tells whether the running library is that one. Later versions refuse these cases themselves.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/http/headers.h"

#include <stdbool.h>
#include <stddef.h>

struct es_header_block {
    const char *start;    /* the method, which begins the block */
    size_t size;          /* to the end of the empty line */
    const char *target;   /* inside the block; decoded in place meanwhile */
    size_t target_length; /* as it arrived */
    const char *version;  /* inside the block */
};

bool es_header_block_known(void) ES_MUST_CHECK;

/* HEADERS before es_headers_index(). */
bool es_header_block_intact(const struct es_header_block *block,
                            const struct es_headers *headers) ES_MUST_CHECK;
