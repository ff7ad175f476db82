#include "common/base/text.h"

#include <sodium.h>
#include <string.h>

bool es_parse_u64(const char *text, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0')) {
        return false;
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < '0' || *c > '9' || __builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*c - '0'), &value)) {
            return false;
        }
    }
    *ret_value = value;
    return true;
}

bool es_parse_i64(const char *text, int64_t *ret_value)
{
    bool negative = text[0] == '-';
    uint64_t magnitude = 0;
    if (!es_parse_u64(text + negative, &magnitude) || (negative && magnitude == 0)) {
        return false;
    }
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return false;
    }
    *ret_value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

size_t es_format_i64(int64_t value, char ret_text[ES_I64_TEXT_SIZE])
{
    char reversed[ES_I64_TEXT_SIZE];
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    size_t count = 0;
    size_t length = 0;
    do {
        reversed[count++] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    if (value < 0) {
        ret_text[length++] = '-';
    }
    while (count > 0) {
        ret_text[length++] = reversed[--count];
    }
    ret_text[length] = '\0';
    return length;
}

char *es_put_two_digits(char *text, unsigned value)
{
    *text++ = (char)('0' + value / 10);
    *text++ = (char)('0' + value % 10);
    return text;
}

bool es_parse_hex(const char *text, void *ret_bytes, size_t size)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *end = NULL;
    size_t length = 0;
    /* Checked first, because sodium_hex2bin() would have written what comes before the mistake. */
    if (strlen(text) != 2 * size || strspn(text, digits) != 2 * size) {
        return false;
    }
    if (size == 0) {
        return true;
    }
    return sodium_hex2bin(ret_bytes, size, text, 2 * size, NULL, &length, &end) == 0 &&
           length == size && end == text + 2 * size;
}

/* libsodium 1.0.18 takes every byte from 0x80 on for a 63: the alphabet is checked first. */
static bool is_base64url(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_')) {
            return false;
        }
    }
    return true;
}

bool es_parse_base64url(const char *text, size_t length, void *ret_bytes, size_t capacity,
                        size_t *ret_length)
{
    const char *end = NULL;
    size_t decoded = 0;
    if (!is_base64url(text, length) ||
        sodium_base642bin(ret_bytes, capacity, text, length, NULL, &decoded, &end,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        end != text + length) {
        return false;
    }
    *ret_length = decoded;
    return true;
}

/* The well-formed byte sequences of Unicode 15 table 3-7: a lead byte's range decides how many
 * bytes follow and which values the first of them may take. */
static const struct {
    unsigned char first_lead, last_lead, first_next, last_next;
    size_t following;
} utf8_forms[] = {
    {0x01, 0x7F, 0x00, 0x00, 0}, {0xC2, 0xDF, 0x80, 0xBF, 1}, {0xE0, 0xE0, 0xA0, 0xBF, 2},
    {0xE1, 0xEC, 0x80, 0xBF, 2}, {0xED, 0xED, 0x80, 0x9F, 2}, {0xEE, 0xEF, 0x80, 0xBF, 2},
    {0xF0, 0xF0, 0x90, 0xBF, 3}, {0xF1, 0xF3, 0x80, 0xBF, 3}, {0xF4, 0xF4, 0x80, 0x8F, 3},
};

/* Length of the character at BYTES, or 0 when it is not well formed. */
static size_t utf8_character(const unsigned char *bytes, size_t left)
{
    for (size_t i = 0; i < sizeof(utf8_forms) / sizeof(utf8_forms[0]); i++) {
        if (bytes[0] < utf8_forms[i].first_lead || bytes[0] > utf8_forms[i].last_lead) {
            continue;
        }
        size_t following = utf8_forms[i].following;
        if (following >= left) {
            return 0;
        }
        if (following > 0 &&
            (bytes[1] < utf8_forms[i].first_next || bytes[1] > utf8_forms[i].last_next)) {
            return 0;
        }
        for (size_t n = 2; n <= following; n++) {
            if ((bytes[n] & 0xC0) != 0x80) {
                return 0;
            }
        }
        return following + 1;
    }
    return 0;
}

bool es_utf8_valid(const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    while (length > 0) {
        size_t size = utf8_character(at, length);
        if (size == 0) {
            return false;
        }
        at += size;
        length -= size;
    }
    return true;
}

char *es_ascii_lower(char *text)
{
    for (char *c = text; *c != '\0'; c++) {
        if (*c >= 'A' && *c <= 'Z') {
            *c = (char)(*c + ('a' - 'A'));
        }
    }
    return text;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

char *es_trim(char *text)
{
    while (is_blank(*text)) {
        text++;
    }
    size_t length = strlen(text);
    while (length > 0 && is_blank(text[length - 1])) {
        length--;
    }
    text[length] = '\0';
    return text;
}

bool es_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool es_copy_str(char *buffer, size_t size, const char *text)
{
    size_t length = strlen(text);
    if (length >= size) {
        return false;
    }
    memcpy(buffer, text, length + 1);
    return true;
}
