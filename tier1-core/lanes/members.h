/*
 * A lane's memory of its members: zone and reward account, which every signal needs and which
 * hardly ever change. Fixed size; an entry is believed for MEMBERS_TTL_S, so a changed zone or the
 * end of a membership takes effect within that time (at once where the member's tokens are
 * revoked). Belongs to one thread.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEMBERS_TTL_S 60

struct es_zone;

struct lane_member {
    int64_t member_id;
    int64_t reward_account;
    const struct es_zone *zone;
    int64_t known_until_s; /* monotonic */
};

struct lane_members;
/* ENTRIES: a power of two. */
struct lane_members *lane_members_new(size_t entries) ES_MUST_CHECK;
struct lane_members *lane_members_free(struct lane_members *members);

/* NULL when MEMBER_ID is not known (any more) at NOW_S. Valid until the next put. */
const struct lane_member *lane_members_get(const struct lane_members *members, int64_t member_id,
                                           int64_t now_s);
void lane_members_put(struct lane_members *members, const struct lane_member *member);
