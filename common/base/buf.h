/*
 * Growable byte buffer: the one way to build text or binary data of unknown length.
 *
 * The content is always followed by a NUL that does not count, so buf->data can be used as a
 * C string when it holds text. Integers are written in the byte order named by the function.
 */
#pragma once

#include "common/base/compiler.h"

#include <stddef.h>
#include <stdint.h>

struct es_buf {
    unsigned char *data; /* owned; NULL while nothing was written */
    size_t length;
    size_t capacity;
};

#define ES_BUF_INIT ((struct es_buf){0})

/* Release the content and make BUF empty. */
void es_buf_done(struct es_buf *buf);

/* Empty BUF, keeping its memory. */
void es_buf_clear(struct es_buf *buf);

/* Make room for EXTRA more bytes and return where they go; length is not changed. */
void *es_buf_reserve(struct es_buf *buf, size_t extra) ES_MUST_CHECK;

void es_buf_add(struct es_buf *buf, const void *bytes, size_t length);
void es_buf_add_str(struct es_buf *buf, const char *text);
void es_buf_add_byte(struct es_buf *buf, unsigned char byte);
void es_buf_add_zeros(struct es_buf *buf, size_t count);
void es_buf_add_le32(struct es_buf *buf, uint32_t value);
void es_buf_add_le64(struct es_buf *buf, uint64_t value);
void es_buf_add_be64(struct es_buf *buf, uint64_t value);
void es_buf_add_i64(struct es_buf *buf, int64_t value); /* decimal */
void es_buf_add_hex(struct es_buf *buf, const void *bytes, size_t length);
void es_buf_add_base64(struct es_buf *buf, const void *bytes, size_t length);    /* padded */
void es_buf_add_base64url(struct es_buf *buf, const void *bytes, size_t length); /* no padding */
void es_buf_printf(struct es_buf *buf, const char *format, ...) ES_PRINTF(2, 3);

/* The content as a C string ("" while empty); valid until the next change. */
const char *es_buf_str(const struct es_buf *buf);

/* Move the content out as a heap string; BUF is empty after. Release with free(). */
char *es_buf_steal_str(struct es_buf *buf) ES_MUST_CHECK;
