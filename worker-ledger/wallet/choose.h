/* Which coins to spend: pure functions on amounts. */
#pragma once

#include "common/base/compiler.h"
#include "worker-ledger/db/coins.h"

#include <stddef.h>
#include <stdint.h>

/* Satoshis that INPUTS coins must hold together to pay for one commitment at RATE (satoshis per
 * 1000 bytes), without change. INT64_MAX when that is out of range. */
int64_t es_choose_least(size_t inputs, int64_t rate);

/* When no single coin suffices: how many of COINS (largest first) together do, from the front; 0
 * when all of them do not. */
size_t es_choose_several(const struct es_coin_row *coins, size_t count, int64_t rate);

/* How many coins of VALUE satoshis a coin of SATOSHIS can be split into at RATE, at most WANTED; 0
 * when it is not worth it (fewer than 2). */
size_t es_choose_splits(int64_t satoshis, int64_t value, int64_t rate, size_t wanted);
