/*
 * The anchoring thread: signs a transaction for each checkpoint that needs one, and takes every
 * transaction of ours through its states until it is final, with the rewards that follow from it.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

struct es_anchorer;
struct es_ledger;

/* NULL with a line in ERROR when no provider can be used. */
struct es_anchorer *es_anchorer_start(struct es_ledger *ledger, struct es_buf *error) ES_MUST_CHECK;

/* Finish the running step, end the thread, release. NULL accepted. Returns NULL. */
struct es_anchorer *es_anchorer_stop(struct es_anchorer *anchorer);
