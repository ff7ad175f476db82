/* What the anchoring thread works with; the files of anchor/ share it. */
#pragma once

#include "common/base/arena.h"
#include "common/db/db.h"
#include "worker-ledger/anchor/decide.h"
#include "worker-ledger/db/transactions.h"
#include "worker-ledger/ledger.h"
#include "worker-ledger/providers/sighting.h"

#include <stdbool.h>

struct es_anchor_work {
    struct es_ledger *ledger;
    struct es_db *db;
    struct es_providers *providers;
    struct es_arena *arena;  /* of the running step */
    int64_t reward_refused;  /* checkpoint told last that its rewards cannot be made; 0: none */
    bool missing_index_told; /* a node without -txindex, once */
};

/* What PROVIDER says about the transaction TXID. That a node cannot say it for want of an index is
 * logged once. */
struct es_sighting es_anchor_ask(struct es_anchor_work *work, struct es_provider *provider,
                                 const struct es_hash *txid);

/* Log that ROW changed its state, after the change was committed. */
void es_anchor_tell(const struct es_tx_row *row, enum es_tx_state to, const char *reason);
