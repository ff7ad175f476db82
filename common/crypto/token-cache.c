#include "common/crypto/token.h"

#include "common/base/mem.h"
#include "common/base/random.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LINE   64
#define WAYS         8 /* entries a token can be in: one set, eight cache lines */
#define MOST_STRIPES 256

/*
 * The key of an entry is SipHash-2-4 with 128 bits of output over the whole token, under a key that
 * is drawn at start and never leaves the process. SipHash is a pseudo-random function: who does not
 * know the key cannot find a text that hits another token's entry better than by guessing 128 bits.
 * BLAKE2b, keyed and cut to 128 bits, would do the same for four times the time: 0.65 µs instead of
 * 0.16 µs for a token of 430 characters (tests/bench/ed25519-bench.c prints these figures).
 */
struct token_hash {
    uint64_t words[2];
};

_Static_assert(sizeof(struct token_hash) == crypto_shorthash_siphashx24_BYTES, "128 bits");

/* What a verified token said, in 64 bytes. Member ids are positive: 0 marks a free entry. */
struct entry {
    struct token_hash hash;
    unsigned char subject[ES_TOKEN_ID_SIZE];
    unsigned char token_id[ES_TOKEN_ID_SIZE];
    int64_t member_id;
    uint32_t issued_at_s;
    uint32_t lifetime_s : 31;
    uint32_t is_session : 1;
};

_Static_assert(sizeof(struct entry) == CACHE_LINE, "an entry is a cache line");

/* The most recently used entry comes first, so the last one gives way. */
struct set {
    struct entry entries[WAYS];
};

struct stripe {
    _Alignas(CACHE_LINE) pthread_mutex_t lock;
};

struct es_token_cache {
    unsigned char key[crypto_shorthash_siphashx24_KEYBYTES];
    struct set *sets;
    struct stripe *stripes;
    size_t set_count;    /* a power of two */
    size_t stripe_count; /* a power of two, not above set_count */
};

static void *aligned_zeros(size_t count, size_t size)
{
    void *memory = NULL;
    if (count > SIZE_MAX / size || posix_memalign(&memory, CACHE_LINE, count * size) != 0) {
        abort(); /* as es_calloc() does */
    }
    memset(memory, 0, count * size);
    return memory;
}

struct es_token_cache *es_token_cache_new(size_t entries)
{
    struct es_token_cache *cache = ES_NEW(struct es_token_cache);
    cache->set_count = 1;
    while (cache->set_count * WAYS * 2 <= entries) {
        cache->set_count *= 2;
    }
    cache->stripe_count = cache->set_count < MOST_STRIPES ? cache->set_count : MOST_STRIPES;
    cache->sets = aligned_zeros(cache->set_count, sizeof(*cache->sets));
    cache->stripes = aligned_zeros(cache->stripe_count, sizeof(*cache->stripes));
    for (size_t i = 0; i < cache->stripe_count; i++) {
        (void)pthread_mutex_init(&cache->stripes[i].lock, NULL);
    }
    es_random_bytes(cache->key, sizeof(cache->key));
    return cache;
}

struct es_token_cache *es_token_cache_free(struct es_token_cache *cache)
{
    if (cache == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < cache->stripe_count; i++) {
        (void)pthread_mutex_destroy(&cache->stripes[i].lock);
    }
    free(cache->stripes);
    free(cache->sets);
    sodium_memzero(cache->key, sizeof(cache->key));
    free(cache);
    return NULL;
}

static struct token_hash hash_token(const struct es_token_cache *cache, const char *token,
                                    size_t length)
{
    struct token_hash hash;
    (void)crypto_shorthash_siphashx24((unsigned char *)&hash, (const unsigned char *)token, length,
                                      cache->key);
    return hash;
}

/* Without a branch on the content, so that its time tells nothing about a stored hash. */
static bool same_hash(const struct token_hash *a, const struct token_hash *b)
{
    return ((a->words[0] ^ b->words[0]) | (a->words[1] ^ b->words[1])) == 0;
}

