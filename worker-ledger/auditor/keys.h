/* The log's verifier keys, in a file with one a line; blank lines are passed over. */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/tlog/note.h"

#include <stdbool.h>
#include <stddef.h>

#define ES_AUDIT_KEYS_MAX 4 /* while the log's key rotates there are two */

struct es_audit_keys {
    struct es_note_key items[ES_AUDIT_KEYS_MAX];
    size_t count;
};

/* Add the keys in PATH to KEYS. False after saying in ERROR what is wrong. */
bool es_audit_keys_read(const char *path, struct es_audit_keys *keys,
                        struct es_buf *error) ES_MUST_CHECK;
