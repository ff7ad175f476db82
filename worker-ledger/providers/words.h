/*
 * What a node's reason for not taking a transaction means. WhatsOnChain passes these texts on and
 * ARC puts them into extraInfo, so all three are read here. Sources: bitcoin-sv src/validation.cpp,
 * src/policy/policy.cpp, src/rpc/rawtransaction.cpp.
 */
#pragma once

#include "common/base/compiler.h"
#include "worker-ledger/providers/sighting.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Look for a known reason in LENGTH bytes of TEXT (any case, anywhere in it) and store what it
 * means: "already known" is ES_SIGHT_TAKEN, a reason that passes by itself is ES_SIGHT_BUSY, the
 * others are ES_SIGHT_REFUSED. False when there is no reason we know.
 */
bool es_words_read(const char *text, size_t length, struct es_sighting *ret_sighting) ES_MUST_CHECK;
