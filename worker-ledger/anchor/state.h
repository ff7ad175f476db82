/* States of a transaction, as anchor.transactions keeps them. */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

enum es_tx_state {
    ES_TX_SIGNED,   /* the bytes are stored; nobody is known to have taken them */
    ES_TX_SENT,     /* a provider took them */
    ES_TX_SEEN,     /* the network has it */
    ES_TX_MINED,    /* in a block of the best chain, with proof */
    ES_TX_FINAL,    /* and enough blocks on top */
    ES_TX_REJECTED, /* the network refused it */
    ES_TX_STALE,    /* it spends a coin of a rejected one, so it can never be mined */
};
#define ES_TX_STATE_COUNT ((size_t)ES_TX_STALE + 1)

const char *es_tx_state_name(enum es_tx_state state);
bool es_tx_state_parse(const char *name, enum es_tx_state *ret_state) ES_MUST_CHECK;
