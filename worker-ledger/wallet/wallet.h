/*
 * The wallet thread: everything read from the chain that is not about one transaction. Block
 * headers and reorganisations, the fee policy, coins from outside, the splitter, the alarm of a low
 * balance.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

struct es_ledger;
struct es_wallet;

/* NULL with a line in ERROR when no provider can be used. */
struct es_wallet *es_wallet_start(struct es_ledger *ledger, struct es_buf *error) ES_MUST_CHECK;

/* Finish the running round, end the thread, release. NULL accepted. Returns NULL. */
struct es_wallet *es_wallet_stop(struct es_wallet *wallet);
