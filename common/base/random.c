#include "common/base/random.h"

#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool seeded;
static uint64_t seed_value;
static uint64_t draws;

void es_random_init(void)
{
    if (sodium_init() < 0) {
        abort();
    }
}

static void seeded_bytes(void *ret_bytes, size_t length)
{
    unsigned char seed[randombytes_SEEDBYTES] = {0};
    draws++;
    memcpy(seed, &seed_value, sizeof(seed_value));
    memcpy(seed + sizeof(seed_value), &draws, sizeof(draws));
    randombytes_buf_deterministic(ret_bytes, length, seed);
}

void es_random_bytes(void *ret_bytes, size_t length)
{
    if (seeded) {
        seeded_bytes(ret_bytes, length);
        return;
    }
    randombytes_buf(ret_bytes, length);
}

uint32_t es_random_below(uint32_t bound)
{
    if (!seeded) {
        return randombytes_uniform(bound);
    }
    uint32_t value = 0;
    seeded_bytes(&value, sizeof(value));
    return value % bound;
}

void es_random_seed_for_tests(uint64_t seed)
{
    seeded = true;
    seed_value = seed;
    draws = 0;
}
