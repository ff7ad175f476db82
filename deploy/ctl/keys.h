/* The kinds of secret keys there are, and what is public about each. */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

#define ES_KEY_FILE_SIZE 32 /* every kind: 32 bytes, as hex in a file of mode 0600 */

struct es_key_kind {
    const char *name; /* "token" */
    const char *what; /* one line */
    /* False when SECRET is no key of this kind (a few byte strings are not). */
    bool (*valid)(const unsigned char secret[ES_KEY_FILE_SIZE]);
    /* Append the public key as hex to OUT; NULL: there is none. */
    void (*add_public)(const unsigned char secret[ES_KEY_FILE_SIZE], struct es_buf *out);
    bool is_log;      /* has a verifier key (C2SP "vkey") as well */
    bool public_file; /* the public key goes to FILE.pub: another process needs it */
};

/* NULL when there is no such kind. */
const struct es_key_kind *es_key_kind_find(const char *name) ES_MUST_CHECK;

/* "token|lookup|vault|chain|log" */
extern const char es_key_kind_names[];

/* Append the verifier key of the log ORIGIN to OUT; false when ORIGIN is not a valid name. */
bool es_key_add_vkey(const unsigned char secret[ES_KEY_FILE_SIZE], const char *origin,
                     struct es_buf *out) ES_MUST_CHECK;
