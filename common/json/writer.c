#include "common/json/json.h"

#include "common/base/civil.h"
#include "common/base/clock.h"
#include "common/base/text.h"

#include <string.h>

#define REPLACEMENT       "\xEF\xBF\xBD" /* U+FFFD */
#define LONGEST_UTF8_FORM 4

/* Escapes with a letter of their own (RFC 8259 section 7). */
static const char *short_escape(unsigned char byte)
{
    static const char *const escapes[] = {
        ['"'] = "\\\"", ['\\'] = "\\\\", ['\b'] = "\\b", ['\f'] = "\\f",
        ['\n'] = "\\n", ['\r'] = "\\r",  ['\t'] = "\\t",
    };
    return byte < ES_ARRAY_LEN(escapes) ? escapes[byte] : NULL;
}

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';
}

/* Length of the well-formed character of several bytes at BYTES; 0 when there is none. */
static size_t wide_character(const unsigned char *bytes, size_t left)
{
    for (size_t size = 2; size <= LONGEST_UTF8_FORM && size <= left; size++) {
        if (es_utf8_valid(bytes, size)) {
            return size;
        }
    }
    return 0;
}

/* One character that is not plain; returns how many bytes of the input it took. */
static size_t quote_special(struct es_buf *out, const unsigned char *bytes, size_t left)
{
    const char *escape = short_escape(bytes[0]);
    if (escape != NULL) {
        es_buf_add_str(out, escape);
        return 1;
    }
    if (bytes[0] < 0x80) {
        es_buf_printf(out, "\\u%04x", bytes[0]);
        return 1;
    }
    size_t size = wide_character(bytes, left);
    if (size == 0) {
        es_buf_add_str(out, REPLACEMENT);
        return 1;
    }
    es_buf_add(out, bytes, size);
    return size;
}

void es_json_quote(struct es_buf *out, const char *text, size_t length)
{
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + length;
    es_buf_add_byte(out, '"');
    while (at < end) {
        const unsigned char *plain = at;
        while (at < end && is_plain(*at)) {
            at++;
        }
        es_buf_add(out, plain, (size_t)(at - plain));
        if (at < end) {
            at += quote_special(out, at, (size_t)(end - at));
        }
    }
    es_buf_add_byte(out, '"');
}

struct es_json_writer es_json_writer_make(struct es_buf *out)
{
    return (struct es_json_writer){.out = out, .need_comma = false};
}

/* Before a key, or before a value that follows no key. */
static void separate(struct es_json_writer *writer)
{
    if (writer->need_comma) {
        es_buf_add_byte(writer->out, ',');
    }
    writer->need_comma = true;
}

static void begin(struct es_json_writer *writer, unsigned char bracket)
{
    separate(writer);
    es_buf_add_byte(writer->out, bracket);
    writer->need_comma = false;
}

static void end(struct es_json_writer *writer, unsigned char bracket)
{
    es_buf_add_byte(writer->out, bracket);
    writer->need_comma = true;
}

void es_json_begin_object(struct es_json_writer *writer)
{
    begin(writer, '{');
}

void es_json_end_object(struct es_json_writer *writer)
{
    end(writer, '}');
}

void es_json_begin_array(struct es_json_writer *writer)
{
    begin(writer, '[');
}

void es_json_end_array(struct es_json_writer *writer)
{
    end(writer, ']');
}

void es_json_key(struct es_json_writer *writer, const char *key)
{
    separate(writer);
    es_json_quote(writer->out, key, strlen(key));
    es_buf_add_byte(writer->out, ':');
    writer->need_comma = false; /* the value belongs to this key */
}

void es_json_text(struct es_json_writer *writer, const char *text)
{
    if (text == NULL) {
        es_json_null(writer);
        return;
    }
    separate(writer);
    es_json_quote(writer->out, text, strlen(text));
}

void es_json_int(struct es_json_writer *writer, int64_t value)
{
    separate(writer);
    es_buf_add_i64(writer->out, value);
}

void es_json_id(struct es_json_writer *writer, int64_t value)
{
    separate(writer);
    es_buf_add_byte(writer->out, '"');
    es_buf_add_i64(writer->out, value);
    es_buf_add_byte(writer->out, '"');
}

void es_json_bool(struct es_json_writer *writer, bool value)
{
    separate(writer);
    es_buf_add_str(writer->out, value ? "true" : "false");
}

void es_json_null(struct es_json_writer *writer)
{
    separate(writer);
    es_buf_add_str(writer->out, "null");
}

void es_json_time(struct es_json_writer *writer, int64_t at_us)
{
    char text[ES_TIME_TEXT_SIZE];
    es_clock_format(at_us, text);
    es_json_text(writer, text);
}

void es_json_date(struct es_json_writer *writer, int32_t days)
{
    char text[ES_DATE_TEXT_SIZE];
    es_civil_format(days, text);
    es_json_text(writer, text);
}

void es_json_hex(struct es_json_writer *writer, const void *bytes, size_t length)
{
    separate(writer);
    es_buf_add_byte(writer->out, '"');
    es_buf_add_hex(writer->out, bytes, length);
    es_buf_add_byte(writer->out, '"');
}

void es_json_put_text(struct es_json_writer *writer, const char *key, const char *text)
{
    es_json_key(writer, key);
    es_json_text(writer, text);
}

void es_json_put_int(struct es_json_writer *writer, const char *key, int64_t value)
{
    es_json_key(writer, key);
    es_json_int(writer, value);
}

void es_json_put_id(struct es_json_writer *writer, const char *key, int64_t value)
{
    es_json_key(writer, key);
    es_json_id(writer, value);
}

void es_json_put_bool(struct es_json_writer *writer, const char *key, bool value)
{
    es_json_key(writer, key);
    es_json_bool(writer, value);
}

void es_json_put_time(struct es_json_writer *writer, const char *key, int64_t at_us)
{
    es_json_key(writer, key);
    es_json_time(writer, at_us);
}

void es_json_put_date(struct es_json_writer *writer, const char *key, int32_t days)
{
    es_json_key(writer, key);
    es_json_date(writer, days);
}
