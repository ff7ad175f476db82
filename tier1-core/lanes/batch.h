/*
 * One batch of a lane, from the jobs taken to every job's verdict: limit, members, days, events and
 * leaves, one append, and the answers of repeats.
 */
#pragma once

#include "tier1-core/lanes/lanes.h"
#include "tier1-core/lanes/members.h"

struct es_zones;

/* What a lane lends to its batches. */
struct batch_tools {
    struct es_db *db;
    struct es_redis *redis; /* NULL: none */
    struct es_limiter *limiter;
    const struct es_rate *rate;
    struct es_zones *zones;
    struct lane_members *members;
    struct es_arena *arena; /* reset between batches */
    int32_t day_start_minutes;
};

/* Give every one of COUNT jobs its verdict. JOBS is reordered.
 * Calls no done(). False when the database did not answer. */
bool batch_run(const struct batch_tools *tools, struct lane_job **jobs, size_t count);
