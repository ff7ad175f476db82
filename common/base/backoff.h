/*
 * Exponential back-off with jitter: attempt 1 waits about BASE, then twice that each time,
 * never more than CAP. Jitter spreads the wait over [half, whole] so that many waiters part.
 */
#pragma once

#include <stdint.h>

int64_t es_backoff_ms(int64_t base_ms, int64_t cap_ms, unsigned attempt);
