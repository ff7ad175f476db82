/*
 * Inside common/crypto only: how the verifier finds a key of the ring, and asks a signer.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/crypto/token.h"

#include <stdbool.h>
#include <stddef.h>

#define ES_KID_LENGTH (ES_KID_SIZE - 1)

struct es_ring_key {
    char kid[ES_KID_SIZE];
    unsigned char public_key[32];
    const struct es_signer *signer; /* NULL: we know the public key only */
};

/* The key whose id is the ES_KID_LENGTH characters at KID, or NULL. */
const struct es_ring_key *es_key_ring_find(const struct es_key_ring *ring,
                                           const char *kid) ES_MUST_CHECK;

/* True when SIGNATURE (64 bytes) is the one that SIGNER makes for TEXT. In constant time. */
bool es_signer_made(const struct es_signer *signer, const char *text, size_t length,
                    const unsigned char *signature) ES_MUST_CHECK;
