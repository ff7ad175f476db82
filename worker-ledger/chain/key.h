/*
 * The chain key: one secp256k1 private key, what follows from it, and signatures.
 *
 * Only the ledger worker holds one. The secret lives in guarded, locked memory and is zeroed when
 * released; nothing here prints or returns it. Signing is deterministic (RFC 6979) with low S, as
 * version 1 transactions require. This is the one file that needs libsecp256k1. Call
 * es_random_init() first. A key may be used by several threads at once.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/tlog/hash.h"
#include "worker-ledger/chain/script.h"

#include <stdbool.h>
#include <stddef.h>

#define ES_KEY_SECRET_SIZE 32

struct es_key;

/* A key from its 32 bytes; NULL when they are no private key (zero, or not below the order). */
struct es_key *es_key_new(const unsigned char secret[ES_KEY_SECRET_SIZE]) ES_MUST_CHECK;

/* Zero and release KEY. NULL is accepted. Returns NULL. */
struct es_key *es_key_free(struct es_key *key);
void es_key_free_p(struct es_key **key);

/* Compressed public key (ES_PUBLIC_KEY_SIZE bytes) and its HASH160 (ES_KEY_HASH_SIZE bytes); they
 * live as long as KEY. */
const unsigned char *es_key_public(const struct es_key *key);
const unsigned char *es_key_hash(const struct es_key *key);

/* Sign DIGEST; RET_SIGNATURE is DER. The signature is verified before it is given out; false, which
 * only broken hardware brings about, when it does not hold. */
bool es_key_sign(const struct es_key *key, const struct es_hash *digest,
                 unsigned char ret_signature[ES_SIGNATURE_SIZE_MAX],
                 size_t *ret_length) ES_MUST_CHECK;

/* True when SIGNATURE (strict DER, low S) by PUBLIC_KEY holds for DIGEST. */
bool es_signature_verify(const unsigned char public_key[ES_PUBLIC_KEY_SIZE],
                         const struct es_hash *digest, const unsigned char *signature,
                         size_t length) ES_MUST_CHECK;
