/*
 * Checkpoints (C2SP tlog-checkpoint): the signed statement "the log ORIGIN has SIZE leaves and this
 * root", as a note whose text is
 *
 *     <origin>\n<size>\n<base64 of the root>\n
 *
 * Extension lines are refused, and the key that signs bears the origin as its name.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/tlog/hash.h"
#include "common/tlog/note.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct es_checkpoint {
    char origin[ES_NOTE_NAME_SIZE]; /* such that es_note_name_valid() */
    uint64_t size;                  /* leaves, at most ES_MERKLE_SIZE_MAX */
    struct es_hash root;
};

/* Append the note text, without signatures. */
void es_checkpoint_write(const struct es_checkpoint *checkpoint, struct es_buf *out);

/* Parse a note text; true only for exactly what es_checkpoint_write() gives. */
bool es_checkpoint_parse(const char *text, size_t length,
                         struct es_checkpoint *ret_checkpoint) ES_MUST_CHECK;

/* Append the whole note, signed by the log's SECRET_KEY, to OUT; false (OUT untouched) when the
 * origin is not a valid key name. */
bool es_checkpoint_sign(const struct es_checkpoint *checkpoint,
                        const unsigned char secret_key[ES_NOTE_SECRET_KEY_SIZE],
                        struct es_buf *out) ES_MUST_CHECK;

/*
 * Parse a signed checkpoint and check it against the log's keys (several while keys rotate); a key
 * whose name is not the origin does not count. *RET_CHECKPOINT is set unless the verdict is
 * ES_NOTE_MALFORMED, and is to be believed only when it is ES_NOTE_GOOD. *RET_UNKNOWN (NULL is
 * accepted) is the number of signature lines by keys that are not among KEYS.
 */
enum es_note_verdict es_checkpoint_open(const char *note, size_t length,
                                        const struct es_note_key *keys, size_t key_count,
                                        struct es_checkpoint *ret_checkpoint,
                                        size_t *ret_unknown) ES_MUST_CHECK;
