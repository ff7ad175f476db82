/* First answers of writes that carried an Idempotency-Key (core.idempotency). */
#pragma once

#include "common/base/arena.h"
#include "common/db/db.h"

#include <stdbool.h>
#include <stdint.h>

#define IDEMPOTENCY_CALLER_SIZE 16

struct idempotency_key {
    const unsigned char *caller;   /* 16 bytes: who calls */
    const unsigned char *key_hash; /* 32 bytes */
};

enum idempotency_found {
    IDEMPOTENCY_CLAIMED, /* new, or its earlier request died: run it */
    IDEMPOTENCY_BUSY,
    IDEMPOTENCY_OTHER, /* the fingerprint is another one */
    IDEMPOTENCY_DONE,  /* the stored answer is set */
};

struct idempotency_answer {
    int64_t status;
    const char *content_type;
    const void *body;
    size_t length;
};

/* Claim KEY for a request with FINGERPRINT (32 bytes), or find its answer (in ARENA). Should the
 * request die, the key is free again after LEASE_S, which must be longer than it may run. */
enum es_db_result idempotency_begin(struct es_db *db, const struct idempotency_key *key,
                                    const unsigned char *fingerprint, int64_t lease_s,
                                    struct es_arena *arena, enum idempotency_found *ret_found,
                                    struct idempotency_answer *ret_answer) ES_MUST_CHECK;

/* Keep the answer of a claimed key. */
enum es_db_result idempotency_finish(struct es_db *db, const struct idempotency_key *key,
                                     const struct idempotency_answer *answer) ES_MUST_CHECK;

/* Give a claimed key back, so that a retry runs. */
enum es_db_result idempotency_release(struct es_db *db,
                                      const struct idempotency_key *key) ES_MUST_CHECK;

extern const struct es_db_statement idempotency_claim_statement, idempotency_find_statement,
    idempotency_finish_statement, idempotency_release_statement;
