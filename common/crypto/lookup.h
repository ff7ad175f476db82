/*
 * Keyed look-up hashes: how the core finds a member without keeping who the member is (FE12).
 *
 * lookup = HMAC-SHA-256(key, kind || 0x00 || normalised text); KIND ("number", "email", "ip" …)
 * separates the uses. The key is a file outside the database.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

#define ES_LOOKUP_SIZE     32
#define ES_LOOKUP_KEY_SIZE 32

struct es_lookup_key {
    unsigned char bytes[ES_LOOKUP_KEY_SIZE];
};

void es_lookup(const struct es_lookup_key *key, const char *kind, const char *text,
               unsigned char ret_hash[ES_LOOKUP_SIZE]);

/* Normal forms, in place into RET (at most SIZE bytes with the NUL); false when TEXT has no such
 * form. A member number is 1 to 20 letters or digits: blanks and dashes removed, upper case. A mail
 * address: trimmed, lower case, exactly one '@' with something on both sides, at most 254 bytes,
 * without blanks, control characters and angle brackets inside. Only ASCII changes its case. */
bool es_normal_member_number(const char *text, char *ret, size_t size) ES_MUST_CHECK;
bool es_normal_email(const char *text, char *ret, size_t size) ES_MUST_CHECK;
