/* The chain key as commands use it: to know its address and which outputs are its own. */
#pragma once

#include "common/base/compiler.h"
#include "common/daemon/daemon.h"
#include "worker-ledger/chain/key.h"

/* The key in the file GIVEN, or in that of ELDERSAFE_CHAIN_KEY_FILE. NULL after saying what is
 * wrong; then *RET_STATUS is what to end with. */
struct es_key *es_chain_key_load(const char *given, enum es_exit *ret_status) ES_MUST_CHECK;
