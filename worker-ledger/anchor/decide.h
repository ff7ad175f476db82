/*
 * What to do with a transaction: the whole policy of the state machine as pure functions, so that
 * every case can be looked at and tested in one place. Asking providers and changing rows is done
 * by step.c, which takes no decision of its own.
 */
#pragma once

#include "common/base/compiler.h"
#include "worker-ledger/anchor/state.h"
#include "worker-ledger/providers/sighting.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum es_step {
    ES_STEP_WAIT,       /* all is well: look again after a while */
    ES_STEP_RETRY,      /* nothing was learnt: look again after the back-off */
    ES_STEP_ANNOUNCE,   /* send the stored bytes (again) */
    ES_STEP_REVIVE,     /* announce the transactions it spends from, then look again */
    ES_STEP_TO_SENT,    /* signed -> sent */
    ES_STEP_TO_SEEN,    /* sent -> seen */
    ES_STEP_PROVE,      /* seen -> mined, once the Merkle proof holds */
    ES_STEP_REFUSE,     /* -> rejected, unless somebody knows better */
    ES_STEP_SEEN_AGAIN, /* mined -> seen: its block left the best chain */
    ES_STEP_TO_FINAL,   /* mined -> final */
};

/* What follows from the broadcaster's answer to "what about this transaction?", for a transaction
 * that is signed, sent or seen. OVERDUE: its bytes were sent too long ago for it to be still in
 * this state (es_decide_overdue()). */
enum es_step es_decide_status(enum es_tx_state state, enum es_sight sight, bool overdue);

/* What follows from the answer to sending the bytes, in the same states. */
enum es_step es_decide_submission(enum es_tx_state state, enum es_sight sight);

/* With a second provider, TO_SEEN needs its word as well (E106): what becomes of it when that one
 * says SIGHT. */
enum es_step es_decide_verified(enum es_sight sight, bool overdue);

/* When time is up: what follows from what a second provider says, in the states sent and seen.
 * ES_STEP_ANNOUNCE when that is nothing the transaction could go on with. */
enum es_step es_decide_second_word(enum es_tx_state state, enum es_sight sight);

/* Where the block of a mined transaction stands in the chain of headers we hold. */
enum es_block_place {
    ES_BLOCK_ON_BEST,
    ES_BLOCK_OFF_BEST, /* another block has its height */
    ES_BLOCK_NOT_HELD, /* we hold no header of that height yet */
};

/* A mined transaction whose block has CONFIRMATIONS (itself included) of the NEEDED ones. */
enum es_step es_decide_mined(enum es_block_place place, int64_t confirmations, int64_t needed);

/* Whether a refusal is believed: OPINIONS are the answers of every provider that was asked for the
 * status afterwards. A transaction that anybody knows, or about which anybody keeps silent, is not
 * rejected: its coins stay reserved (J2.11). CONTEST_LOST: somebody else is known to have its coin,
 * so who still calls it contested has only not heard of that. */
bool es_decide_refusal_stands(const enum es_sight *opinions, size_t count,
                              bool contest_lost) ES_MUST_CHECK;

/* Whether a transaction in STATE that a provider sees as SIGHT is overdue: SENT_AGO_MS since its
 * bytes were last sent, against the deadline for that. A refusal of what was taken before is left
 * that time as well: Arcade's REJECTED may become SEEN_ON_NETWORK. What is only signed never is: it
 * is being sent anyway. */
struct es_deadlines {
    int64_t seen_ms;  /* for the network to see it, and for a conflict or refusal to be settled */
    int64_t mined_ms; /* for a block to hold it, and for that block's header to appear */
};
bool es_decide_overdue(enum es_tx_state state, enum es_sight sight, int64_t sent_ago_ms,
                       const struct es_deadlines *deadlines);

/* How long to wait before the next look at a transaction that is as it should be: a tenth of the
 * time it has been so, between POLL_MS and a minute. */
int64_t es_decide_pause_ms(int64_t in_state_ms, int64_t poll_ms);
