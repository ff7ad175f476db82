/*
 * A growing set of 16-byte hashes (open addressing), each with an end after which it need not be
 * there. Not thread-safe. The hashes are uniform.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_SET_KEY 16

struct hash_set;
struct hash_set *hash_set_new(void) ES_MUST_CHECK;
struct hash_set *hash_set_free(struct hash_set *set);
bool hash_set_has(const struct hash_set *set, const unsigned char key[HASH_SET_KEY]) ES_MUST_CHECK;
/* UNTIL_S: seconds since 1970, more than 0. A key that is there already keeps the later end. */
void hash_set_add(struct hash_set *set, const unsigned char key[HASH_SET_KEY], int64_t until_s);
size_t hash_set_count(const struct hash_set *set);

/* A set of those of SET that end at NOW_S or later, no larger than they need. */
struct hash_set *hash_set_live(const struct hash_set *set, int64_t now_s) ES_MUST_CHECK;
