#include "worker-ledger/anchor/decide.h"

#define PAUSE_PART   10
#define PAUSE_MAX_MS INT64_C(60000)

/* In time, and when overdue. Only live states that providers are asked about have lines. */
struct choice {
    enum es_step in_time;
    enum es_step overdue;
};

#define BOTH(step)                                                                                 \
    {                                                                                              \
        (step), (step)                                                                             \
    }
#define WAIT_THEN_ANNOUNCE                                                                         \
    {                                                                                              \
        ES_STEP_WAIT, ES_STEP_ANNOUNCE                                                             \
    }

static const struct choice on_status[][ES_SIGHT_COUNT] = {
    [ES_TX_SIGNED] =
        {
            [ES_SIGHT_UNCLEAR] = BOTH(ES_STEP_ANNOUNCE),
            [ES_SIGHT_BUSY] = BOTH(ES_STEP_RETRY),
            [ES_SIGHT_UNKNOWN] = BOTH(ES_STEP_ANNOUNCE),
            [ES_SIGHT_TAKEN] = BOTH(ES_STEP_TO_SENT),
            [ES_SIGHT_ORPHAN] = BOTH(ES_STEP_TO_SENT),
            [ES_SIGHT_SEEN] = BOTH(ES_STEP_TO_SENT),
            [ES_SIGHT_CONTESTED] = BOTH(ES_STEP_TO_SENT),
            [ES_SIGHT_STALE_BLOCK] = BOTH(ES_STEP_TO_SENT),
            [ES_SIGHT_MINED] = BOTH(ES_STEP_TO_SENT),
            [ES_SIGHT_REFUSED] = BOTH(ES_STEP_REFUSE),
        },
    [ES_TX_SENT] =
        {
            [ES_SIGHT_UNCLEAR] = {ES_STEP_RETRY, ES_STEP_ANNOUNCE},
            [ES_SIGHT_BUSY] = BOTH(ES_STEP_RETRY),
            [ES_SIGHT_UNKNOWN] = WAIT_THEN_ANNOUNCE,
            [ES_SIGHT_TAKEN] = WAIT_THEN_ANNOUNCE,
            [ES_SIGHT_ORPHAN] = {ES_STEP_REVIVE, ES_STEP_ANNOUNCE},
            [ES_SIGHT_SEEN] = BOTH(ES_STEP_TO_SEEN),
            [ES_SIGHT_CONTESTED] = WAIT_THEN_ANNOUNCE,
            [ES_SIGHT_STALE_BLOCK] = BOTH(ES_STEP_TO_SEEN),
            [ES_SIGHT_MINED] = BOTH(ES_STEP_TO_SEEN),
            [ES_SIGHT_REFUSED] = {ES_STEP_WAIT, ES_STEP_REFUSE}, /* it may be taken back */
        },
    [ES_TX_SEEN] =
        {
            [ES_SIGHT_UNCLEAR] = {ES_STEP_RETRY, ES_STEP_ANNOUNCE},
            [ES_SIGHT_BUSY] = BOTH(ES_STEP_RETRY),
            [ES_SIGHT_UNKNOWN] = BOTH(ES_STEP_ANNOUNCE), /* the network had it and dropped it */
            [ES_SIGHT_TAKEN] = WAIT_THEN_ANNOUNCE,
            [ES_SIGHT_ORPHAN] = {ES_STEP_REVIVE, ES_STEP_ANNOUNCE},
            [ES_SIGHT_SEEN] = WAIT_THEN_ANNOUNCE,
            [ES_SIGHT_CONTESTED] = WAIT_THEN_ANNOUNCE,
            [ES_SIGHT_STALE_BLOCK] = WAIT_THEN_ANNOUNCE,
            [ES_SIGHT_MINED] = BOTH(ES_STEP_PROVE),
            [ES_SIGHT_REFUSED] = {ES_STEP_WAIT, ES_STEP_REFUSE}, /* it may be taken back */
        },
};

