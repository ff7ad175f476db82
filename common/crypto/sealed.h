/*
 * Sealed boxes (libsodium crypto_box_seal, X25519 + XSalsa20-Poly1305): anybody with the public key
 * can write, only the holder of the secret key (eldersafe-notify) can read.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

#define ES_SEAL_KEY_SIZE 32
#define ES_SEAL_OVERHEAD 48

/* False for the few byte strings that are no usable public key (points of small order). Ask when
 * the key is loaded: sealing to such a key ends the process. */
bool es_seal_key_valid(const unsigned char public_key[ES_SEAL_KEY_SIZE]) ES_MUST_CHECK;

/* Append the sealed form of TEXT (LENGTH bytes) to OUT. */
void es_seal(const unsigned char public_key[ES_SEAL_KEY_SIZE], const void *text, size_t length,
             struct es_buf *out);

/* Append the opened content to OUT; false when the box was not sealed to this key or was changed.
 * The caller wipes OUT. */
bool es_seal_open(const unsigned char public_key[ES_SEAL_KEY_SIZE],
                  const unsigned char secret_key[ES_SEAL_KEY_SIZE], const void *sealed,
                  size_t length, struct es_buf *out) ES_MUST_CHECK;

/* The public key that belongs to SECRET_KEY. */
void es_seal_public_key(const unsigned char secret_key[ES_SEAL_KEY_SIZE],
                        unsigned char ret_public_key[ES_SEAL_KEY_SIZE]);
