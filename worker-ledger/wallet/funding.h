/*
 * Funding by hand: which outputs of a transaction pay our key. For `eldersafectl coin add`, where
 * no provider lists coins. Pure; storing them is es_coins_learn().
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"
#include "worker-ledger/chain/build.h"
#include "worker-ledger/chain/script.h"

#include <stdbool.h>
#include <stddef.h>

/* The outputs of the LENGTH raw bytes that are P2PKH to KEY_HASH, as coins in ARENA. False when the
 * bytes are no transaction; *RET_COUNT is 0 when it pays us nothing. */
bool es_funding_find(struct es_arena *arena, const void *raw, size_t length,
                     const unsigned char key_hash[ES_KEY_HASH_SIZE], struct es_coin **ret_coins,
                     size_t *ret_count) ES_MUST_CHECK;
