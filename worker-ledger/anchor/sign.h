/*
 * Signing: a checkpoint gets its transaction. Choosing and reserving coins, the signed bytes, the
 * change as new coins: all of it is one database transaction, so a crash leaves either everything
 * or nothing, and no coin is ever reserved for bytes that do not exist.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"
#include "common/db/db.h"
#include "worker-ledger/chain/build.h"
#include "worker-ledger/chain/key.h"
#include "worker-ledger/db/checkpoints.h"
#include "worker-ledger/db/coins.h"

#include <stddef.h>
#include <stdint.h>

struct es_sign_policy {
    const struct es_key *key;
    const char *origin;
    int64_t rate;  /* satoshis per 1000 bytes */
    int64_t cap;   /* of the same: the fee is never above it */
    int64_t depth; /* longest chain of our unmined transactions */
};

enum es_sign_outcome {
    ES_SIGN_IDLE,      /* no checkpoint needs a transaction now */
    ES_SIGN_SIGNED,    /* one was signed; there may be more */
    ES_SIGN_NO_COINS,  /* the coins that can be spent now do not pay for one */
    ES_SIGN_ABOVE_CAP, /* it would cost more than the cap allows */
    ES_SIGN_KNOWN,     /* of es_sign_store(): these coins only give bytes that were refused */
};

/* Sign for the next checkpoint that needs a transaction. One that could not be signed for lets the
 * others go first. */
enum es_db_result es_sign_next(struct es_db *db, const struct es_sign_policy *policy,
                               enum es_sign_outcome *ret_outcome) ES_MUST_CHECK;

/*
 * Build REQUEST (its fee rate and fee cap are set here from POLICY), store the transaction as
 * `signed` with COINS reserved for it and its change as coins. Within the caller's database
 * transaction, under es_coins_lock(). CHECKPOINT_ID 0: a split; ES_SIGN_IDLE while the back-off
 * after refused ones lasts.
 *
 * Bytes that were rejected before are not made again: the rate is raised a little until they
 * differ. When the coins do not pay for that, the outcome is ES_SIGN_KNOWN.
 */
enum es_db_result es_sign_store(struct es_db *db, struct es_arena *arena,
                                const struct es_sign_policy *policy, int64_t checkpoint_id,
                                struct es_build_request *request, const struct es_coin_row *coins,
                                enum es_sign_outcome *ret_outcome) ES_MUST_CHECK;
