/*
 * Inside common/crypto only: how the verifier finds a key of the ring.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/crypto/token.h"

#include <stddef.h>

#define ES_KID_LENGTH (ES_KID_SIZE - 1)

/* The public key (32 bytes) whose id is the ES_KID_LENGTH characters at KID, or NULL. */
const unsigned char *es_key_ring_find(const struct es_key_ring *ring,
                                      const char *kid) ES_MUST_CHECK;
