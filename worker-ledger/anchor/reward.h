/*
 * Rewards: when the network has taken a checkpoint's transaction, its leaves are rewarded and the
 * other processes are told, in one database transaction, once (E101, E103).
 */
#pragma once

#include "common/base/compiler.h"
#include "common/db/db.h"
#include "worker-ledger/anchor/work.h"
#include "worker-ledger/db/transactions.h"

/* Reward the checkpoint of ROW unless that was done. ES_DB_NO_ROW when ROW is in another state by
 * now; ES_DB_CHECK, after a line BROKEN, when its rewards cannot be made. */
enum es_db_result es_reward(struct es_anchor_work *work, const struct es_tx_row *row) ES_MUST_CHECK;
