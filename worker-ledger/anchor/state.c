#include "worker-ledger/anchor/state.h"

#include <string.h>

static const char *const names[ES_TX_STATE_COUNT] = {
    [ES_TX_SIGNED] = "signed", [ES_TX_SENT] = "sent",   [ES_TX_SEEN] = "seen",
    [ES_TX_MINED] = "mined",   [ES_TX_FINAL] = "final", [ES_TX_REJECTED] = "rejected",
    [ES_TX_STALE] = "stale",
};

const char *es_tx_state_name(enum es_tx_state state)
{
    return names[state];
}

bool es_tx_state_parse(const char *name, enum es_tx_state *ret_state)
{
    for (size_t i = 0; i < ES_TX_STATE_COUNT; i++) {
        if (strcmp(names[i], name) == 0) {
            *ret_state = (enum es_tx_state)i;
            return true;
        }
    }
    return false;
}
