#include "tier1-core/lanes/members.h"

#include "common/base/mem.h"

#include <stdlib.h>

/* Set-associative: a member may be in any of WAYS neighbouring entries; the one that ends soonest
 * gives way. */
#define WAYS 4

struct lane_members {
    size_t mask;
    struct lane_member entries[];
};

struct lane_members *lane_members_new(size_t entries)
{
    struct lane_members *members =
        es_calloc(1, sizeof(*members) + entries * sizeof(members->entries[0]));
    members->mask = entries - 1;
    return members;
}

struct lane_members *lane_members_free(struct lane_members *members)
{
    free(members);
    return NULL;
}

/* First entry of MEMBER_ID's set. Fibonacci hashing spreads ids that come in steps. */
static size_t set_of(const struct lane_members *members, int64_t member_id)
{
    uint64_t mixed = (uint64_t)member_id * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(mixed >> 32) & members->mask & ~(size_t)(WAYS - 1);
}

const struct lane_member *lane_members_get(const struct lane_members *members, int64_t member_id,
                                           int64_t now_s)
{
    const struct lane_member *set = members->entries + set_of(members, member_id);
    for (size_t way = 0; way < WAYS; way++) {
        if (set[way].member_id == member_id && set[way].known_until_s > now_s) {
            return &set[way];
        }
    }
    return NULL;
}

void lane_members_put(struct lane_members *members, const struct lane_member *member)
{
    struct lane_member *set = members->entries + set_of(members, member->member_id);
    struct lane_member *victim = set;
    for (size_t way = 0; way < WAYS; way++) {
        if (set[way].member_id == member->member_id) {
            victim = &set[way];
            break;
        }
        if (set[way].known_until_s < victim->known_until_s) {
            victim = &set[way];
        }
    }
    *victim = *member;
}
