/*
 * A circuit breaker: after a number of failures in a row it opens, and calls are not tried for a
 * pause; then one probe goes through, and its outcome closes the breaker or opens it again.
 *
 * Times are monotonic microseconds. Belongs to one thread. Starts zeroed, that is closed.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct es_breaker {
    unsigned failures; /* in a row */
    bool open;
    bool probing; /* the one probe is under way */
    int64_t probe_at_us;
};

struct es_breaker_rule {
    unsigned failures_to_open; /* 0: never opens */
    int64_t open_us;
};

/* Whether a call may be tried now; if so, exactly one of the two below follows. */
bool es_breaker_allow(struct es_breaker *breaker, int64_t now_us) ES_MUST_CHECK;
void es_breaker_succeeded(struct es_breaker *breaker);
void es_breaker_failed(struct es_breaker *breaker, const struct es_breaker_rule *rule,
                       int64_t now_us);
