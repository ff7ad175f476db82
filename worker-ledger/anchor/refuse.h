/*
 * A transaction was refused: find out whether that is so, and what it means for the coins it holds.
 *
 * Only a definite refusal frees coins (J2.11). A refusal stands when no provider knows the
 * transaction and all of them answered; and when what it lacks is not just a transaction of ours
 * that got lost on the way, which is announced again instead. Coins that somebody else has spent
 * are set aside; the others are free for the next transaction.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/db/db.h"
#include "worker-ledger/anchor/work.h"
#include "worker-ledger/db/transactions.h"

#include <stdbool.h>

/* Deal with SIGHTING about the transaction of ROW: ES_SIGHT_REFUSED, or ES_SIGHT_CONTESTED with
 * refusal ES_REFUSAL_COIN when somebody else has won. *RET_REJECTED tells whether it was rejected;
 * if not, it is to be looked at again after the back-off. */
enum es_db_result es_refuse(struct es_anchor_work *work, const struct es_tx_row *row,
                            const struct es_sighting *sighting, bool *ret_rejected) ES_MUST_CHECK;

/* Whether the reader knows of somebody else's transaction that spends a coin of ROW, whose own it
 * does not know. */
enum es_db_result es_refuse_is_lost(struct es_anchor_work *work, const struct es_tx_row *row,
                                    bool *ret_lost) ES_MUST_CHECK;