static struct set *lock_set(struct es_token_cache *cache, const struct token_hash *hash)
{
    size_t index = (size_t)hash->words[0] & (cache->set_count - 1);
    (void)pthread_mutex_lock(&cache->stripes[index & (cache->stripe_count - 1)].lock);
    return &cache->sets[index];
}

static void unlock_set(struct es_token_cache *cache, const struct set *set)
{
    size_t index = (size_t)(set - cache->sets);
    (void)pthread_mutex_unlock(&cache->stripes[index & (cache->stripe_count - 1)].lock);
}

/* The place of HASH in SET, or WAYS. */
static size_t find(const struct set *set, const struct token_hash *hash)
{
    size_t place = WAYS;
    for (size_t i = 0; i < WAYS; i++) {
        if (same_hash(&set->entries[i].hash, hash) && set->entries[i].member_id != 0) {
            place = i;
        }
    }
    return place;
}

/* ENTRY becomes the first of SET; those before PLACE move down by one, over it. */
static void put_first(struct set *set, size_t place, const struct entry *entry)
{
    struct entry first = *entry;
    memmove(&set->entries[1], &set->entries[0], place * sizeof(set->entries[0]));
    set->entries[0] = first;
}

/* The entry at PLACE goes; those behind it move up. */
static void drop(struct set *set, size_t place)
{
    memmove(&set->entries[place], &set->entries[place + 1],
            (WAYS - 1 - place) * sizeof(set->entries[0]));
    set->entries[WAYS - 1] = (struct entry){.member_id = 0};
}

static struct es_claims claims_of(const struct entry *entry)
{
    struct es_claims claims = {
        .member_id = entry->member_id,
        .issued_at_s = entry->issued_at_s,
        .expires_at_s = (int64_t)entry->issued_at_s + entry->lifetime_s,
        .scope = entry->is_session ? ES_SCOPE_SESSION : ES_SCOPE_SIGNAL,
    };
    memcpy(claims.subject, entry->subject, sizeof(claims.subject));
    memcpy(claims.token_id, entry->token_id, sizeof(claims.token_id));
    return claims;
}

bool es_token_cache_get(struct es_token_cache *cache, const char *token, size_t length,
                        int64_t now_s, struct es_claims *ret_claims)
{
    struct token_hash hash = hash_token(cache, token, length);
    struct set *set = lock_set(cache, &hash);
    size_t place = find(set, &hash);
    bool valid = false;
    if (place < WAYS) {
        struct es_claims claims = claims_of(&set->entries[place]);
        valid = now_s < claims.expires_at_s;
        if (valid) {
            put_first(set, place, &set->entries[place]);
            *ret_claims = claims;
        } else {
            drop(set, place);
        }
    }
    unlock_set(cache, set);
    return valid;
}

void es_token_cache_put(struct es_token_cache *cache, const char *token, size_t length,
                        const struct es_claims *claims)
{
    int64_t lifetime_s = claims->expires_at_s - claims->issued_at_s;
    if (claims->issued_at_s < 0 || claims->issued_at_s > UINT32_MAX || lifetime_s < 0 ||
        lifetime_s > INT32_MAX || claims->member_id == 0) {
        return; /* does not fit an entry: it will be verified again each time */
    }
    struct entry entry = {
        .hash = hash_token(cache, token, length),
        .member_id = claims->member_id,
        .issued_at_s = (uint32_t)claims->issued_at_s,
        .lifetime_s = (uint32_t)lifetime_s & INT32_MAX,
        .is_session = claims->scope == ES_SCOPE_SESSION,
    };
    memcpy(entry.subject, claims->subject, sizeof(entry.subject));
    memcpy(entry.token_id, claims->token_id, sizeof(entry.token_id));
    struct set *set = lock_set(cache, &entry.hash);
    size_t place = find(set, &entry.hash);
    put_first(set, place < WAYS ? place : WAYS - 1, &entry);
    unlock_set(cache, set);
}
