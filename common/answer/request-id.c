#include "common/answer/request-id.h"

#include "common/base/random.h"
#include "common/base/text.h"

#include <string.h>

#define HEX_LENGTH (2 * ES_REQUEST_ID_BYTES)

static bool is_hyphen_place(size_t index)
{
    return index == 8 || index == 13 || index == 18 || index == 23;
}

void es_request_id_make(struct es_id_source *source, unsigned char ret_id[ES_REQUEST_ID_BYTES])
{
    if (source->left == 0) {
        es_random_bytes(source->bytes, sizeof(source->bytes));
        source->left = sizeof(source->bytes);
    }
    source->left -= ES_REQUEST_ID_BYTES;
    memcpy(ret_id, source->bytes + source->left, ES_REQUEST_ID_BYTES);
    ret_id[6] = (unsigned char)((ret_id[6] & 0x0F) | 0x40); /* version 4 */
    ret_id[8] = (unsigned char)((ret_id[8] & 0x3F) | 0x80); /* RFC 9562 variant */
}

void es_request_id_format(const unsigned char id[ES_REQUEST_ID_BYTES],
                          char ret_text[ES_REQUEST_ID_TEXT_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    size_t nibble = 0;
    for (size_t i = 0; i < ES_REQUEST_ID_TEXT_SIZE - 1; i++) {
        if (is_hyphen_place(i)) {
            ret_text[i] = '-';
            continue;
        }
        ret_text[i] = digits[(nibble % 2 == 0 ? id[nibble / 2] >> 4 : id[nibble / 2]) & 0x0F];
        nibble++;
    }
    ret_text[ES_REQUEST_ID_TEXT_SIZE - 1] = '\0';
}

bool es_request_id_parse(const char *text, unsigned char ret_id[ES_REQUEST_ID_BYTES])
{
    char hex[HEX_LENGTH + 1] = {0};
    size_t used = 0;
    if (strlen(text) != ES_REQUEST_ID_TEXT_SIZE - 1) {
        return false;
    }
    for (size_t i = 0; i < ES_REQUEST_ID_TEXT_SIZE - 1; i++) {
        if (!is_hyphen_place(i)) {
            hex[used++] = text[i];
        } else if (text[i] != '-') {
            return false;
        }
    }
    return es_parse_hex(hex, ret_id, ES_REQUEST_ID_BYTES);
}
