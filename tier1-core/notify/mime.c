#include "tier1-core/notify/mime.h"

#include <stdbool.h>
#include <string.h>

/* With frame and "Subject: " 73 characters: a line may have 76 (RFC 2047). */
#define WORD_BYTES  39
#define LINE_LENGTH 76 /* of quoted-printable, a soft line end included */

static bool is_printable(unsigned char byte)
{
    return byte >= 0x20 && byte <= 0x7E;
}

static bool is_plain(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (!is_printable((unsigned char)*c)) {
            return false;
        }
    }
    return strstr(text, "=?") == NULL;
}

/* The length of the first encoded word's text: whole characters only. */
static size_t word_length(const char *text)
{
    size_t length = strnlen(text, WORD_BYTES + 1);
    if (length > WORD_BYTES) {
        length = WORD_BYTES;
        while (length > 0 && (text[length] & 0xC0) == 0x80) {
            length--;
        }
    }
    return length > 0 ? length : WORD_BYTES; /* not UTF-8: any cut is as good */
}

void mime_add_header_text(struct es_buf *out, const char *text)
{
    if (is_plain(text)) {
        es_buf_add_str(out, text);
        return;
    }
    for (const char *separator = ""; *text != '\0'; separator = "\r\n ") {
        size_t length = word_length(text);
        es_buf_add_str(out, separator);
        es_buf_add_str(out, "=?UTF-8?B?");
        es_buf_add_base64(out, text, length);
        es_buf_add_str(out, "?=");
        text += length;
    }
}

void mime_add_phrase(struct es_buf *out, const char *text)
{
    const char *quote = is_plain(text) ? "\"" : "";
    es_buf_add_str(out, quote);
    mime_add_header_text(out, text);
    es_buf_add_str(out, quote);
}

/* One line, without its end. */
static void add_quoted_line(struct es_buf *out, const char *line, size_t length)
{
    size_t column = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)line[i];
        bool blank_at_end = (byte == ' ' || byte == '\t') && i + 1 == length;
        bool literal = (is_printable(byte) || byte == '\t') && byte != '=' && !blank_at_end;
        size_t width = literal ? 1 : 3;
        if (column + width > LINE_LENGTH - 1) {
            es_buf_add_str(out, "=\r\n");
            column = 0;
        }
        if (literal) {
            es_buf_add_byte(out, byte);
        } else {
            es_buf_printf(out, "=%02X", byte);
        }
        column += width;
    }
}

static void add_8bit_line(struct es_buf *out, const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (line[i] != '\r') {
            es_buf_add_byte(out, (unsigned char)line[i]);
        }
    }
}

static void add_lines(struct es_buf *out, const char *text,
                      void (*add_line)(struct es_buf *out, const char *line, size_t length))
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        add_line(out, text, length);
        es_buf_add_str(out, "\r\n");
        text += length + (text[length] == '\n' ? 1 : 0);
    }
}

void mime_add_quoted_printable(struct es_buf *out, const char *text)
{
    add_lines(out, text, add_quoted_line);
}

void mime_add_8bit(struct es_buf *out, const char *text)
{
    add_lines(out, text, add_8bit_line);
}
