/*
 * The secrets of one sign-in: what goes into the mail, what stays in the browser, and the hashes
 * that are all the database gets (J4.7).
 *
 * Pure: no HTTP, no database.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/crypto/lookup.h"

#include <stdbool.h>
#include <stddef.h>

#define LOGIN_SECRET_SIZE      16 /* bytes of link token and browser cookie */
#define LOGIN_SECRET_TEXT_SIZE 23 /* base64url without padding, and a NUL */
#define LOGIN_CODE_TEXT_SIZE   7  /* six digits and a NUL */
#define LOGIN_HASH_SIZE        32

/* A mail bomb to one address ends here, from however many places it is sent (J4.4). */
#define LOGIN_MAX_PER_HOUR 10

struct login_secrets {
    char token[LOGIN_SECRET_TEXT_SIZE];
    char browser[LOGIN_SECRET_TEXT_SIZE];
    char code[LOGIN_CODE_TEXT_SIZE];
};

struct login_hashes {
    unsigned char token[LOGIN_HASH_SIZE];
    unsigned char browser[LOGIN_HASH_SIZE];
    unsigned char code[LOGIN_HASH_SIZE];
};

/* New random secrets. */
void login_make_secrets(struct login_secrets *ret_secrets);

/* True when TEXT has the form of a token or browser cookie, or of a code. */
bool login_secret_valid(const char *text) ES_MUST_CHECK;
bool login_code_valid(const char *text) ES_MUST_CHECK;

/* SHA-256 of a token or cookie: it has 128 random bits, no key is needed. */
void login_secret_hash(const char *text, unsigned char ret_hash[LOGIN_HASH_SIZE]);

/* A code has only 20 bits: its hash is keyed, and bound to the browser it belongs to. */
void login_code_hash(const struct es_lookup_key *key, const char *browser, const char *code,
                     unsigned char ret_hash[LOGIN_HASH_SIZE]);

void login_hash_secrets(const struct es_lookup_key *key, const struct login_secrets *secrets,
                        struct login_hashes *ret_hashes);
