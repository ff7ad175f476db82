#include "common/db/internal.h"
#include "common/observe/log.h"

#include <endian.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Object identifiers of result types that are no parameter types (pg_type.dat). */
enum { OID_NAME = 19, OID_JSON = 114, OID_BPCHAR = 1042 };
enum { OID_BOOL = 16, OID_BYTEA = 17, OID_INT8 = 20, OID_INT2 = 21, OID_INT4 = 23, OID_TEXT = 25 };
enum { OID_VARCHAR = 1043, OID_DATE = 1082, OID_TIMESTAMPTZ = 1184, OID_UUID = 2950 };

#define MAX_OIDS 5

/* What a bytea that cannot be read yields: callers copy keys and hashes of known size. */
#define LARGEST_FIXED_SIZE 128
static const unsigned char zeros[LARGEST_FIXED_SIZE];

/* Which column types a reader takes; ended by 0. */
static const struct {
    char letter;
    Oid oids[MAX_OIDS];
} readable[] = {
    {'i', {OID_INT8, OID_INT4, OID_INT2, 0}},
    {'n', {OID_INT8, OID_INT4, OID_INT2, 0}},
    {'s', {OID_INT8, OID_INT4, OID_INT2, 0}},
    {'b', {OID_BOOL, 0}},
    {'t', {OID_TEXT, OID_VARCHAR, OID_BPCHAR, OID_NAME, OID_JSON}},
    {'x', {OID_BYTEA, OID_UUID, 0}},
    {'u', {OID_UUID, 0}},
    {'d', {OID_DATE, 0}},
    {'z', {OID_TIMESTAMPTZ, 0}},
};

struct es_db_rows *es_db_rows_free(struct es_db_rows *rows)
{
    if (rows != NULL) {
        PQclear(rows->result);
        free(rows);
    }
    return NULL;
}

void es_db_rows_free_p(struct es_db_rows **rows)
{
    *rows = es_db_rows_free(*rows);
}

size_t es_db_row_count(const struct es_db_rows *rows)
{
    return (size_t)PQntuples(rows->result);
}

uint64_t es_db_affected(const struct es_db_rows *rows)
{
    return strtoull(PQcmdTuples(rows->result), NULL, 10); /* "" for statements that count nothing */
}

static void misuse(const struct es_db_rows *rows, const char *column, const char *what)
{
    ES_CLEANUP(es_buf_done) struct es_buf message = ES_BUF_INIT;
    es_buf_printf(&message, "statement %s: column %s: %s", rows->statement, column, what);
    bool logged = es_bug_on(true, es_buf_str(&message));
    (void)logged; /* the reader yields zero */
}

static bool is_readable(char letter, Oid oid)
{
    for (size_t i = 0; i < ES_ARRAY_LEN(readable); i++) {
        if (readable[i].letter != letter) {
            continue;
        }
        for (size_t k = 0; k < MAX_OIDS && readable[i].oids[k] != 0; k++) {
            if (readable[i].oids[k] == oid) {
                return true;
            }
        }
    }
    return false;
}

/* Not PQfnumber(): that folds case and allocates. -1 when there is none. */
static int find_column(const struct es_db_rows *rows, const char *column)
{
    int count = PQnfields(rows->result);
    for (int i = 0; i < count; i++) {
        if (strcmp(PQfname(rows->result, i), column) == 0) {
            return i;
        }
    }
    misuse(rows, column, "there is no such column");
    return -1;
}

int es_db_column(const struct es_db_rows *rows, const char *column, char type)
{
    int number = find_column(rows, column);
    if (number >= 0 && !is_readable(type, PQftype(rows->result, number))) {
        misuse(rows, column, "has another type");
        return -1;
    }
    return number;
}

static bool has_row(const struct es_db_rows *rows, size_t row, const char *column)
{
    if (row >= es_db_row_count(rows)) {
        misuse(rows, column, "there is no such row");
        return false;
    }
    return true;
}

/* The value's bytes in network order, or NULL when there is none to be had. */
static const char *value_at(const struct es_db_rows *rows, size_t row, int column)
{
    if (column < 0) {
        return NULL; /* es_db_column() has said so */
    }
    const char *name = PQfname(rows->result, column);
    if (!has_row(rows, row, name)) {
        return NULL;
    }
    if (PQgetisnull(rows->result, (int)row, column)) {
        misuse(rows, name, "is NULL");
        return NULL;
    }
    return PQgetvalue(rows->result, (int)row, column);
}

bool es_db_is_null(const struct es_db_rows *rows, size_t row, const char *column)
{
    int number = find_column(rows, column);
    return number < 0 || !has_row(rows, row, column) || PQgetisnull(rows->result, (int)row, number);
}

static uint64_t read_be(const char *bytes, int length)
{
    uint64_t value = 0;
    for (int i = 0; i < length; i++) {
        value = value << CHAR_BIT | (unsigned char)bytes[i];
    }
    return value;
}

static int64_t read_integer(const struct es_db_rows *rows, size_t row, int column,
                            const char *bytes)
{
    int length = PQgetlength(rows->result, (int)row, column);
    uint64_t value = read_be(bytes, length);
    switch (length) {
    case sizeof(int16_t):
        return (int16_t)value;
    case sizeof(int32_t):
        return (int32_t)value;
    default:
        return (int64_t)value;
    }
}

int64_t es_db_i64_at(const struct es_db_rows *rows, size_t row, int column)
{
    const char *bytes = value_at(rows, row, column);
    return bytes != NULL ? read_integer(rows, row, column, bytes) : 0;
}

int32_t es_db_date_at(const struct es_db_rows *rows, size_t row, int column)
{
    const char *bytes = value_at(rows, row, column);
    return bytes != NULL ? es_dbi_date_from_wire((int32_t)read_integer(rows, row, column, bytes))
                         : 0;
}

int64_t es_db_i64(const struct es_db_rows *rows, size_t row, const char *column)
{
    return es_db_i64_at(rows, row, es_db_column(rows, column, 'i'));
}

int32_t es_db_date(const struct es_db_rows *rows, size_t row, const char *column)
{
    return es_db_date_at(rows, row, es_db_column(rows, column, 'd'));
}

int64_t es_db_time_us(const struct es_db_rows *rows, size_t row, const char *column)
{
    int number = es_db_column(rows, column, 'z');
    const char *bytes = value_at(rows, row, number);
    return bytes != NULL ? es_dbi_time_from_wire(read_integer(rows, row, number, bytes)) : 0;
}

bool es_db_bool(const struct es_db_rows *rows, size_t row, const char *column)
{
    const char *bytes = value_at(rows, row, es_db_column(rows, column, 'b'));
    return bytes != NULL && bytes[0] != 0;
}

const char *es_db_text(const struct es_db_rows *rows, size_t row, const char *column)
{
    const char *bytes = value_at(rows, row, es_db_column(rows, column, 't'));
    return bytes != NULL ? bytes : ""; /* libpq ends every value with a NUL */
}

const void *es_db_bytea(const struct es_db_rows *rows, size_t row, const char *column,
                        size_t *ret_length)
{
    int number = es_db_column(rows, column, 'x');
    const char *bytes = value_at(rows, row, number);
    *ret_length = bytes != NULL ? (size_t)PQgetlength(rows->result, (int)row, number) : 0;
    return bytes != NULL ? (const void *)bytes : zeros;
}
