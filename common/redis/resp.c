#include "common/base/text.h"
#include "common/redis/internal.h"

#include <string.h>

static void add_line(struct es_buf *out, char type, size_t number)
{
    char line[ES_I64_TEXT_SIZE + 3];
    line[0] = type;
    size_t length = 1 + es_format_i64((int64_t)number, line + 1);
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
    char digits[ES_I64_TEXT_SIZE];
    es_resp_arg(out, digits, es_format_i64(value, digits));
}
