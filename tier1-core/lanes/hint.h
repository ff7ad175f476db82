/*
 * Telling others that leaves wait: a word on the Redis channel eldersafe:leaves, at which
 * eldersafe-ledger looks whether SEAL_MAX is reached instead of waiting for its timer.
 *
 * A lane only leaves a mark. A thread of this module looks for it every HINT_PERIOD_MS and
 * publishes, so that however many batches come the ledger counts a few times a second. Redis may be
 * away or hang: the word is lost, and nobody waits.
 */
#pragma once

#include "common/base/compiler.h"

#define HINT_CHANNEL   "eldersafe:leaves"
#define HINT_PERIOD_MS 250

struct app;
struct hint;

/* NULL when no Redis is configured. */
struct hint *hint_start(struct app *app) ES_MUST_CHECK;
/* NULL accepted, as by hint_give(). Returns NULL. */
struct hint *hint_stop(struct hint *hint);

/* After leaves were committed. From any thread; never waits. */
void hint_give(struct hint *hint);
