#include "worker-ledger/chain/base58.h"

#include "worker-ledger/chain/hash256.h"

#include <sodium.h>
#include <string.h>

#define CHECKSUM_SIZE 4

static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
#define BASE (sizeof(alphabet) - 1)

/* Multiply the number in DIGITS (lowest first, base RADIX) by FACTOR and add CARRY; return the new
 * count of digits. The caller bounds the value, so that SIZE digits are enough for it. */
static size_t multiply_add(unsigned char *digits, size_t count, size_t size, unsigned radix,
                           unsigned factor, unsigned carry)
{
    for (size_t i = 0; i < count || (carry > 0 && i < size); i++) {
        unsigned value = carry + (i < count ? digits[i] * factor : 0);
        digits[i] = (unsigned char)(value % radix);
        carry = value / radix;
        if (i >= count) {
            count = i + 1;
        }
    }
    return count;
}

void es_base58_add(struct es_buf *out, const unsigned char *bytes, size_t length)
{
    unsigned char digits[ES_BASE58_TEXT_MAX];
    size_t count = 0;
    size_t zeros = 0;
    while (zeros < length && bytes[zeros] == 0) {
        es_buf_add_byte(out, (unsigned char)alphabet[0]);
        zeros++;
    }
    for (size_t i = zeros; i < length; i++) {
        count = multiply_add(digits, count, sizeof(digits), BASE, 256, bytes[i]);
    }
    while (count > 0) {
        es_buf_add_byte(out, (unsigned char)alphabet[digits[--count]]);
    }
    sodium_memzero(digits, sizeof(digits));
}

void es_base58check_add(struct es_buf *out, const unsigned char *bytes, size_t length)
{
    unsigned char checked[ES_BASE58_BYTES_MAX];
    struct es_hash checksum = es_hash256(bytes, length);
    memcpy(checked, bytes, length);
    memcpy(checked + length, checksum.bytes, CHECKSUM_SIZE);
    es_base58_add(out, checked, length + CHECKSUM_SIZE);
    sodium_memzero(checked, sizeof(checked));
}
