/* The log in PostgreSQL: its one row, the waiting leaves, entries, tiles, checkpoints. */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"
#include "common/db/db.h"
#include "common/tlog/hash.h"
#include "common/tlog/tile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const struct es_db_statement es_log_create_statement;
extern const struct es_db_statement es_log_origin_statement;
extern const struct es_db_statement es_log_waiting_statement;
extern const struct es_db_statement es_log_lock_statement;
extern const struct es_db_statement es_log_take_statement;
extern const struct es_db_statement es_log_drop_repeated_statement;
extern const struct es_db_statement es_log_tiles_statement;
extern const struct es_db_statement es_log_put_tiles_statement;
extern const struct es_db_statement es_log_add_checkpoint_statement;
extern const struct es_db_statement es_log_checkpoints_after_statement;
extern const struct es_db_statement es_log_root_statement;
extern const struct es_db_statement es_log_last_note_statement;

/* Make the log's row with ORIGIN unless there is one; *RET_SAME tells whether its origin is ORIGIN.
 */
enum es_db_result es_log_create(struct es_db *db, const char *origin, bool *ret_same) ES_MUST_CHECK;

struct es_log_waiting {
    int64_t leaves;    /* that wait, counted up to the limit asked for */
    int64_t oldest_ms; /* how long the oldest of them has waited; 0 when none does */
    int64_t
        since_sealed_ms; /* since the last checkpoint; since the log was made when there is none */
};

/* Look without a lock; counts at most LIMIT leaves. */
enum es_db_result es_log_waiting(struct es_db *db, int64_t limit,
                                 struct es_log_waiting *ret_waiting) ES_MUST_CHECK;

/* The rest is for one sealing transaction. Lock the log's row; its size now. */
enum es_db_result es_log_lock(struct es_db *db, int64_t *ret_size) ES_MUST_CHECK;

/* Move the first LIMIT waiting leaves (by leaf_id) into the log, from index SIZE on. ES_DB_UNIQUE
 * when one has an id that the log has already. Their hashes
 * in that order are stored in RET_HASHES, which lives in ARENA. */
enum es_db_result es_log_take(struct es_db *db, struct es_arena *arena, int64_t size, int64_t limit,
                              const struct es_hash **ret_hashes, size_t *ret_count) ES_MUST_CHECK;

/* A leaf under an id that the log has already. */
struct es_repeated_leaf {
    int64_t id;
    struct es_hash hash;
};

/* Take up to LIMIT of those out of the waiting leaves; what they were lives in ARENA. */
enum es_db_result es_log_drop_repeated(struct es_db *db, struct es_arena *arena, int64_t limit,
                                       struct es_repeated_leaf **ret_leaves,
                                       size_t *ret_count) ES_MUST_CHECK;

/* Read those of the COUNT tiles named by TILES (level and index) that exist. Results live in ARENA,
 * in no particular order. */
enum es_db_result es_log_read_tiles(struct es_db *db, struct es_arena *arena,
                                    const struct es_tile *tiles, size_t count,
                                    struct es_held_tile **ret_tiles,
                                    size_t *ret_count) ES_MUST_CHECK;

/* Store tiles, replacing shorter ones. */
enum es_db_result es_log_put_tiles(struct es_db *db, const struct es_held_tile *tiles,
                                   size_t count) ES_MUST_CHECK;

/* Record a checkpoint that adds the leaves FIRST_INDEX .. SIZE-1, put it on the list of those that
 * need a transaction, and set the log's size. */
enum es_db_result es_log_add_checkpoint(struct es_db *db, int64_t first_index, int64_t size,
                                        const struct es_hash *root, const char *note,
                                        int64_t *ret_checkpoint_id) ES_MUST_CHECK;

/* The root signed for the tree of SIZE leaves; ES_DB_NO_ROW when no checkpoint has that size. */
enum es_db_result es_log_root(struct es_db *db, int64_t size,
                              struct es_hash *ret_root) ES_MUST_CHECK;

/* The note of the last checkpoint, in ARENA; ES_DB_NO_ROW when there is none yet. */
enum es_db_result es_log_last_note(struct es_db *db, struct es_arena *arena,
                                   const char **ret_note) ES_MUST_CHECK;

/* A checkpoint as it is published. */
struct es_log_checkpoint {
    int64_t size;
    const char *note;
};

/* The first LIMIT checkpoints larger than SIZE, smallest first. Results live in ARENA. */
enum es_db_result es_log_checkpoints_after(struct es_db *db, struct es_arena *arena, int64_t size,
                                           int64_t limit, struct es_log_checkpoint **ret_items,
                                           size_t *ret_count) ES_MUST_CHECK;
