/* First answers of writes that carried an Idempotency-Key (core.idempotency). */
#pragma once

#include "common/base/arena.h"
#include "common/db/db.h"

#include <stdbool.h>
#include <stdint.h>

#define IDEMPOTENCY_CALLER_SIZE 16
#define IDEMPOTENCY_HASH_SIZE   32

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

/* The keys of many requests, column by column; entry i of every array belongs together. */
struct idempotency_set {
    size_t count;
    struct es_db_bytes *callers;
    struct es_db_bytes *key_hashes;
    struct es_db_bytes *fingerprints;
    struct es_db_bytes *bodies; /* of the answers to keep; else unused */
};

/* What is known of the key at PLACE of a set: it is not free. */
struct idempotency_known {
    size_t place;
    enum idempotency_found found;
    struct idempotency_answer answer; /* IDEMPOTENCY_DONE; valid as long as the rows it came from */
};

/* Which keys of SET are not free, in ARENA; *RET_ROWS holds their answers and is released by the
 * caller. */
enum es_db_result idempotency_known(struct es_db *db, const struct idempotency_set *set,
                                    struct es_arena *arena, struct idempotency_known **ret_known,
                                    size_t *ret_count, struct es_db_rows **ret_rows) ES_MUST_CHECK;

/* ANSWER in ARENA, for longer than the rows it came from. */
const struct idempotency_answer *
idempotency_copy_answer(struct es_arena *arena,
                        const struct idempotency_answer *answer) ES_MUST_CHECK;

/* Keep the answers of SET, all of STATUS and CONTENT_TYPE, under keys nobody has claimed: within
 * the transaction that does what they tell of. *RET_KEPT of them were free; the others belong to
 * somebody else by now, so with fewer than all the transaction must not be committed. */
enum es_db_result idempotency_keep(struct es_db *db, const struct idempotency_set *set, int status,
                                   const char *content_type, size_t *ret_kept) ES_MUST_CHECK;

extern const struct es_db_statement idempotency_claim_statement, idempotency_finish_statement,
    idempotency_release_statement, idempotency_known_statement, idempotency_keep_statement;
