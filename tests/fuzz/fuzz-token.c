/*
 * Fuzz target: the token verifier. An input is tried as it is; and once more as the payload of a
 * token that is correctly signed, because a fuzzer does not forge signatures and would never get
 * behind them. Whatever is accepted must be byte for byte what our signer writes for its claims.
 */
#include "common/crypto/token.h"

#include "common/base/buf.h"

#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ISSUER "https://api.eldersafe.example"
#define NOW_S  INT64_C(1795248200)

static const char *const audiences[] = {"core", NULL};
static const unsigned char seed[crypto_sign_SEEDBYTES] = {7};

static const struct es_signer *signer(void)
{
    static struct es_signer *made; /* once per process, as the daemon has it */
    if (made == NULL) {
        if (sodium_init() < 0) {
            abort();
        }
        made = es_signer_new(seed);
    }
    return made;
}

static const struct es_key_ring *ring(void)
{
    static struct es_key_ring *made;
    if (made == NULL) {
        made = es_key_ring_new();
        if (!es_key_ring_add(made, es_signer_public_key(signer()))) {
            abort();
        }
    }
    return made;
}

/* TOKEN was accepted with CLAIMS: signing them again must give it back, audiences aside. */
static void check_accepted(const char *token, size_t length, const struct es_claims *claims)
{
    ES_CLEANUP(es_buf_done) struct es_buf again = ES_BUF_INIT;
    struct es_claims got;
    if (claims->member_id <= 0 || claims->expires_at_s <= NOW_S || length > ES_TOKEN_MAX_LENGTH) {
        abort();
    }
    es_token_sign(signer(), ISSUER, audiences, claims, &again);
    if (es_token_verify(ring(), ISSUER, "core", NOW_S, es_buf_str(&again), again.length, &got) !=
        ES_TOKEN_OK) {
        abort();
    }
    if (again.length == length && memcmp(again.data, token, length) != 0) {
        abort(); /* two texts of one length for the same claims */
    }
}

static void try(const char *token, size_t length)
{
    struct es_claims claims;
    enum es_token_result result =
        es_token_verify(ring(), ISSUER, "core", NOW_S, token, length, &claims);
    if (es_token_result_name(result) == NULL) {
        abort();
    }
    if (result == ES_TOKEN_OK) {
        check_accepted(token, length, &claims);
    }
}

static void try_as_payload(const uint8_t *data, size_t size)
{
    ES_CLEANUP(es_buf_done) struct es_buf token = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf header = ES_BUF_INIT;
    char kid[ES_KID_SIZE];
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    unsigned char secret_key[crypto_sign_SECRETKEYBYTES];
    unsigned char signature[crypto_sign_BYTES];
    (void)crypto_sign_seed_keypair(public_key, secret_key, seed);
    es_key_id(public_key, kid);
    es_buf_printf(&header, "{\"alg\":\"EdDSA\",\"kid\":\"%s\",\"typ\":\"JWT\"}", kid);
    es_buf_add_base64url(&token, header.data, header.length);
    es_buf_add_byte(&token, '.');
    es_buf_add_base64url(&token, data, size);
    (void)crypto_sign_detached(signature, NULL, token.data, token.length, secret_key);
    es_buf_add_byte(&token, '.');
    es_buf_add_base64url(&token, signature, sizeof(signature));
    try(es_buf_str(&token), token.length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)signer();
    try((const char *)data, size);
    if (size > 0) {
        try_as_payload(data, size);
    }
    return 0;
}
