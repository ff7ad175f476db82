/*
 * The local half of the limiter: a fixed table of buckets, shared by all threads of the process.
 *
 * Set-associative: a key may lie in one of a few places, so finding it is two cache lines and
 * nothing is ever allocated. Which key a place belongs to is a 64-bit hash keyed with a secret of
 * this process: nobody outside can make keys collide. Locks are striped over the sets.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/redis/gcra.h"

#include <stddef.h>
#include <stdint.h>

struct es_buckets;

/* ENTRIES is rounded up to a power of two. */
struct es_buckets *es_buckets_new(size_t entries) ES_MUST_CHECK;
struct es_buckets *es_buckets_free(struct es_buckets *buckets);

/* The tag of KEY under the rate that SALT (a tag of its name) stands for. */
uint64_t es_buckets_tag(const struct es_buckets *buckets, uint64_t salt, const void *key,
                        size_t length);

/* Take a token from the bucket TAG at NOW_US (monotonic). Yields the level after; when that is more
 * than the bucket holds, nothing was taken. */
int64_t es_buckets_take(struct es_buckets *buckets, uint64_t tag, const struct es_gcra *gcra,
                        int64_t now_us);

/* Learn what the shared bucket said (SHARED_LEVEL_US as es_buckets_take yields it) after a token
 * was taken here: give it back when it was refused there, and never know less than what is shared.
 */
void es_buckets_settle(struct es_buckets *buckets, uint64_t tag, const struct es_gcra *gcra,
                       int64_t now_us, int64_t shared_level_us);

/* Undo a token taken from the bucket TAG. */
void es_buckets_give_back(struct es_buckets *buckets, uint64_t tag, const struct es_gcra *gcra);
