/*
 * The sealing thread: seals when a checkpoint is due, publishes what was sealed, watches the age of
 * the oldest waiting leaf (E118, FE24). It knows nothing of the chain.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

struct es_ledger;
struct es_sealer;

/* NULL with a line in ERROR when TILES_DIRECTORY cannot be used. */
struct es_sealer *es_sealer_start(struct es_ledger *ledger, struct es_buf *error) ES_MUST_CHECK;

/* Finish the running round, end the thread, release. NULL accepted. Returns NULL. */
struct es_sealer *es_sealer_stop(struct es_sealer *sealer);
