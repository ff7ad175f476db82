/*
 * What a rejected transaction takes with it: the transactions that spend its change, the coins it
 * made; and what it gives back: the coins it held, and its checkpoint, which needs a new one.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/db/db.h"
#include "worker-ledger/anchor/state.h"

#include <stddef.h>
#include <stdint.h>

extern const struct es_db_statement es_refusals_family_statement;
extern const struct es_db_statement es_refusals_stale_statement;
extern const struct es_db_statement es_refusals_coins_statement;
extern const struct es_db_statement es_refusals_requeue_statement;
extern const struct es_db_statement es_refusals_count_statement;
extern const struct es_db_statement es_refusals_splits_statement;

struct es_rejection {
    int64_t transaction_id;
    enum es_tx_state from;
    const char *reason;
    const int64_t *bad_coins; /* of what it spends: not usable any more */
    size_t bad_coin_count;
    int64_t base_ms; /* the checkpoint is signed anew after a back-off that begins with this, or */
    int64_t cap_ms;  /* (0) at once */
};

/* Reject a transaction, in one database transaction, and set what descends from it to stale.
 * ES_DB_NO_ROW when it is not in that state any more. ES_DB_CHECK when a descendant is in a block,
 * so that the rejection cannot be true: nothing is changed. */
enum es_db_result es_refusals_reject(struct es_db *db,
                                     const struct es_rejection *rejection) ES_MUST_CHECK;

/* How many splits were rejected since the last one that was not, and how long ago the last of them
 * was. */
enum es_db_result es_refusals_splits(struct es_db *db, int64_t *ret_refused,
                                     int64_t *ret_ago_ms) ES_MUST_CHECK;
