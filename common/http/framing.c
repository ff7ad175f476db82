#include "common/http/framing.h"

#include "common/base/text.h"

#include <string.h>
#include <strings.h>

static const struct es_refusal bad_method = {
    ES_PROBLEM_BAD_REQUEST,
    "The method has a character that is not allowed.",
};
static const struct es_refusal bad_name = {
    ES_PROBLEM_BAD_REQUEST,
    "A header field's name has a character that is not allowed.",
};
static const struct es_refusal bad_value = {
    ES_PROBLEM_BAD_REQUEST,
    "A header field's value has a control character or is not UTF-8.",
};
static const struct es_refusal repeated = {
    ES_PROBLEM_BAD_REQUEST,
    "A header field that may occur only once occurs twice.",
};
static const struct es_refusal bad_host = {
    ES_PROBLEM_BAD_REQUEST,
    "The Host field is missing or malformed.",
};
static const struct es_refusal bad_length = {
    ES_PROBLEM_BAD_REQUEST,
    "The Content-Length field is malformed.",
};
static const struct es_refusal two_framings = {
    ES_PROBLEM_BAD_REQUEST,
    "Transfer-Encoding and Content-Length were both sent.",
};
static const struct es_refusal too_old_for_chunks = {
    ES_PROBLEM_BAD_REQUEST,
    "Transfer-Encoding is not part of HTTP/1.0.",
};
static const struct es_refusal endless = {
    ES_PROBLEM_BAD_REQUEST,
    "The last transfer coding must be chunked.",
};
static const struct es_refusal unknown_coding = {
    ES_PROBLEM_NOT_IMPLEMENTED,
    "Only the transfer coding chunked is known here.",
};

/* RFC 9110 section 5.6.2 */
static const bool token_characters[256] = {
    ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['!'] = true,  ['#'] = true,
    ['$'] = true,         ['%'] = true,         ['&'] = true,         ['\''] = true, ['*'] = true,
    ['+'] = true,         ['-'] = true,         ['.'] = true,         ['^'] = true,  ['_'] = true,
    ['`'] = true,         ['|'] = true,         ['~'] = true,
};

static bool is_token(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (!token_characters[(unsigned char)text[i]]) {
            return false;
        }
    }
    return length > 0;
}

/* No control character but the tab, and UTF-8 where it is not ASCII: what handlers read goes into
 * logs and the database. */
static bool is_field_value(const char *text, size_t length)
{
    bool ascii = true;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < ' ' && c != '\t') || c == 0x7F) {
            return false;
        }
        ascii = ascii && c < 0x80;
    }
    return ascii || es_utf8_valid(text, length);
}

static const struct es_refusal *check_fields(const struct es_headers *headers)
{
    for (size_t i = 0; i < headers->count; i++) {
        const struct es_header *header = &headers->items[i];
        if (!is_token(header->name, header->name_length)) {
            return &bad_name;
        }
        if (!is_field_value(header->value, header->value_length)) {
            return &bad_value;
        }
    }
    return headers->repeated ? &repeated : NULL;
}

/* uri-host [ ":" port ] (RFC 9112 section 3.2), without the comma that a merged pair would have. */
static bool is_host(const char *host)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-._~!$&'()*+;=:[]%";
    size_t length = strspn(host, allowed);
    return length > 0 && host[length] == '\0';
}

static bool parse_length(const char *text, uint64_t *ret_length)
{
    uint64_t length = 0;
    for (const char *c = text; *c != '\0'; c++) { /* leading zeros are allowed here */
        if (*c < '0' || *c > '9' || __builtin_mul_overflow(length, (uint64_t)10, &length) ||
            __builtin_add_overflow(length, (uint64_t)(*c - '0'), &length)) {
            return false;
        }
    }
    *ret_length = length;
    return text[0] != '\0';
}

/* The codings of TEXT are not just "chunked": which refusal that is. */
static const struct es_refusal *refuse_codings(const char *text)
{
    const char *comma = strrchr(text, ',');
    const char *last = comma != NULL ? comma + 1 + strspn(comma + 1, " \t") : text;
    if (comma == NULL || strcasecmp(last, "chunked") != 0) {
        return &endless;
    }
    size_t before = (size_t)(comma - text); /* chunked twice is no framing at all */
    bool twice = before >= strlen("chunked") && strncasecmp(text, "chunked", 7) == 0;
    return twice ? &endless : &unknown_coding;
}

const struct es_refusal *es_framing_check(const char *method, const char *version,
                                          const struct es_headers *headers,
                                          struct es_framing *ret_framing)
{
    const char *host = headers->known[ES_HEADER_HOST];
    const char *length = headers->known[ES_HEADER_CONTENT_LENGTH];
    const char *coding = headers->known[ES_HEADER_TRANSFER_ENCODING];
    const char *expect = headers->known[ES_HEADER_EXPECT];
    bool old = strcmp(version, "HTTP/1.0") == 0;
    struct es_framing framing = {
        .chunked = coding != NULL,
        .awaits_continue = expect != NULL && !old && strcasecmp(expect, "100-continue") == 0,
    };
    if (!is_token(method, strlen(method))) {
        return &bad_method;
    }
    const struct es_refusal *refusal = check_fields(headers);
    if (refusal != NULL) {
        return refusal;
    }
    if (host != NULL ? !is_host(host) : !old) {
        return &bad_host;
    }
    if (coding != NULL && length != NULL) {
        return &two_framings;
    }
    if (coding != NULL && old) {
        return &too_old_for_chunks;
    }
    if (coding != NULL && strcasecmp(coding, "chunked") != 0) {
        return refuse_codings(coding);
    }
    if (length != NULL && !parse_length(length, &framing.length)) {
        return &bad_length;
    }
    *ret_framing = framing;
    return NULL;
}
