/*
 * Answers of ARC and of Arcade, which speaks the same language with another accent: 202 for 200,
 * 400 with the 46x code inside for a 46x, more statuses. One reader takes both.
 * Sources: bitcoin-sv/arc doc/arc.json, doc/errors.md; bsv-blockchain/arcade services/api_server.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"
#include "worker-ledger/providers/answers.h"
#include "worker-ledger/providers/sighting.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What HTTP_STATUS and LENGTH bytes of BODY say about TXID: the answer to a submission or to a
 * status question. An answer about another transaction is ES_SIGHT_UNCLEAR. */
struct es_sighting es_arc_read(struct es_arena *arena, const struct es_hash *txid, long http_status,
                               const void *body, size_t length);

/* The mining fee of a policy answer, in satoshis per 1000 bytes, rounded up. */
bool es_arc_read_policy(const void *body, size_t length, int64_t *ret_rate) ES_MUST_CHECK;
