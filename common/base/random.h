/*
 * The only source of randomness of the suite: the kernel's generator through libsodium.
 * Tests may make it repeatable with es_random_seed_for_tests(); no daemon does.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Call once before the first use (daemon start and test main do). Ends the process on failure. */
void es_random_init(void);

void es_random_bytes(void *ret_bytes, size_t length);

/* Uniform in 0 .. BOUND-1 (BOUND > 0). */
uint32_t es_random_below(uint32_t bound);

/* From now on yield the stream that belongs to SEED. Tests only; not thread-safe. */
void es_random_seed_for_tests(uint64_t seed);
