#include "common/base/mem.h"
#include "common/db/internal.h"

#include <endian.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define BINARY 1
#define TEXT   0

/* Object identifiers from the server's catalogue (pg_type.dat); they never change. */
static const struct es_db_type types[] = {
    {'i', 20, 1016, 8},    {'n', 23, 1007, 4},   {'s', 21, 1005, 2},   {'b', 16, 1000, 1},
    {'t', 25, 1009, 0},    {'x', 17, 1001, 0},   {'d', 1082, 1182, 4}, {'z', 1184, 1185, 8},
    {'u', 2950, 2951, 16}, {'j', 3802, 3807, 0},
};

/* PostgreSQL counts from 2000-01-01. */
#define EPOCH_DAYS INT32_C(10957)
#define EPOCH_US   (INT64_C(86400000000) * EPOCH_DAYS)

const struct es_db_type *es_dbi_type(char letter)
{
    for (size_t i = 0; i < ES_ARRAY_LEN(types); i++) {
        if (types[i].letter == letter) {
            return &types[i];
        }
    }
    return NULL;
}

/* One parameter of SPEC into PARAM; what follows it, or NULL when it is malformed. A pointer is
 * nullable by itself, so '?' goes with numbers only. */
static const char *read_param(const char *spec, struct es_db_param *param)
{
    param->is_nullable = spec[0] == '?';
    spec += param->is_nullable;
    param->is_array = spec[0] >= 'A' && spec[0] <= 'Z';
    param->type = es_dbi_type((char)(spec[0] | 0x20));
    if (param->type == NULL) {
        return NULL;
    }
    bool is_pointer = param->is_array || param->type->width == 0 || param->type->letter == 'u';
    return param->is_nullable && is_pointer ? NULL : spec + 1;
}

bool es_dbi_read_params(const struct es_db_statement *statement, struct es_db_entry *entry)
{
    struct es_db_param params[ES_DB_MAX_PARAMS];
    size_t count = 0;
    for (const char *spec = statement->params; *spec != '\0'; count++) {
        if (count == ES_DB_MAX_PARAMS) {
            return false;
        }
        spec = read_param(spec, &params[count]);
        if (spec == NULL) {
            return false;
        }
    }
    entry->statement = statement;
    entry->param_count = count;
    entry->params = es_calloc(count, sizeof(*entry->params));
    entry->oids = es_calloc(count, sizeof(*entry->oids));
    for (size_t i = 0; i < count; i++) {
        entry->params[i] = params[i];
        entry->oids[i] = params[i].is_array ? params[i].type->array_oid : params[i].type->oid;
    }
    return true;
}

int32_t es_dbi_date_to_wire(int32_t days)
{
    int32_t wire = 0;
    if (days == INT32_MAX || __builtin_sub_overflow(days, EPOCH_DAYS, &wire)) {
        return days == INT32_MAX ? INT32_MAX : INT32_MIN;
    }
    return wire;
}

int32_t es_dbi_date_from_wire(int32_t wire)
{
    int32_t days = 0;
    if (wire == INT32_MIN || __builtin_add_overflow(wire, EPOCH_DAYS, &days)) {
        return wire == INT32_MIN ? INT32_MIN : INT32_MAX;
    }
    return days;
}

int64_t es_dbi_time_to_wire(int64_t at_us)
{
    int64_t wire = 0;
    if (at_us == INT64_MAX || __builtin_sub_overflow(at_us, EPOCH_US, &wire)) {
        return at_us == INT64_MAX ? INT64_MAX : INT64_MIN;
    }
    return wire;
}

int64_t es_dbi_time_from_wire(int64_t wire)
{
    int64_t at_us = 0;
    if (wire == INT64_MIN || __builtin_add_overflow(wire, EPOCH_US, &at_us)) {
        return wire == INT64_MIN ? INT64_MIN : INT64_MAX;
    }
    return at_us;
}

