/*
 * The arithmetic of a token bucket kept as one number (the generic cell rate algorithm): the time
 * at which the bucket will be full again. Its level is that time less now: 0 is a full bucket, each
 * token taken adds one interval, and a token may be taken while that does not pass the capacity.
 */
#pragma once

#include "common/base/clock.h"
#include "common/redis/limiter.h"

#include <stdbool.h>
#include <stdint.h>

struct es_gcra {
    int64_t interval_us; /* one token comes back in this time */
    int64_t capacity_us; /* interval times quota, so that a full bucket holds exactly QUOTA */
};

static inline struct es_gcra es_gcra_of(const struct es_rate *rate)
{
    int64_t interval_us = rate->window_s * ES_US_PER_S / rate->quota;
    interval_us = interval_us > 0 ? interval_us : 1;
    return (struct es_gcra){.interval_us = interval_us, .capacity_us = interval_us * rate->quota};
}

/* LEVEL is what the bucket has, or would have, with the token taken. */
static inline bool es_gcra_admits(const struct es_gcra *gcra, int64_t level_us)
{
    return level_us <= gcra->capacity_us;
}

static inline struct es_rate_verdict es_gcra_verdict(const struct es_gcra *gcra, int64_t level_us)
{
    if (es_gcra_admits(gcra, level_us)) {
        return (struct es_rate_verdict){
            .allowed = true, .remaining = (gcra->capacity_us - level_us) / gcra->interval_us};
    }
    int64_t wait_us = level_us - gcra->capacity_us;
    return (struct es_rate_verdict){.retry_after_s = (wait_us + ES_US_PER_S - 1) / ES_US_PER_S};
}
