/*
 * The Idempotency-Key request header (draft-ietf-httpapi-idempotency-key-header) and the
 * fingerprint that tells whether a key was sent with the same request again.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"

#include <stddef.h>

#define ES_IDEMPOTENCY_KEY_MAX  255
#define ES_IDEMPOTENCY_MARK_LEN 32 /* bytes of a fingerprint: SHA-256 */

/* The key in HEADER: a structured-field string (quoted) or, as Stripe and others send it, a bare
 * token; 1 to 255 visible ASCII characters, the same key either way. NULL when it is neither. */
const char *es_idempotency_key_parse(struct es_arena *arena, const char *header) ES_MUST_CHECK;

/* SHA-256 over method, path and body, each ended so that none can run into the next. */
void es_idempotency_fingerprint(const char *method, const char *path, const void *body,
                                size_t body_length,
                                unsigned char ret_mark[ES_IDEMPOTENCY_MARK_LEN]);
