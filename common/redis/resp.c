#include "common/redis/internal.h"

#include <string.h>

size_t es_digits(int64_t value, char ret_digits[ES_DIGITS_SIZE])
{
    char reversed[ES_DIGITS_SIZE];
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    size_t count = 0;
    size_t length = 0;
    do {
        reversed[count++] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (value < 0) {
        ret_digits[length++] = '-';
    }
    while (count > 0) {
        ret_digits[length++] = reversed[--count];
    }
    ret_digits[length] = '\0';
    return length;
}

static void add_line(struct es_buf *out, char type, size_t number)
{
    char line[ES_DIGITS_SIZE + 3];
    line[0] = type;
    size_t length = 1 + es_digits((int64_t)number, line + 1);
    line[length++] = '\r';
    line[length++] = '\n';
    es_buf_add(out, line, length);
}

void es_resp_begin(struct es_buf *out, size_t argc)
{
    add_line(out, '*', argc);
}

void es_resp_arg(struct es_buf *out, const void *bytes, size_t length)
{
    add_line(out, '$', length);
    es_buf_add(out, bytes, length);
    es_buf_add(out, "\r\n", 2);
}

void es_resp_arg_text(struct es_buf *out, const char *text)
{
    es_resp_arg(out, text, strlen(text));
}

void es_resp_arg_int(struct es_buf *out, int64_t value)
{
    char digits[ES_DIGITS_SIZE];
    es_resp_arg(out, digits, es_digits(value, digits));
}
