/* Our coins (unspent outputs) in PostgreSQL. */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"
#include "common/db/db.h"
#include "worker-ledger/chain/build.h"
#include "worker-ledger/providers/answers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const struct es_db_statement es_coins_lock_statement;
extern const struct es_db_statement es_coins_free_statement;
extern const struct es_db_statement es_coins_largest_statement;
extern const struct es_db_statement es_coins_depth_statement;
extern const struct es_db_statement es_coins_reserve_statement;
extern const struct es_db_statement es_coins_add_change_statement;
extern const struct es_db_statement es_coins_learn_statement;
extern const struct es_db_statement es_coins_trust_again_statement;
extern const struct es_db_statement es_coins_spent_by_statement;
extern const struct es_db_statement es_coins_totals_statement;

/* One transaction at a time chooses, reserves or frees coins, over all processes: hold this lock
 * (until the end of the database transaction) first. */
enum es_db_result es_coins_lock(struct es_db *db) ES_MUST_CHECK;

struct es_coin_row {
    int64_t id;
    struct es_coin coin;
    int64_t made_by; /* our transaction; 0: it came from outside */
    bool settled;    /* in a block, as far as we know */
};

/* Coins that can be spent: free, usable, and not made by a transaction of ours that nobody has
 * taken yet. Smallest first, at most LIMIT with at least LEAST satoshis. */
enum es_db_result es_coins_free(struct es_db *db, struct es_arena *arena, int64_t least,
                                int64_t limit, struct es_coin_row **ret_coins,
                                size_t *ret_count) ES_MUST_CHECK;

/* The same, largest first: what a splitter or a consolidation takes. */
enum es_db_result es_coins_largest(struct es_db *db, struct es_arena *arena, int64_t limit,
                                   struct es_coin_row **ret_coins, size_t *ret_count) ES_MUST_CHECK;

/* How many of our unmined transactions stand one on another up to and including the one that made
 * the coin (0 for a coin that is settled); counting stops above LIMIT. */
enum es_db_result es_coins_depth(struct es_db *db, const struct es_coin_row *coin, int64_t limit,
                                 int64_t *ret_depth) ES_MUST_CHECK;

/* Reserve COINS for TRANSACTION_ID; ES_DB_NO_ROW when one of them is not free any more (then roll
 * back). */
enum es_db_result es_coins_reserve(struct es_db *db, int64_t transaction_id,
                                   const struct es_coin_row *coins, size_t count) ES_MUST_CHECK;

/* The change of TRANSACTION_ID as new coins. */
enum es_db_result es_coins_add_change(struct es_db *db, int64_t transaction_id,
                                      const struct es_coin *coins, size_t count) ES_MUST_CHECK;

/* Outputs from outside that pay us: those not known yet become coins. *RET_NEW is how many. */
enum es_db_result es_coins_learn(struct es_db *db, const struct es_coin *coins, size_t count,
                                 int64_t *ret_new) ES_MUST_CHECK;

/* A provider lists these as unspent in a block: those that were set aside as unusable are usable
 * again, also when the transaction that made them was given up: it was mined in spite of that.
 * *RET_COUNT is how many. */
enum es_db_result es_coins_trust_again(struct es_db *db, const struct es_coin *coins, size_t count,
                                       int64_t *ret_count) ES_MUST_CHECK;

/* What a transaction of ours spends. */
struct es_spent_coin {
    int64_t id;
    struct es_outpoint outpoint;
    bool made_by_us;
    bool settled; /* as in struct es_coin_row */
};
enum es_db_result es_coins_spent_by(struct es_db *db, struct es_arena *arena,
                                    int64_t transaction_id, struct es_spent_coin **ret_coins,
                                    size_t *ret_count) ES_MUST_CHECK;

struct es_coin_totals {
    int64_t ready;            /* free coins of at least the value asked for */
    int64_t largest;          /* satoshis of the largest free coin */
    int64_t free_satoshis;    /* in free coins that can pay for a transaction */
    int64_t unsettled_splits; /* splitting transactions not mined yet */
};
enum es_db_result es_coins_totals(struct es_db *db, int64_t least,
                                  struct es_coin_totals *ret_totals) ES_MUST_CHECK;
