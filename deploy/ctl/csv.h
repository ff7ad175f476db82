/*
 * CSV as spreadsheets write it, read record by record in constant memory.
 *
 * A record is a line (LF or CRLF); fields are separated by the separator of the first line: ',' or,
 * where that line has no ',', ';' or a tab. A field may be quoted ("" inside is one quote); a line
 * end inside quotes is refused, so that one bad quote costs one line and not the rest of the file.
 * A UTF-8 byte order mark at the start and empty lines are passed over. What is no UTF-8 or holds a
 * NUL is refused, line by line.
 */
#pragma once

#include "common/base/compiler.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ES_CSV_FIELDS_MAX 16
#define ES_CSV_LINE_MAX   4096 /* bytes without the line end */

/* As read(2): bytes read, 0 at the end, -1 with errno set. */
typedef ssize_t es_csv_read_fn(void *context, void *buffer, size_t size);

struct es_csv_record {
    uint64_t line; /* from 1 */
    size_t count;  /* fields, at least 1 */
    const char *fields[ES_CSV_FIELDS_MAX];
    const char *problem; /* ES_CSV_BAD: what is wrong with the line; never its content */
};

enum es_csv_result {
    ES_CSV_RECORD,
    ES_CSV_BAD, /* this line is no record; the next call goes on after it */
    ES_CSV_END,
    ES_CSV_UNREADABLE, /* reading failed: see errno */
};

struct es_csv;
struct es_csv *es_csv_new(es_csv_read_fn *read, void *context) ES_MUST_CHECK;
struct es_csv *es_csv_free(struct es_csv *csv);
void es_csv_free_p(struct es_csv **csv);

/* The next record; its fields live until the next call. */
enum es_csv_result es_csv_next(struct es_csv *csv, struct es_csv_record *ret_record) ES_MUST_CHECK;

/* Bytes of the input that have been taken so far. */
uint64_t es_csv_position(const struct es_csv *csv);
