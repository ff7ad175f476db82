#include "common/crypto/token.h"

#include "common/base/mem.h"
#include "common/crypto/key-ring.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SIGNATURE_SIZE crypto_sign_ed25519_BYTES

struct es_signer {
    unsigned char secret_key[crypto_sign_ed25519_SECRETKEYBYTES];
    unsigned char public_key[crypto_sign_ed25519_PUBLICKEYBYTES];
    char kid[ES_KID_SIZE];
};

struct es_signer *es_signer_new(const unsigned char seed[32])
{
    struct es_signer *signer = ES_NEW(struct es_signer);
    (void)crypto_sign_ed25519_seed_keypair(signer->public_key, signer->secret_key, seed);
    es_key_id(signer->public_key, signer->kid);
    return signer;
}

struct es_signer *es_signer_free(struct es_signer *signer)
{
    if (signer != NULL) {
        sodium_memzero(signer, sizeof(*signer));
        free(signer);
    }
    return NULL;
}

const unsigned char *es_signer_public_key(const struct es_signer *signer)
{
    return signer->public_key;
}

bool es_signer_made(const struct es_signer *signer, const char *text, size_t length,
                    const unsigned char *signature)
{
    unsigned char made[SIGNATURE_SIZE];
    (void)crypto_sign_ed25519_detached(made, NULL, (const unsigned char *)text, length,
                                       signer->secret_key);
    return sodium_memcmp(made, signature, sizeof(made)) == 0;
}

/* A name as it stands between quotes. The verifier knows no escapes, and issuer and audiences come
 * from configuration and code: one that needs escaping is a mistake of ours. */
static void add_name(struct es_buf *out, const char *name)
{
    for (const char *c = name; *c != '\0'; c++) {
        if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\') {
            abort();
        }
    }
    es_buf_printf(out, "\"%s\"", name);
}

/* The claims in the one order and form that the verifier takes. */
static void write_claims(struct es_buf *out, const char *issuer, const char *const *audiences,
                         const struct es_claims *claims)
{
    es_buf_add_str(out, "{\"iss\":");
    add_name(out, issuer);
    es_buf_add_str(out, ",\"aud\":[");
    for (size_t i = 0; audiences[i] != NULL; i++) {
        es_buf_add_str(out, i > 0 ? "," : "");
        add_name(out, audiences[i]);
    }
    es_buf_add_str(out, "],\"sub\":\"");
    es_buf_add_hex(out, claims->subject, sizeof(claims->subject));
    es_buf_printf(out, "\",\"mid\":\"%" PRId64 "\",\"scope\":\"%s\",\"jti\":\"", claims->member_id,
                  claims->scope == ES_SCOPE_SIGNAL ? "signal" : "session");
    es_buf_add_hex(out, claims->token_id, sizeof(claims->token_id));
    es_buf_printf(out, "\",\"iat\":%" PRId64 ",\"exp\":%" PRId64 "}", claims->issued_at_s,
                  claims->expires_at_s);
}

void es_token_sign(const struct es_signer *signer, const char *issuer, const char *const *audiences,
                   const struct es_claims *claims, struct es_buf *out)
{
    ES_CLEANUP(es_buf_done) struct es_buf part = ES_BUF_INIT;
    unsigned char signature[SIGNATURE_SIZE];
    size_t start = out->length;
    es_buf_printf(&part, "{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"JWT\"}", signer->kid);
    es_buf_add_base64url(out, part.data, part.length);
    es_buf_clear(&part);
    write_claims(&part, issuer, audiences, claims);
    es_buf_add_byte(out, '.');
    es_buf_add_base64url(out, part.data, part.length);
    (void)crypto_sign_ed25519_detached(signature, NULL, out->data + start, out->length - start,
                                       signer->secret_key);
    es_buf_add_byte(out, '.');
    es_buf_add_base64url(out, signature, sizeof(signature));
}
