/*
 * The set of tokens that are refused although their time is not over, in memory.
 *
 * PostgreSQL holds the truth (core.revocations); a thread of this module reads what is new every
 * 5 seconds and at once when another process says so on the Redis stream eldersafe:revoked. New is
 * what lies behind the id below which nothing can appear any more, so rows that were committed late
 * are not passed by. Every 10 minutes everything is read again, a page at a time, and what has
 * expired leaves the memory. A token revoked by this process is in the set before its logout is
 * answered. Look-ups are for every request: a read lock and one probe.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/daemon/daemon.h"
#include "common/db/db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKEN_HASH_SIZE 16

struct app;
struct es_redis;
struct revocations;

/* First 16 bytes of SHA-256 of a token's id (jti): how a token is named in the database. */
void token_hash(const unsigned char token_id[16], unsigned char ret_hash[TOKEN_HASH_SIZE]);

/* Read the whole set, then start the thread. NULL with a line in ERROR when it cannot be read:
 * without the set nobody may be let in. */
struct revocations *revocations_start(struct app *app, struct es_buf *error) ES_MUST_CHECK;
struct revocations *revocations_stop(struct revocations *revocations);

bool revocations_has(struct revocations *revocations,
                     const unsigned char hash[TOKEN_HASH_SIZE]) ES_MUST_CHECK;
size_t revocations_count(struct revocations *revocations);

/* After the revocation was committed: refuse the token, which ends at EXPIRES_US, here from now on,
 * and tell the others. */
void revocations_add(struct revocations *revocations, struct es_redis *redis,
                     const unsigned char hash[TOKEN_HASH_SIZE], int64_t expires_us);
