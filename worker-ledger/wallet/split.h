/*
 * The splitter: when few coins are ready and a large one is there, a transaction of its own turns
 * that into several, so that checkpoints never queue for one coin.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/db/db.h"
#include "worker-ledger/anchor/sign.h"

#include <stdbool.h>
#include <stdint.h>

struct es_split_policy {
    struct es_sign_policy sign;
    int64_t ready; /* coins to keep ready */
    int64_t value; /* satoshis of each coin made */
};

/* Sign a splitting transaction if one is needed, possible, and none is under way. *RET_SPLIT tells
 * whether one was signed; the anchoring thread sends it. */
enum es_db_result es_split(struct es_db *db, const struct es_split_policy *policy,
                           bool *ret_split) ES_MUST_CHECK;

/* Coins to make, given what there is; 0: none. Pure. */
size_t es_split_count(const struct es_split_policy *policy, const struct es_coin_totals *totals);
