/*
 * Answers of WhatsOnChain. Errors are plain text that passes on what its node said; a proof is an
 * array of one; headers come as fields and are put together again, so that their hash can be
 * computed instead of believed. Sources: developers.whatsonchain.com; mrz1836/go-whatsonchain.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"
#include "worker-ledger/providers/answers.h"
#include "worker-ledger/providers/sighting.h"

#include <stdbool.h>
#include <stddef.h>

/* POST /tx/raw. The id it answers must be that of what was sent. */
struct es_sighting es_woc_read_submit(const struct es_hash *txid, long http_status,
                                      const void *body, size_t length);

/* GET /tx/hash/{txid}. */
struct es_sighting es_woc_read_status(const struct es_hash *txid, long http_status,
                                      const void *body, size_t length);

/* GET /tx/{txid}/proof/tsc: ABSENT when it is not mined. What it points to lives in ARENA. */
enum es_question es_woc_read_proof(struct es_arena *arena, const struct es_hash *txid,
                                   long http_status, const void *body, size_t length,
                                   struct es_tsc_proof *ret_proof) ES_MUST_CHECK;

/* GET /block/{hash or height}/header. */
enum es_question es_woc_read_header(long http_status, const void *body, size_t length,
                                    struct es_block_header *ret_header) ES_MUST_CHECK;

/* GET /chain/info. */
enum es_question es_woc_read_tip(long http_status, const void *body, size_t length,
                                 struct es_tip *ret_tip) ES_MUST_CHECK;

/* GET /address/{address}/unspent/all; what only the mempool spends is left out. The items live in
 * ARENA. */
enum es_question es_woc_read_unspent(struct es_arena *arena, long http_status, const void *body,
                                     size_t length, struct es_unspent_list *ret_list) ES_MUST_CHECK;

/* GET /tx/{txid}/{vout}/spent: whether an output is spent. Of an unknown one it says "not spent" as
 * well. */
enum es_question es_woc_read_spent(long http_status, const void *body, size_t length,
                                   bool *ret_spent) ES_MUST_CHECK;
