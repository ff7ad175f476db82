#include "common/base/wipe.h"

#include <sodium.h>

void es_wipe_reserve(struct es_buf *buf, size_t length)
{
    char *start = es_buf_reserve(buf, length);
    *start = '\0';
}

void es_wipe_buf(struct es_buf *buf)
{
    if (buf->data != NULL) {
        sodium_memzero(buf->data, buf->capacity);
    }
    es_buf_done(buf);
}
