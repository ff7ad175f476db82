#include "common/crypto/key-ring.h"

#include "common/base/mem.h"
#include "common/json/json.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define KID_BYTES       (ES_KID_LENGTH / 2)
#define PUBLIC_KEY_SIZE crypto_sign_ed25519_PUBLICKEYBYTES

struct es_key_ring {
    size_t count;
    struct es_ring_key keys[ES_KEY_RING_MAX];
};

void es_key_id(const unsigned char public_key[32], char ret_kid[ES_KID_SIZE])
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    (void)crypto_hash_sha256(hash, public_key, PUBLIC_KEY_SIZE);
    (void)sodium_bin2hex(ret_kid, ES_KID_SIZE, hash, KID_BYTES);
}

struct es_key_ring *es_key_ring_new(void)
{
    return ES_NEW(struct es_key_ring);
}

struct es_key_ring *es_key_ring_free(struct es_key_ring *ring)
{
    free(ring);
    return NULL;
}

const struct es_ring_key *es_key_ring_find(const struct es_key_ring *ring, const char *kid)
{
    for (size_t i = 0; i < ring->count; i++) {
        if (memcmp(ring->keys[i].kid, kid, ES_KID_LENGTH) == 0) {
            return &ring->keys[i];
        }
    }
    return NULL;
}

static bool add(struct es_key_ring *ring, const unsigned char *public_key,
                const struct es_signer *signer)
{
    char kid[ES_KID_SIZE];
    es_key_id(public_key, kid);
    if (ring->count == ES_KEY_RING_MAX || es_key_ring_find(ring, kid) != NULL) {
        return false;
    }
    struct es_ring_key *key = &ring->keys[ring->count++];
    memcpy(key->kid, kid, sizeof(kid));
    memcpy(key->public_key, public_key, PUBLIC_KEY_SIZE);
    key->signer = signer;
    return true;
}

bool es_key_ring_add(struct es_key_ring *ring, const unsigned char public_key[32])
{
    return add(ring, public_key, NULL);
}

bool es_key_ring_add_signer(struct es_key_ring *ring, const struct es_signer *signer)
{
    return add(ring, es_signer_public_key(signer), signer);
}

void es_key_ring_render_jwks(const struct es_key_ring *ring, struct es_buf *out)
{
    struct es_json_writer writer = es_json_writer_make(out);
    es_json_begin_object(&writer);
    es_json_key(&writer, "keys");
    es_json_begin_array(&writer);
    for (size_t i = 0; i < ring->count; i++) {
        ES_CLEANUP(es_buf_done) struct es_buf x = ES_BUF_INIT;
        es_buf_add_base64url(&x, ring->keys[i].public_key, PUBLIC_KEY_SIZE);
        es_json_begin_object(&writer);
        es_json_put_text(&writer, "kty", "OKP");
        es_json_put_text(&writer, "crv", "Ed25519");
        es_json_put_text(&writer, "use", "sig");
        es_json_put_text(&writer, "alg", "EdDSA");
        es_json_put_text(&writer, "kid", ring->keys[i].kid);
        es_json_put_text(&writer, "x", es_buf_str(&x));
        es_json_end_object(&writer);
    }
    es_json_end_array(&writer);
    es_json_end_object(&writer);
}
