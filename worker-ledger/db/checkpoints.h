/* Checkpoints on their way onto the chain: the list of those that need a transaction, rewards, and
 * what the other processes are told. */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"
#include "common/db/db.h"
#include "common/tlog/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const struct es_db_statement es_checkpoints_next_statement;
extern const struct es_db_statement es_checkpoints_signed_statement;
extern const struct es_db_statement es_checkpoints_postpone_statement;
extern const struct es_db_statement es_checkpoints_reward_statement;
extern const struct es_db_statement es_checkpoints_tell_statement;

struct es_checkpoint_row {
    int64_t id;
    int64_t size;
    struct es_hash root;
};

/* The first checkpoint that needs a transaction and is due. ES_DB_NO_ROW when there is none. */
enum es_db_result es_checkpoints_next(struct es_db *db,
                                      struct es_checkpoint_row *ret_checkpoint) ES_MUST_CHECK;

/* Take CHECKPOINT_ID off the list; ES_DB_NO_ROW when it is not on it (any more). */
enum es_db_result es_checkpoints_signed(struct es_db *db, int64_t checkpoint_id) ES_MUST_CHECK;

/* Put CHECKPOINT_ID behind all others that are due, and leave it due: coins may come at any moment.
 * ES_DB_NO_ROW when it is not on the list. */
enum es_db_result es_checkpoints_postpone(struct es_db *db, int64_t checkpoint_id) ES_MUST_CHECK;

/* Reward its leaves (pay.post_rewards). *RET_TRANSFERS is how many transfers were made. */
enum es_db_result es_checkpoints_reward(struct es_db *db, int64_t checkpoint_id,
                                        int64_t *ret_transfers) ES_MUST_CHECK;

/* An event {"checkpoint_id","txid","size"} under TOPIC ("anchor.seen", "anchor.final") into the
 * outbox. */
enum es_db_result es_checkpoints_tell(struct es_db *db, const char *topic, int64_t checkpoint_id,
                                      const struct es_hash *txid) ES_MUST_CHECK;
