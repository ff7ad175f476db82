/*
 * Access tokens: JWT (RFC 7519) with Ed25519 signatures (RFC 8037), and their public keys as a JWK
 * set (RFC 7517).
 *
 * `alg` is EdDSA and nothing else; each `kid` names one key; a token is accepted only when header,
 * issuer, audience, scope and times all fit. Claims: iss, aud (list), sub (public id, 32 hex
 * characters), mid (internal id, a string), scope ("signal" or "session"), jti (32 hex characters),
 * iat, exp. Only eldersafe-core holds a signing key.
 *
 * Anybody's JWT library can read our tokens; we read only our own, byte for byte in the form that
 * es_token_sign() writes (members in this order, no blanks, no escapes). A token with one more
 * claim is another form: verifiers have to learn it before signers write it.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ES_TOKEN_ID_SIZE    16 /* sub and jti */
#define ES_TOKEN_MAX_LENGTH 1024
#define ES_KID_SIZE         9 /* 8 hex characters and a NUL: start of SHA-256 of the public key */

enum es_scope { ES_SCOPE_SIGNAL = 1, ES_SCOPE_SESSION = 2 };

struct es_claims {
    unsigned char subject[ES_TOKEN_ID_SIZE];
    unsigned char token_id[ES_TOKEN_ID_SIZE];
    int64_t member_id;
    int64_t issued_at_s;
    int64_t expires_at_s;
    enum es_scope scope;
};

enum es_token_result {
    ES_TOKEN_OK,
    ES_TOKEN_MALFORMED,   /* not three canonical base64url parts of the exact form we write */
    ES_TOKEN_ALGORITHM,   /* alg other than EdDSA */
    ES_TOKEN_UNKNOWN_KEY, /* kid not in the ring */
    ES_TOKEN_SIGNATURE,
    ES_TOKEN_ISSUER,
    ES_TOKEN_AUDIENCE,
    ES_TOKEN_EXPIRED,
    ES_TOKEN_NOT_YET, /* iat more than 60 s ahead */
};

/* The public keys that are valid now: at most two while keys rotate. Immutable once built. */
struct es_key_ring;
struct es_signer;
struct es_key_ring *es_key_ring_new(void) ES_MUST_CHECK;
struct es_key_ring *es_key_ring_free(struct es_key_ring *ring);
/* A device token lives for years and keys change every few months: so many are valid at once. */
#define ES_KEY_RING_MAX 64
/* Add an Ed25519 public key (32 bytes); false when the ring is full or has it already. */
bool es_key_ring_add(struct es_key_ring *ring, const unsigned char public_key[32]) ES_MUST_CHECK;
/* Add the key of SIGNER, which must outlive the ring: for the process that signs. Ed25519
 * signatures are deterministic (RFC 8032, section 5.1.6), so a token of ours is one that carries
 * the very signature we would make; making it takes a third of the time of verifying it. */
bool es_key_ring_add_signer(struct es_key_ring *ring, const struct es_signer *signer) ES_MUST_CHECK;
/* {"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":…,"x":…}]} */
void es_key_ring_render_jwks(const struct es_key_ring *ring, struct es_buf *out);

/* The key id of a public key. */
void es_key_id(const unsigned char public_key[32], char ret_kid[ES_KID_SIZE]);

/* A signer from a 32-byte seed (key file). */
struct es_signer *es_signer_new(const unsigned char seed[32]) ES_MUST_CHECK;
struct es_signer *es_signer_free(struct es_signer *signer); /* wipes the key */
const unsigned char *es_signer_public_key(const struct es_signer *signer);

/* Append the token for CLAIMS, issued by ISSUER for AUDIENCES (NULL-terminated, at least one), to
 * OUT. Names are printable ASCII without quotes and backslashes; member id and times positive. */
void es_token_sign(const struct es_signer *signer, const char *issuer, const char *const *audiences,
                   const struct es_claims *claims, struct es_buf *out);

/* Check TOKEN (LENGTH characters) against RING, ISSUER, AUDIENCE at NOW_S. A token is valid up to
 * and including the second `exp` minus 1 (E48). */
enum es_token_result es_token_verify(const struct es_key_ring *ring, const char *issuer,
                                     const char *audience, int64_t now_s, const char *token,
                                     size_t length, struct es_claims *ret_claims) ES_MUST_CHECK;

/* A stable word for logs and metrics ("expired"). */
const char *es_token_result_name(enum es_token_result result);

/* Tokens verified before: one Ed25519 verification costs more than the rest of a signal request.
 * Keyed by a secret-keyed 128-bit hash of the whole token; fixed size, lock-striped, safe from any
 * thread. A hit still checks `exp`; revocation is the caller's. What was verified against another
 * ring, issuer or audience belongs into another cache. ENTRIES is rounded down to a power of two,
 * at least 8; each takes 64 bytes, and nothing is allocated after es_token_cache_new(). */
struct es_token_cache;
struct es_token_cache *es_token_cache_new(size_t entries) ES_MUST_CHECK;
struct es_token_cache *es_token_cache_free(struct es_token_cache *cache);
bool es_token_cache_get(struct es_token_cache *cache, const char *token, size_t length,
                        int64_t now_s, struct es_claims *ret_claims) ES_MUST_CHECK;
void es_token_cache_put(struct es_token_cache *cache, const char *token, size_t length,
                        const struct es_claims *claims);
