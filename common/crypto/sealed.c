#include "common/crypto/sealed.h"

#include <sodium.h>
#include <stdlib.h>

_Static_assert(ES_SEAL_OVERHEAD == crypto_box_SEALBYTES, "header and library agree");
_Static_assert(ES_SEAL_KEY_SIZE == crypto_box_PUBLICKEYBYTES, "header and library agree");
_Static_assert(ES_SEAL_KEY_SIZE == crypto_box_SECRETKEYBYTES, "header and library agree");

void es_seal(const unsigned char public_key[ES_SEAL_KEY_SIZE], const void *text, size_t length,
             struct es_buf *out)
{
    unsigned char *sealed = es_buf_reserve(out, length + ES_SEAL_OVERHEAD);
    if (crypto_box_seal(sealed, text, length, public_key) != 0) {
        abort(); /* a public key of small order: es_seal_key_valid() was not asked */
    }
    out->length += length + ES_SEAL_OVERHEAD;
    out->data[out->length] = '\0';
}

bool es_seal_key_valid(const unsigned char public_key[ES_SEAL_KEY_SIZE])
{
    unsigned char probe[ES_SEAL_OVERHEAD];
    return crypto_box_seal(probe, NULL, 0, public_key) == 0;
}

bool es_seal_open(const unsigned char public_key[ES_SEAL_KEY_SIZE],
                  const unsigned char secret_key[ES_SEAL_KEY_SIZE], const void *sealed,
                  size_t length, struct es_buf *out)
{
    if (length < ES_SEAL_OVERHEAD) {
        return false;
    }
    size_t opened_length = length - ES_SEAL_OVERHEAD;
    unsigned char *opened = es_buf_reserve(out, opened_length);
    if (crypto_box_seal_open(opened, sealed, length, public_key, secret_key) != 0) {
        return false;
    }
    out->length += opened_length;
    out->data[out->length] = '\0';
    return true;
}

void es_seal_public_key(const unsigned char secret_key[ES_SEAL_KEY_SIZE],
                        unsigned char ret_public_key[ES_SEAL_KEY_SIZE])
{
    (void)crypto_scalarmult_base(ret_public_key, secret_key);
}