/* --- encoding ------------------------------------------------------------------------------ */
static void begin_encoded(struct es_db *db, struct es_db_values *values, size_t i)
{
    values->offsets[i] = db->encoded.length;
    values->encoded[i] = true;
    values->formats[i] = BINARY;
}

static void end_encoded(struct es_db *db, struct es_db_values *values, size_t i)
{
    values->lengths[i] = (int)(db->encoded.length - values->offsets[i]);
}

static void add_number(struct es_buf *out, const struct es_db_type *type, int64_t value)
{
    uint64_t be = htobe64((uint64_t)value);
    es_buf_add(out, (const char *)&be + sizeof(be) - type->width, type->width);
}

/* The value of a number's letter, as it is sent. */
static int64_t take_number(char letter, va_list *args)
{
    switch (letter) {
    case 'i':
        return va_arg(*args, int64_t);
    case 'z':
        return es_dbi_time_to_wire(va_arg(*args, int64_t));
    case 'd':
        return es_dbi_date_to_wire(va_arg(*args, int32_t));
    default: /* n, s and b are passed as int */
        return va_arg(*args, int);
    }
}

static bool set_bytes(struct es_db_values *values, size_t i, const void *bytes, size_t length,
                      int format)
{
    if (length > ES_DB_MAX_VALUE) {
        return false;
    }
    values->values[i] = bytes; /* NULL: SQL NULL */
    values->lengths[i] = (int)length;
    values->formats[i] = format;
    return true;
}

static bool encode_scalar(struct es_db *db, const struct es_db_param *param, va_list *args,
                          struct es_db_values *values, size_t i)
{
    const char *text = NULL;
    const void *bytes = NULL;
    size_t length = 0;
    switch (param->type->letter) {
    case 't':
    case 'j':
        text = va_arg(*args, const char *);
        return set_bytes(values, i, text, text != NULL ? strlen(text) : 0, TEXT);
    case 'x':
        bytes = va_arg(*args, const void *);
        length = va_arg(*args, size_t);
        return set_bytes(values, i, bytes, length, BINARY);
    case 'u':
        bytes = va_arg(*args, const void *);
        return set_bytes(values, i, bytes, param->type->width, BINARY);
    default:
        begin_encoded(db, values, i);
        add_number(&db->encoded, param->type, take_number(param->type->letter, args));
        end_encoded(db, values, i);
        return true;
    }
}

static bool encode_array(struct es_db *db, const struct es_db_param *param, va_list *args,
                         struct es_db_values *values, size_t i)
{
    const struct es_db_array *array = va_arg(*args, const struct es_db_array *);
    if (array == NULL) {
        return set_bytes(values, i, NULL, 0, BINARY);
    }
    begin_encoded(db, values, i);
    bool fits = es_dbi_encode_array(&db->encoded, param->type, array);
    end_encoded(db, values, i);
    return fits;
}

static bool encode_param(struct es_db *db, const struct es_db_param *param, va_list *args,
                         struct es_db_values *values, size_t i)
{
    if (param->is_array) {
        return encode_array(db, param, args, values, i);
    }
    bool is_null = param->is_nullable && va_arg(*args, int);
    bool fits = encode_scalar(db, param, args, values, i);
    if (is_null) {
        values->encoded[i] = false;
        values->values[i] = NULL;
    }
    return fits;
}

bool es_dbi_encode(struct es_db *db, const struct es_db_entry *entry, va_list *args,
                   struct es_db_values *values)
{
    es_buf_clear(&db->encoded);
    for (size_t i = 0; i < entry->param_count; i++) {
        values->encoded[i] = false;
        if (!encode_param(db, &entry->params[i], args, values, i)) {
            return false;
        }
    }
    for (size_t i = 0; i < entry->param_count; i++) {
        if (values->encoded[i]) {
            values->values[i] = (const char *)db->encoded.data + values->offsets[i];
        }
    }
    return true;
}
