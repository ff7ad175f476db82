/*
 * A thread that does one thing again and again: TICK, then a pause, until it is stopped. Stopping
 * interrupts the pause, never the tick.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdint.h>

struct es_ticker;

/* Call TICK(CONTEXT) now and then every PERIOD_MS on a new thread. A tick that returns true is
 * followed by the next at once. */
struct es_ticker *es_ticker_start(int64_t period_ms, _Bool (*tick)(void *context),
                                  void *context) ES_MUST_CHECK;

/* Wait for the running tick, end the thread, release. NULL accepted. Returns NULL. */
struct es_ticker *es_ticker_stop(struct es_ticker *ticker);

/* Have the next tick come at once. From any thread. */
void es_ticker_wake(struct es_ticker *ticker);
