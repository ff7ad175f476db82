#include "tier1-core/hash-set.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 1024 /* powers of two, at most half full */

struct slot {
    unsigned char key[HASH_SET_KEY];
    int64_t until_s; /* 0: free */
};

struct hash_set {
    struct slot *slots;
    size_t capacity;
    size_t count;
};

struct hash_set *hash_set_new(void)
{
    struct hash_set *set = ES_NEW(struct hash_set);
    set->capacity = FIRST_CAPACITY;
    set->slots = es_calloc(set->capacity, sizeof(*set->slots));
    return set;
}

struct hash_set *hash_set_free(struct hash_set *set)
{
    if (set != NULL) {
        free(set->slots);
        free(set);
    }
    return NULL;
}

/* The slot that holds KEY, or the free one where it belongs. */
static struct slot *find(const struct hash_set *set, const unsigned char *key)
{
    uint64_t start = 0;
    memcpy(&start, key, sizeof(start));
    size_t at = (size_t)start & (set->capacity - 1);
    while (set->slots[at].until_s != 0 && memcmp(set->slots[at].key, key, HASH_SET_KEY) != 0) {
        at = (at + 1) & (set->capacity - 1);
    }
    return &set->slots[at];
}

bool hash_set_has(const struct hash_set *set, const unsigned char key[HASH_SET_KEY])
{
    return find(set, key)->until_s != 0;
}

static void grow(struct hash_set *set)
{
    struct slot *old = set->slots;
    size_t old_capacity = set->capacity;
    set->capacity *= 2;
    set->slots = es_calloc(set->capacity, sizeof(*set->slots));
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i].until_s != 0) {
            *find(set, old[i].key) = old[i];
        }
    }
    free(old);
}

void hash_set_add(struct hash_set *set, const unsigned char key[HASH_SET_KEY], int64_t until_s)
{
    struct slot *slot = find(set, key);
    bool is_new = slot->until_s == 0;
    if (slot->until_s < until_s) {
        slot->until_s = until_s;
    }
    if (!is_new) {
        return;
    }
    memcpy(slot->key, key, HASH_SET_KEY);
    set->count++;
    if (set->count * 2 > set->capacity) {
        grow(set);
    }
}

struct hash_set *hash_set_live(const struct hash_set *set, int64_t now_s)
{
    struct hash_set *live = hash_set_new();
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->slots[i].until_s != 0 && set->slots[i].until_s >= now_s) {
            hash_set_add(live, set->slots[i].key, set->slots[i].until_s);
        }
    }
    return live;
}

size_t hash_set_count(const struct hash_set *set)
{
    return set->count;
}
