/* The TSC Merkle proof (BRC-10) as JSON, which WhatsOnChain and the node share. */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"
#include "worker-ledger/providers/answers.h"

#include <jansson.h>
#include <stdbool.h>

/* Read PROOF (may be NULL) for TXID. Its target must be a block hash. What *RET_PROOF points to
 * lives in ARENA; the nodes are texts, checked by es_block_path_from_tsc(). */
bool es_tsc_read(struct es_arena *arena, const json_t *proof, const struct es_hash *txid,
                 struct es_tsc_proof *ret_proof) ES_MUST_CHECK;
