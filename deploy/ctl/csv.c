#include "deploy/ctl/csv.h"

#include "common/base/mem.h"
#include "common/base/text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE 65536

static const char byte_order_mark[] = "\xEF\xBB\xBF";
static const char separators[] = ",;\t";

struct es_csv {
    es_csv_read_fn *read;
    void *context;
    char chunk[CHUNK_SIZE];
    size_t next; /* in chunk */
    size_t filled;
    bool ended;
    char line[ES_CSV_LINE_MAX + 1];
    uint64_t number; /* of the line */
    uint64_t position;
    char separator; /* '\0': no line with content was seen yet */
};

struct es_csv *es_csv_new(es_csv_read_fn *read, void *context)
{
    struct es_csv *csv = ES_NEW(struct es_csv);
    csv->read = read;
    csv->context = context;
    return csv;
}

struct es_csv *es_csv_free(struct es_csv *csv)
{
    free(csv);
    return NULL;
}

void es_csv_free_p(struct es_csv **csv)
{
    *csv = es_csv_free(*csv);
}

uint64_t es_csv_position(const struct es_csv *csv)
{
    return csv->position;
}

/* --- lines --------------------------------------------------------------------------------- */
/* Have at least one byte in the chunk, unless the input has ended. */
static bool fill(struct es_csv *csv)
{
    while (csv->next == csv->filled && !csv->ended) {
        ssize_t got = csv->read(csv->context, csv->chunk, sizeof(csv->chunk));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return false;
        }
        csv->ended = got == 0;
        csv->next = 0;
        csv->filled = (size_t)got;
    }
    return true;
}

/* Take what the chunk has of the line; true when its end is among it. *LENGTH grows past
 * ES_CSV_LINE_MAX for a line that is too long, of which only the start is kept. */
static bool take_part(struct es_csv *csv, size_t *length)
{
    const char *start = csv->chunk + csv->next;
    size_t left = csv->filled - csv->next;
    const char *end = memchr(start, '\n', left);
    size_t part = end != NULL ? (size_t)(end - start) : left;
    if (*length < ES_CSV_LINE_MAX) {
        size_t room = ES_CSV_LINE_MAX - *length;
        memcpy(csv->line + *length, start, part < room ? part : room);
    }
    *length += part;
    size_t taken = part + (end != NULL);
    csv->next += taken;
    csv->position += taken;
    return end != NULL;
}

/* The next line without its end, into csv->line. */
static enum es_csv_result read_line(struct es_csv *csv, size_t *ret_length)
{
    size_t length = 0;
    bool any = false;
    for (bool whole = false; !whole;) {
        if (!fill(csv)) {
            return ES_CSV_UNREADABLE;
        }
        if (csv->ended) {
            break;
        }
        any = true;
        whole = take_part(csv, &length);
    }
    if (!any) {
        return ES_CSV_END;
    }
    csv->number++;
    *ret_length = length;
    return length <= ES_CSV_LINE_MAX ? ES_CSV_RECORD : ES_CSV_BAD;
}

/* --- fields -------------------------------------------------------------------------------- */
/* Read the quoted field that begins after AT, in place; where it goes on after the closing quote,
 * or NULL when there is none. */
static char *unquote(char *at)
{
    char *to = at;
    for (char *from = at; *from != '\0'; from++) {
        if (*from == '"' && from[1] != '"') {
            char *rest = from + 1;
            *to = '\0';
            return rest;
        }
        from += *from == '"';
        *to++ = *from;
    }
    return NULL;
}

static const char *split(char *at, char separator, struct es_csv_record *record)
{
    for (;;) {
        if (record->count == ES_CSV_FIELDS_MAX) {
            return "too many fields";
        }
        bool quoted = *at == '"';
        record->fields[record->count++] = at + quoted;
        char *end = quoted ? unquote(at + 1) : at + strcspn(at, (char[]){separator, '"', '\0'});
        if (end == NULL) {
            return "a quoted field does not end on its line";
        }
        if (*end != '\0' && *end != separator) {
            return quoted ? "text after a closing quote" : "a quote inside a field without quotes";
        }
        bool last = *end == '\0';
        *end = '\0';
        if (last) {
            return NULL;
        }
        at = end + 1;
    }
}

static char find_separator(const char *line)
{
    for (const char *candidate = separators; *candidate != '\0'; candidate++) {
        if (strchr(line, *candidate) != NULL) {
            return *candidate;
        }
    }
    return separators[0];
}

/* The record of a line of LENGTH bytes at TEXT; NULL or what is wrong with it. */
static const char *read_fields(struct es_csv *csv, char *text, size_t length,
                               struct es_csv_record *record)
{
    if (!es_utf8_valid(text, length)) {
        return "not UTF-8 text";
    }
    if (csv->separator == '\0') {
        csv->separator = find_separator(text);
    }
    return split(text, csv->separator, record);
}

enum es_csv_result es_csv_next(struct es_csv *csv, struct es_csv_record *ret_record)
{
    size_t length = 0;
    size_t skip = 0;
    enum es_csv_result result = ES_CSV_RECORD;
    while (result == ES_CSV_RECORD && length == skip) {
        result = read_line(csv, &length);
        if (result == ES_CSV_RECORD && length > 0 && csv->line[length - 1] == '\r') {
            length--;
        }
        csv->line[length < ES_CSV_LINE_MAX ? length : ES_CSV_LINE_MAX] = '\0';
        bool marked = csv->number == 1 && es_starts_with(csv->line, byte_order_mark);
        skip = marked ? sizeof(byte_order_mark) - 1 : 0;
    }
    if (result == ES_CSV_END || result == ES_CSV_UNREADABLE) {
        return result;
    }
    struct es_csv_record record = {.line = csv->number};
    record.problem = result == ES_CSV_BAD
                         ? "the line is too long"
                         : read_fields(csv, csv->line + skip, length - skip, &record);
    *ret_record = record;
    return record.problem == NULL ? ES_CSV_RECORD : ES_CSV_BAD;
}
