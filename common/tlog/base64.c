#include "common/tlog/base64.h"

#include <sodium.h>
#include <string.h>

/* libsodium 1.0.18 takes some bytes above 0x7F for digits, so the alphabet is checked here. */
static bool in_alphabet(const char *text, size_t length)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    for (size_t i = 0; i < length; i++) {
        if (memchr(alphabet, text[i], sizeof(alphabet) - 1) == NULL) {
            return false;
        }
    }
    return true;
}

bool es_base64_parse(const char *text, size_t length, void *ret_bytes, size_t capacity,
                     size_t *ret_length)
{
    const char *end = NULL;
    size_t decoded = 0;
    if (!in_alphabet(text, length) ||
        sodium_base642bin(ret_bytes, capacity, text, length, NULL, &decoded, &end,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        end != text + length) {
        return false;
    }
    *ret_length = decoded;
    return true;
}
