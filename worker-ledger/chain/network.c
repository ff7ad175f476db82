#include "worker-ledger/chain/network.h"

#include <string.h>

static const struct es_network_rules rules[] = {
    [ES_NETWORK_MAIN] = {"main", 0x00, 0x1d00ffff, true},
    [ES_NETWORK_TEST] = {"test", 0x6f, 0x1d00ffff, false},
    [ES_NETWORK_REGTEST] = {"regtest", 0x6f, 0x207fffff, false},
};

const struct es_network_rules *es_network_rules(enum es_network network)
{
    return &rules[network];
}

bool es_network_parse(const char *name, enum es_network *ret_network)
{
    for (size_t i = 0; i < ES_ARRAY_LEN(rules); i++) {
        if (strcmp(rules[i].name, name) == 0) {
            *ret_network = (enum es_network)i;
            return true;
        }
    }
    return false;
}