enum es_step es_decide_status(enum es_tx_state state, enum es_sight sight, bool overdue)
{
    const struct choice *choice = &on_status[state][sight];
    return overdue ? choice->overdue : choice->in_time;
}

enum es_step es_decide_submission(enum es_tx_state state, enum es_sight sight)
{
    switch (sight) {
    case ES_SIGHT_UNCLEAR:
    case ES_SIGHT_BUSY:
    case ES_SIGHT_UNKNOWN: /* no provider answers a submission so: a wrong URL, perhaps */
        return ES_STEP_RETRY;
    case ES_SIGHT_REFUSED:
        return ES_STEP_REFUSE;
    case ES_SIGHT_TAKEN:
    case ES_SIGHT_ORPHAN:
    case ES_SIGHT_SEEN:
    case ES_SIGHT_CONTESTED:
    case ES_SIGHT_STALE_BLOCK:
    case ES_SIGHT_MINED:
        break;
    }
    return state == ES_TX_SIGNED ? ES_STEP_TO_SENT : ES_STEP_WAIT;
}

enum es_step es_decide_verified(enum es_sight sight, bool overdue)
{
    switch (sight) {
    case ES_SIGHT_SEEN:
    case ES_SIGHT_STALE_BLOCK:
    case ES_SIGHT_MINED:
        return ES_STEP_TO_SEEN;
    case ES_SIGHT_UNCLEAR:
    case ES_SIGHT_BUSY:
        return ES_STEP_RETRY;
    case ES_SIGHT_UNKNOWN:
    case ES_SIGHT_TAKEN:
    case ES_SIGHT_ORPHAN:
    case ES_SIGHT_CONTESTED:
    case ES_SIGHT_REFUSED:
        break;
    }
    return overdue ? ES_STEP_ANNOUNCE : ES_STEP_WAIT;
}

enum es_step es_decide_second_word(enum es_tx_state state, enum es_sight sight)
{
    bool in_block = sight == ES_SIGHT_MINED;
    bool known = in_block || sight == ES_SIGHT_SEEN || sight == ES_SIGHT_STALE_BLOCK;
    if (state == ES_TX_SENT) {
        return known ? ES_STEP_TO_SEEN : ES_STEP_ANNOUNCE;
    }
    return in_block ? ES_STEP_PROVE : ES_STEP_ANNOUNCE;
}

enum es_step es_decide_mined(enum es_block_place place, int64_t confirmations, int64_t needed)
{
    switch (place) {
    case ES_BLOCK_OFF_BEST:
        return ES_STEP_SEEN_AGAIN;
    case ES_BLOCK_NOT_HELD:
        return ES_STEP_WAIT;
    case ES_BLOCK_ON_BEST:
        break;
    }
    return confirmations >= needed ? ES_STEP_TO_FINAL : ES_STEP_WAIT;
}

bool es_decide_refusal_stands(const enum es_sight *opinions, size_t count, bool contest_lost)
{
    for (size_t i = 0; i < count; i++) {
        bool agrees = opinions[i] == ES_SIGHT_UNKNOWN || opinions[i] == ES_SIGHT_REFUSED ||
                      (opinions[i] == ES_SIGHT_CONTESTED && contest_lost);
        if (!agrees) {
            return false;
        }
    }
    return count > 0;
}

bool es_decide_overdue(enum es_tx_state state, enum es_sight sight, int64_t sent_ago_ms,
                       const struct es_deadlines *deadlines)
{
    bool soon = state == ES_TX_SENT || sight == ES_SIGHT_CONTESTED || sight == ES_SIGHT_REFUSED;
    return state != ES_TX_SIGNED && sent_ago_ms > (soon ? deadlines->seen_ms : deadlines->mined_ms);
}

int64_t es_decide_pause_ms(int64_t in_state_ms, int64_t poll_ms)
{
    int64_t pause_ms = in_state_ms / PAUSE_PART;
    if (pause_ms > PAUSE_MAX_MS) {
        pause_ms = PAUSE_MAX_MS;
    }
    return pause_ms < poll_ms ? poll_ms : pause_ms;
}
