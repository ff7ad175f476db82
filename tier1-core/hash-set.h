/* A growing set of 16-byte hashes (open addressing). Not thread-safe. The hashes are uniform. */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

#define HASH_SET_KEY 16

struct hash_set;
struct hash_set *hash_set_new(void) ES_MUST_CHECK;
struct hash_set *hash_set_free(struct hash_set *set);
bool hash_set_has(const struct hash_set *set, const unsigned char key[HASH_SET_KEY]) ES_MUST_CHECK;
void hash_set_add(struct hash_set *set, const unsigned char key[HASH_SET_KEY]);
size_t hash_set_count(const struct hash_set *set);
