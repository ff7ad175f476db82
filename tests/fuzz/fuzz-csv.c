/*
 * Fuzz target: a CSV file read record by record. However the bytes arrive the records are the same,
 * lines count upward, and fields are UTF-8 texts.
 */
#include "common/base/buf.h"
#include "common/base/text.h"
#include "deploy/ctl/csv.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct input {
    const uint8_t *next;
    size_t left;
    size_t step;
};

static ssize_t read_input(void *context, void *buffer, size_t size)
{
    struct input *input = context;
    size_t part = input->left < input->step ? input->left : input->step;
    part = part < size ? part : size;
    memcpy(buffer, input->next, part);
    input->next += part;
    input->left -= part;
    return (ssize_t)part;
}

static void add_fields(const struct es_csv_record *record, struct es_buf *out)
{
    if (record->problem != NULL) {
        es_buf_printf(out, "bad: %s\n", record->problem);
        return;
    }
    if (record->count == 0 || record->count > ES_CSV_FIELDS_MAX) {
        abort();
    }
    for (size_t i = 0; i < record->count; i++) {
        size_t length = strlen(record->fields[i]);
        if (length > ES_CSV_LINE_MAX || (length > 0 && !es_utf8_valid(record->fields[i], length))) {
            abort();
        }
        es_buf_printf(out, "[%s]", record->fields[i]);
    }
    es_buf_add_byte(out, '\n');
}

/* All records as one text. */
static void read_all(const uint8_t *data, size_t size, size_t step, struct es_buf *out)
{
    struct input input = {.next = data, .left = size, .step = step};
    ES_CLEANUP(es_csv_free_p) struct es_csv *csv = es_csv_new(read_input, &input);
    struct es_csv_record record;
    uint64_t line = 0;
    enum es_csv_result result;
    while ((result = es_csv_next(csv, &record)) != ES_CSV_END) {
        if (result == ES_CSV_UNREADABLE || record.line <= line) {
            abort();
        }
        line = record.line;
        es_buf_printf(out, "%llu ", (unsigned long long)line);
        add_fields(&record, out);
    }
    if (es_csv_position(csv) != size) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ES_CLEANUP(es_buf_done) struct es_buf at_once = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf in_parts = ES_BUF_INIT;
    read_all(data, size, size > 0 ? size : 1, &at_once);
    read_all(data, size, size > 0 ? 1 + data[0] % 7 : 1, &in_parts);
    if (strcmp(es_buf_str(&at_once), es_buf_str(&in_parts)) != 0) {
        abort();
    }
    return 0;
}
