/*
 * From "it is mined" to a proof: the block's header with its proof of work, the transaction's
 * Merkle path to that header's root, both checked here. Nothing a provider says is believed beyond
 * that.
 */
#pragma once

#include "common/base/compiler.h"
#include "worker-ledger/anchor/work.h"
#include "worker-ledger/db/transactions.h"

enum es_prove_result {
    ES_PROVE_OK,
    ES_PROVE_NOT_YET, /* header or path cannot be had now */
    ES_PROVE_WRONG,   /* somebody gave a header or path that does not hold */
};

/* Prove that the transaction of ROW is in the block that SIGHTING (ES_SIGHT_MINED) names. SAID_BY
 * is the provider that said so. What *RET_PROOF points to lives in the work's arena. */
enum es_prove_result es_prove(struct es_anchor_work *work, const struct es_tx_row *row,
                              const struct es_sighting *sighting, struct es_provider *said_by,
                              struct es_tx_proof *ret_proof) ES_MUST_CHECK;
