/*
 * Rate limiter: token buckets, shared through Redis, with a local fallback.
 *
 * Every check takes from a local bucket first (a fixed table in this process) and then from the
 * shared one in Redis in a single Lua step that always sets a TTL. With Redis away the local bucket
 * alone decides, at the same quota: sign-in stays limited, signals stay open (FE8), and a Redis
 * restart forgives nobody who called this process. The local bucket also learns what the shared one
 * says, so that tokens taken elsewhere are not forgotten with Redis. A bucket refills evenly: QUOTA
 * per WINDOW_S. A token that is refused costs nothing.
 *
 * Redis keys: eldersafe:rate:NAME:KEY, each expiring when its bucket is full again.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/redis/redis.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct es_rate {
    const char *name; /* "login-ip": part of the key and of the RateLimit field */
    int64_t quota;    /* requests */
    int64_t window_s;
};

struct es_rate_verdict {
    bool allowed;
    int64_t remaining;
    int64_t retry_after_s; /* when refused: whole seconds until one token is there (>= 1) */
};

/* The local buckets: ENTRIES (a power of two, 16 bytes each), shared by all threads of the process.
 * When the places a key may lie in are all taken, the fullest bucket there gives way: have several
 * times as many entries as keys that call within a window. */
struct es_limiter;
struct es_limiter *es_limiter_new(size_t entries) ES_MUST_CHECK;
struct es_limiter *es_limiter_free(struct es_limiter *limiter);

/* Take one token for KEY (LENGTH bytes: an address, a hash) from RATE. REDIS may be NULL. Sets
 * *RET_SHARED to whether Redis took part (NULL: not wanted); it is not asked for a token that the
 * local bucket refuses. */
struct es_rate_verdict es_limiter_take(struct es_limiter *limiter, struct es_redis *redis,
                                       const struct es_rate *rate, const void *key, size_t length,
                                       bool *ret_shared);

/* Many keys of one rate in one round trip (the signal lanes): VERDICTS[i] for KEYS[i]. A key that
 * is there twice takes two tokens, the earlier one first. */
void es_limiter_take_many(struct es_limiter *limiter, struct es_redis *redis,
                          const struct es_rate *rate, const int64_t *keys, size_t count,
                          struct es_rate_verdict *ret_verdicts);

/* Undo tokens that were taken for what could not be done: somebody who obeys our own Retry-After
 * must not run into the limit. One call of Redis at a time; it may fail, then the shared buckets
 * stay as they are. */
void es_limiter_give_back_many(struct es_limiter *limiter, struct es_redis *redis,
                               const struct es_rate *rate, const int64_t *keys, size_t count);
