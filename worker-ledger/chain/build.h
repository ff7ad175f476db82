/*
 * Building and signing the worker's transactions: coins in, at most one checkpoint commitment and
 * own change out.
 *
 * Version 1, every sequence final, lock time 0, SIGHASH 0x41, low S. Output 0 is the commitment
 * (when there is one), then the splits, then what is left. The same request gives the same bytes.
 * Reserving coins, storing and sending the result are the caller's business.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"
#include "common/tlog/checkpoint.h"
#include "worker-ledger/chain/key.h"
#include "worker-ledger/chain/tx.h"

#include <stddef.h>
#include <stdint.h>

#define ES_BUILD_COINS_MAX  1000
#define ES_BUILD_SPLITS_MAX 1000

/* An unspent P2PKH output of the worker's key. */
struct es_coin {
    struct es_outpoint outpoint;
    uint64_t satoshis;
};

struct es_build_request {
    const struct es_key *key;
    const struct es_coin *coins; /* all of them are spent */
    size_t coin_count;
    const struct es_checkpoint *commitment; /* NULL: no data output */
    size_t split_count;                     /* extra change outputs ... */
    uint64_t split_satoshis;                /* ... of this value each */
    uint64_t fee_rate;                      /* satoshis per 1000 bytes */
    uint64_t fee_cap;                       /* satoshis: never pay more for one transaction */
};

struct es_built {
    const unsigned char *raw;
    size_t raw_length;
    struct es_hash txid;          /* internal order */
    uint64_t fee;                 /* satoshis: inputs less outputs */
    const struct es_coin *change; /* the new coins: splits, then the rest if there is one */
    size_t change_count;
};

enum es_build_result {
    ES_BUILD_OK,
    ES_BUILD_BAD_COINS,    /* none, too many, one twice, or more satoshis than exist */
    ES_BUILD_TOO_MANY,     /* more splits than ES_BUILD_SPLITS_MAX */
    ES_BUILD_OVERFLOW,     /* splits or fee leave the range of 64 bits */
    ES_BUILD_DUST,         /* a split below ES_FEE_DUST */
    ES_BUILD_INSUFFICIENT, /* the coins do not pay for outputs and fee */
    ES_BUILD_ABOVE_CAP,    /* the fee would exceed fee_cap */
    ES_BUILD_NO_OUTPUT,    /* nothing would be left to put into an output */
    ES_BUILD_SIGNING,      /* a signature did not verify */
};

/* Build and sign. What *RET_BUILT points to lives in ARENA. When the rest is below ES_FEE_DUST
 * after paying for an output of its own, there is no such output and the rest is part of the fee.
 */
enum es_build_result es_build(struct es_arena *arena, const struct es_build_request *request,
                              struct es_built *ret_built) ES_MUST_CHECK;
