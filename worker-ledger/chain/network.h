/* The networks of the chain and what differs between them. */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

enum es_network {
    ES_NETWORK_MAIN,
    ES_NETWORK_TEST,
    ES_NETWORK_REGTEST,
};

/* Source of the values: bitcoin-sv src/chainparams.cpp. */
struct es_network_rules {
    const char *name; /* "main", "test", "regtest" */
    unsigned char address_version;
    uint32_t easiest_bits; /* compact form of the largest target a block may have */
    bool steady_target;    /* each target follows from earlier blocks (see header.h) */
};

const struct es_network_rules *es_network_rules(enum es_network network);

/* From the name; false when it is none. */
bool es_network_parse(const char *name, enum es_network *ret_network) ES_MUST_CHECK;
