/*
 * Sealing: waiting leaves become entries of the log, under a new signed checkpoint, in one
 * transaction.
 *
 * The log's row is the lock, and whether a checkpoint is due is judged again under it, so any
 * number of processes may try. Set-based throughout: the hashes come here only to make tiles.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"
#include "common/db/db.h"
#include "common/tlog/note.h"
#include "worker-ledger/db/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct es_seal_policy {
    const char *origin;              /* a valid key name */
    const unsigned char *secret_key; /* ES_NOTE_SECRET_KEY_SIZE bytes, Ed25519 */
    int64_t interval_ms;
    int64_t max; /* leaves in one checkpoint */
};

/* A checkpoint is due when MAX leaves wait, or any leaf and the last checkpoint is INTERVAL_MS old.
 * Without a leaf there is never one (E97). */
bool es_seal_due(const struct es_seal_policy *policy, const struct es_log_waiting *waiting);

struct es_sealed {
    int64_t checkpoint_id; /* 0: none was due */
    int64_t first_index;
    int64_t size;
};

/* Make a checkpoint if one is due. Leaves under an id that the log has already are dropped instead,
 * a line BROKEN each; the next call seals the others. ARENA is scratch memory, used up by the call.
 * *DAMAGED is kept by the caller from call to call, and false at first: true from the moment that
 * the tiles are found not to give the root signed last, which is ES_DB_BUG and logged BROKEN then,
 * until they do.
 */
enum es_db_result es_seal_leaves(struct es_db *db, struct es_arena *arena,
                                 const struct es_seal_policy *policy, bool *damaged,
                                 struct es_sealed *ret_sealed) ES_MUST_CHECK;
