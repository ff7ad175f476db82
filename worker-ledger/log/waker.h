/*
 * A thread that listens on the Redis channel `eldersafe:leaves` and wakes the sealer when a tier
 * has put leaves there. Redis may come and go: without it the sealer's timer does the same work a
 * little later (E132).
 */
#pragma once

#include "common/base/compiler.h"

#define ES_WAKER_CHANNEL "eldersafe:leaves"

struct es_ledger;
struct es_waker;

/* NULL when no Redis is configured. */
struct es_waker *es_waker_start(struct es_ledger *ledger) ES_MUST_CHECK;

/* NULL accepted. Returns NULL. */
struct es_waker *es_waker_stop(struct es_waker *waker);
