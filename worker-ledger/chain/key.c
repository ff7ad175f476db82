#include "worker-ledger/chain/key.h"

#include "common/base/random.h"
#include "worker-ledger/chain/address.h"

#include <secp256k1.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct es_key {
    secp256k1_context *context;
    unsigned char secret[ES_KEY_SECRET_SIZE];
    unsigned char public_key[ES_PUBLIC_KEY_SIZE];
    unsigned char hash[ES_KEY_HASH_SIZE];
};

/* A context whose computations are blinded against power and timing analysis. */
static secp256k1_context *blinded_context(void)
{
    unsigned char seed[32];
    secp256k1_context *context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    es_random_bytes(seed, sizeof(seed));
    if (context == NULL || secp256k1_context_randomize(context, seed) != 1) {
        abort();
    }
    sodium_memzero(seed, sizeof(seed));
    return context;
}

static bool fill_public(struct es_key *key)
{
    secp256k1_pubkey point;
    size_t length = sizeof(key->public_key);
    if (secp256k1_ec_pubkey_create(key->context, &point, key->secret) != 1) {
        return false;
    }
    secp256k1_ec_pubkey_serialize(key->context, key->public_key, &length, &point,
                                  SECP256K1_EC_COMPRESSED);
    es_hash160(key->public_key, sizeof(key->public_key), key->hash);
    return true;
}

struct es_key *es_key_new(const unsigned char secret[ES_KEY_SECRET_SIZE])
{
    struct es_key *key = sodium_malloc(sizeof(*key));
    if (key == NULL) {
        abort();
    }
    key->context = blinded_context();
    memcpy(key->secret, secret, sizeof(key->secret));
    return fill_public(key) ? key : es_key_free(key);
}

struct es_key *es_key_free(struct es_key *key)
{
    if (key != NULL) {
        secp256k1_context_destroy(key->context);
        sodium_free(key); /* zeroes it */
    }
    return NULL;
}

void es_key_free_p(struct es_key **key)
{
    *key = es_key_free(*key);
}

const unsigned char *es_key_public(const struct es_key *key)
{
    return key->public_key;
}

const unsigned char *es_key_hash(const struct es_key *key)
{
    return key->hash;
}

bool es_key_sign(const struct es_key *key, const struct es_hash *digest,
                 unsigned char ret_signature[ES_SIGNATURE_SIZE_MAX], size_t *ret_length)
{
    secp256k1_ecdsa_signature signature;
    size_t length = ES_SIGNATURE_SIZE_MAX;
    if (secp256k1_ecdsa_sign(key->context, &signature, digest->bytes, key->secret, NULL, NULL) !=
            1 ||
        secp256k1_ecdsa_signature_serialize_der(key->context, ret_signature, &length, &signature) !=
            1 ||
        !es_signature_verify(key->public_key, digest, ret_signature, length)) {
        return false;
    }
    *ret_length = length;
    return true;
}

bool es_signature_verify(const unsigned char public_key[ES_PUBLIC_KEY_SIZE],
                         const struct es_hash *digest, const unsigned char *signature,
                         size_t length)
{
    const secp256k1_context *context = secp256k1_context_static;
    secp256k1_ecdsa_signature parsed;
    secp256k1_pubkey point;
    return secp256k1_ecdsa_signature_parse_der(context, &parsed, signature, length) == 1 &&
           secp256k1_ec_pubkey_parse(context, &point, public_key, ES_PUBLIC_KEY_SIZE) == 1 &&
           secp256k1_ecdsa_verify(context, &parsed, digest->bytes, &point) == 1;
}
