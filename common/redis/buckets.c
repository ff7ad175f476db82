#include "common/redis/buckets.h"

#include "common/base/mem.h"
#include "common/base/random.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#define WAYS    8 /* places a key may lie in: two cache lines */
#define STRIPES 64

struct bucket {
    uint64_t tag;
    int64_t full_at_us; /* monotonic; in the past: full, the place is free */
};

struct es_buckets {
    struct bucket *places;
    uint64_t set_mask;
    unsigned char key[crypto_shorthash_KEYBYTES];
    pthread_mutex_t locks[STRIPES];
};

struct es_buckets *es_buckets_new(size_t entries)
{
    struct es_buckets *buckets = ES_NEW(struct es_buckets);
    uint64_t sets = 1;
    while (sets * WAYS < entries) {
        sets *= 2;
    }
    buckets->set_mask = sets - 1;
    buckets->places = es_calloc(sets, WAYS * sizeof(*buckets->places));
    es_random_bytes(buckets->key, sizeof(buckets->key));
    for (size_t i = 0; i < STRIPES; i++) {
        pthread_mutex_init(&buckets->locks[i], NULL);
    }
    return buckets;
}

struct es_buckets *es_buckets_free(struct es_buckets *buckets)
{
    if (buckets == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < STRIPES; i++) {
        pthread_mutex_destroy(&buckets->locks[i]);
    }
    free(buckets->places);
    free(buckets);
    return NULL;
}

static uint64_t hash(const struct es_buckets *buckets, const void *bytes, size_t length)
{
    uint64_t tag = 0;
    _Static_assert(crypto_shorthash_BYTES == sizeof(tag), "the tag is one SipHash");
    (void)crypto_shorthash((unsigned char *)&tag, bytes, length, buckets->key);
    return tag;
}

uint64_t es_buckets_tag(const struct es_buckets *buckets, uint64_t salt, const void *key,
                        size_t length)
{
    uint64_t both[2] = {salt, hash(buckets, key, length)};
    return hash(buckets, both, sizeof(both));
}

static pthread_mutex_t *lock_of(struct es_buckets *buckets, uint64_t tag)
{
    return &buckets->locks[(tag & buckets->set_mask) % STRIPES];
}

/* The place of TAG, or else the one to give it: that of the bucket which will be full first, as it
 * has the least to remember. */
static struct bucket *place_of(struct es_buckets *buckets, uint64_t tag)
{
    struct bucket *set = &buckets->places[(tag & buckets->set_mask) * WAYS];
    struct bucket *first_full = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].tag == tag) {
            return &set[i];
        }
        if (set[i].full_at_us < first_full->full_at_us) {
            first_full = &set[i];
        }
    }
    *first_full = (struct bucket){.tag = tag};
    return first_full;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t es_buckets_take(struct es_buckets *buckets, uint64_t tag, const struct es_gcra *gcra,
                        int64_t now_us)
{
    pthread_mutex_t *lock = lock_of(buckets, tag);
    pthread_mutex_lock(lock);
    struct bucket *bucket = place_of(buckets, tag);
    int64_t level_us = later(bucket->full_at_us - now_us, 0) + gcra->interval_us;
    if (es_gcra_admits(gcra, level_us)) {
        bucket->full_at_us = now_us + level_us;
    }
    pthread_mutex_unlock(lock);
    return level_us;
}

void es_buckets_settle(struct es_buckets *buckets, uint64_t tag, const struct es_gcra *gcra,
                       int64_t now_us, int64_t shared_level_us)
{
    bool refused = !es_gcra_admits(gcra, shared_level_us);
    int64_t not_taken_us = refused ? gcra->interval_us : 0;
    pthread_mutex_t *lock = lock_of(buckets, tag);
    pthread_mutex_lock(lock);
    struct bucket *bucket = place_of(buckets, tag);
    bucket->full_at_us =
        later(bucket->full_at_us - not_taken_us, now_us + shared_level_us - not_taken_us);
    pthread_mutex_unlock(lock);
}

void es_buckets_give_back(struct es_buckets *buckets, uint64_t tag, const struct es_gcra *gcra)
{
    pthread_mutex_t *lock = lock_of(buckets, tag);
    pthread_mutex_lock(lock);
    place_of(buckets, tag)->full_at_us -= gcra->interval_us;
    pthread_mutex_unlock(lock);
}
