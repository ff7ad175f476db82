#include "common/base/buf.h"

#include "common/base/mem.h"
#include "common/base/text.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 128

void es_buf_done(struct es_buf *buf)
{
    free(buf->data);
    *buf = ES_BUF_INIT;
}

void es_buf_clear(struct es_buf *buf)
{
    buf->length = 0;
    if (buf->data != NULL) {
        buf->data[0] = '\0';
    }
}

void *es_buf_reserve(struct es_buf *buf, size_t extra)
{
    size_t needed = buf->length + extra + 1;
    if (needed <= extra) { /* wrapped: a caller's length was not bounded */
        abort();
    }
    if (needed > buf->capacity) {
        size_t capacity = buf->capacity ? buf->capacity : FIRST_CAPACITY;
        while (capacity < needed) {
            capacity *= 2;
        }
        buf->data = es_reallocarray(buf->data, capacity, 1);
        buf->capacity = capacity;
    }
    return buf->data + buf->length;
}

static void grow_by(struct es_buf *buf, size_t length)
{
    buf->length += length;
    buf->data[buf->length] = '\0';
}

void es_buf_add(struct es_buf *buf, const void *bytes, size_t length)
{
    void *at = es_buf_reserve(buf, length);
    if (length > 0) {
        memcpy(at, bytes, length);
    }
    grow_by(buf, length);
}

void es_buf_add_str(struct es_buf *buf, const char *text)
{
    es_buf_add(buf, text, strlen(text));
}

void es_buf_add_byte(struct es_buf *buf, unsigned char byte)
{
    es_buf_add(buf, &byte, 1);
}

void es_buf_add_zeros(struct es_buf *buf, size_t count)
{
    memset(es_buf_reserve(buf, count), 0, count);
    grow_by(buf, count);
}

void es_buf_add_le32(struct es_buf *buf, uint32_t value)
{
    unsigned char bytes[4];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)(value >> (8 * i));
    }
    es_buf_add(buf, bytes, sizeof(bytes));
}

void es_buf_add_le64(struct es_buf *buf, uint64_t value)
{
    es_buf_add_le32(buf, (uint32_t)value);
    es_buf_add_le32(buf, (uint32_t)(value >> 32));
}

void es_buf_add_be64(struct es_buf *buf, uint64_t value)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (unsigned char)(value >> (8 * (sizeof(bytes) - 1 - i)));
    }
    es_buf_add(buf, bytes, sizeof(bytes));
}

void es_buf_add_i64(struct es_buf *buf, int64_t value)
{
    char text[ES_I64_TEXT_SIZE];
    es_buf_add(buf, text, es_format_i64(value, text));
}

void es_buf_add_hex(struct es_buf *buf, const void *bytes, size_t length)
{
    char *at = es_buf_reserve(buf, 2 * length);
    sodium_bin2hex(at, 2 * length + 1, bytes, length);
    grow_by(buf, 2 * length);
}

static void add_base64(struct es_buf *buf, const void *bytes, size_t length, int variant)
{
    size_t size = sodium_base64_encoded_len(length, variant); /* counts the NUL */
    char *at = es_buf_reserve(buf, size);
    sodium_bin2base64(at, size, bytes, length, variant);
    grow_by(buf, strlen(at));
}

void es_buf_add_base64(struct es_buf *buf, const void *bytes, size_t length)
{
    add_base64(buf, bytes, length, sodium_base64_VARIANT_ORIGINAL);
}

void es_buf_add_base64url(struct es_buf *buf, const void *bytes, size_t length)
{
    add_base64(buf, bytes, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void es_buf_printf(struct es_buf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0) { /* only a broken format string can do this */
        abort();
    }
    char *at = es_buf_reserve(buf, (size_t)length);
    va_start(args, format);
    (void)vsnprintf(at, (size_t)length + 1, format, args);
    va_end(args);
    grow_by(buf, (size_t)length);
}

const char *es_buf_str(const struct es_buf *buf)
{
    return buf->data != NULL ? (const char *)buf->data : "";
}

char *es_buf_steal_str(struct es_buf *buf)
{
    char *text = buf->data != NULL ? (char *)buf->data : es_strdup("");
    *buf = ES_BUF_INIT;
    return text;
}
