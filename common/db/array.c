/* Array parameters: one pass over the items, straight into the buffer that is sent. */
#include "common/db/internal.h"

#include <endian.h>
#include <string.h>

#define HEADER_SIZE 20 /* dimensions, flags, element type, size, lower bound */
#define NULL_LENGTH UINT32_MAX

/* LENGTH bytes were written behind the content of OUT. */
static void advance(struct es_buf *out, size_t length)
{
    out->length += length;
    out->data[out->length] = '\0';
}

static unsigned char *put_be32(unsigned char *at, uint32_t value)
{
    uint32_t be = htobe32(value);
    memcpy(at, &be, sizeof(be));
    return at + sizeof(be);
}

static void add_header(struct es_buf *out, const struct es_db_type *type,
                       const struct es_db_array *array)
{
    unsigned char *at = es_buf_reserve(out, HEADER_SIZE);
    unsigned char *start = at;
    at = put_be32(at, array->count > 0);
    at = put_be32(at, array->nulls != NULL);
    at = put_be32(at, type->oid);
    if (array->count > 0) {
        at = put_be32(at, (uint32_t)array->count);
        at = put_be32(at, 1);
    }
    advance(out, (size_t)(at - start));
}

static bool is_null(const struct es_db_array *array, size_t i)
{
    return array->nulls != NULL && array->nulls[i];
}

/* Item I of a fixed-size type, as it is sent. */
static void put_fixed(unsigned char *at, const struct es_db_type *type, const void *items, size_t i)
{
    uint16_t be16 = 0;
    uint32_t be32 = 0;
    uint64_t be64 = 0;
    switch (type->letter) {
    case 'i':
        be64 = htobe64((uint64_t)((const int64_t *)items)[i]);
        memcpy(at, &be64, sizeof(be64));
        return;
    case 'z':
        be64 = htobe64((uint64_t)es_dbi_time_to_wire(((const int64_t *)items)[i]));
        memcpy(at, &be64, sizeof(be64));
        return;
    case 'n':
        be32 = htobe32((uint32_t)((const int32_t *)items)[i]);
        memcpy(at, &be32, sizeof(be32));
        return;
    case 'd':
        be32 = htobe32((uint32_t)es_dbi_date_to_wire(((const int32_t *)items)[i]));
        memcpy(at, &be32, sizeof(be32));
        return;
    case 's':
        be16 = htobe16((uint16_t)((const int16_t *)items)[i]);
        memcpy(at, &be16, sizeof(be16));
        return;
    case 'b':
        *at = ((const bool *)items)[i];
        return;
    default: /* u */
        memcpy(at, (const unsigned char *)items + i * type->width, type->width);
        return;
    }
}

static void add_fixed_items(struct es_buf *out, const struct es_db_type *type,
                            const struct es_db_array *array)
{
    unsigned char *at = es_buf_reserve(out, array->count * (sizeof(uint32_t) + type->width));
    unsigned char *start = at;
    for (size_t i = 0; i < array->count; i++) {
        if (is_null(array, i)) {
            at = put_be32(at, NULL_LENGTH);
            continue;
        }
        at = put_be32(at, (uint32_t)type->width);
        put_fixed(at, type, array->items, i);
        at += type->width;
    }
    advance(out, (size_t)(at - start));
}

/* The bytes of item I of a variable-size type. */
static struct es_db_bytes variable_item(char letter, const void *items, size_t i)
{
    if (letter == 'x') {
        return ((const struct es_db_bytes *)items)[i];
    }
    const char *text = ((const char *const *)items)[i];
    return (struct es_db_bytes){text, text != NULL ? strlen(text) : 0};
}

/* jsonb is sent as a version byte and the text. */
#define JSONB_VERSION 1

static bool add_variable_items(struct es_buf *out, const struct es_db_type *type,
                               const struct es_db_array *array)
{
    size_t prefix = type->letter == 'j';
    size_t start = out->length;
    for (size_t i = 0; i < array->count; i++) {
        struct es_db_bytes item = variable_item(type->letter, array->items, i);
        if (is_null(array, i)) {
            item.bytes = NULL;
        }
        size_t size = item.bytes != NULL ? prefix + item.length : 0;
        if (size > ES_DB_MAX_VALUE || out->length - start > ES_DB_MAX_VALUE - size) {
            return false;
        }
        unsigned char *at = es_buf_reserve(out, sizeof(uint32_t) + size);
        at = put_be32(at, item.bytes != NULL ? (uint32_t)size : NULL_LENGTH);
        if (size > 0) {
            memset(at, JSONB_VERSION, prefix);
            memcpy(at + prefix, item.bytes, item.length);
        }
        advance(out, sizeof(uint32_t) + size);
    }
    return true;
}

bool es_dbi_encode_array(struct es_buf *out, const struct es_db_type *type,
                         const struct es_db_array *array)
{
    if (array->count > ES_DB_MAX_VALUE / (sizeof(uint32_t) + type->width)) {
        return false;
    }
    add_header(out, type, array);
    if (type->width > 0) {
        add_fixed_items(out, type, array);
        return true;
    }
    return add_variable_items(out, type, array);
}
