#include "tier1-core/lanes/batch.h"

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/daemon/fault.h"
#include "common/observe/log.h"

#include <stdlib.h>
#include <string.h>

#define RETRIES_MAX 3

/* --- who may go on -------------------------------------------------------------------------- */

/* Move the jobs whose verdict is already known to the end; returns how many go on. */
static size_t keep_accepted(struct lane_job **jobs, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (jobs[i]->verdict == LANE_ACCEPTED) {
            struct lane_job *job = jobs[i];
            jobs[i] = jobs[kept];
            jobs[kept++] = job;
        }
    }
    return kept;
}

static size_t apply_limit(const struct batch_tools *tools, struct lane_job **jobs, size_t count)
{
    int64_t *keys = es_arena_alloc(tools->arena, count * sizeof(*keys));
    struct es_rate_verdict *verdicts = es_arena_alloc(tools->arena, count * sizeof(*verdicts));
    for (size_t i = 0; i < count; i++) {
        keys[i] = jobs[i]->member_id;
    }
    es_limiter_take_many(tools->limiter, tools->redis, tools->rate, keys, count, verdicts);
    for (size_t i = 0; i < count; i++) {
        jobs[i]->rate = verdicts[i];
        jobs[i]->verdict = verdicts[i].allowed ? LANE_ACCEPTED : LANE_LIMITED;
    }
    return keep_accepted(jobs, count);
}

static void set_all(struct lane_job **jobs, size_t count, enum lane_verdict verdict)
{
    for (size_t i = 0; i < count; i++) {
        jobs[i]->verdict = verdict;
    }
}

/* --- members -------------------------------------------------------------------------------- */

static bool recall_member(const struct batch_tools *tools, struct lane_job *job, int64_t now_s)
{
    const struct lane_member *known = lane_members_get(tools->members, job->member_id, now_s);
    if (known == NULL) {
        return false;
    }
    job->reward_account = known->reward_account;
    job->zone = known->zone;
    return true;
}

/* Read the members in IDS from the database into the lane's memory. */
static enum es_db_result learn_members(const struct batch_tools *tools, const int64_t *ids,
                                       size_t count, int64_t now_s)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    struct signal_member *found = NULL;
    size_t found_count = 0;
    enum es_db_result result =
        signals_find_members(tools->db, ids, count, tools->arena, &found, &found_count, &rows);
    for (size_t i = 0; result == ES_DB_OK && i < found_count; i++) {
        const struct es_zone *zone = es_zones_get(tools->zones, found[i].zone);
        if (es_bug_on(zone == NULL, "a member's time zone is unknown")) {
            zone = es_zones_get(tools->zones, ES_DAY_DEFAULT_ZONE);
        }
        lane_members_put(tools->members, &(struct lane_member){
                                             .member_id = found[i].member_id,
                                             .reward_account = found[i].reward_account,
                                             .zone = zone,
                                             .known_until_s = now_s + MEMBERS_TTL_S,
                                         });
    }
    return result;
}

/* Give every job its zone and reward account; returns how many go on. */
static size_t find_members(const struct batch_tools *tools, struct lane_job **jobs, size_t count)
{
    int64_t now_s = es_clock_mono_us() / ES_US_PER_S;
    int64_t *unknown = es_arena_alloc(tools->arena, count * sizeof(*unknown));
    size_t unknown_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!recall_member(tools, jobs[i], now_s)) {
            unknown[unknown_count++] = jobs[i]->member_id;
        }
    }
    if (unknown_count == 0) {
        return count;
    }
    if (learn_members(tools, unknown, unknown_count, now_s) != ES_DB_OK) {
        set_all(jobs, count, LANE_UNAVAILABLE);
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        if (jobs[i]->zone == NULL && !recall_member(tools, jobs[i], now_s)) {
            jobs[i]->verdict = LANE_NO_MEMBER;
        }
    }
    return keep_accepted(jobs, count);
}

/* --- order ---------------------------------------------------------------------------------- */

static int compare_keys(int64_t member_a, int32_t day_a, int64_t member_b, int32_t day_b)
{
    if (member_a != member_b) {
        return member_a < member_b ? -1 : 1;
    }
    return (day_a > day_b) - (day_a < day_b);
}

static int compare_jobs(const void *a, const void *b)
{
    const struct lane_job *first = *(struct lane_job *const *)a;
    const struct lane_job *second = *(struct lane_job *const *)b;
    return compare_keys(first->member_id, first->day, second->member_id, second->day);
}

static int compare_outcomes(const void *a, const void *b)
{
    const struct signal_outcome *first = a;
    const struct signal_outcome *second = b;
    return compare_keys(first->member_id, first->day, second->member_id, second->day);
}

/* JOBS is sorted; give each the outcome of its member and day. Returns how many still have none
 * (their outcome's signal_id is 0). */
static size_t assign_outcomes(struct lane_job **jobs, size_t count, struct signal_outcome *outcomes,
                              size_t outcome_count)
{
    size_t without = 0;
    size_t next = 0;
    qsort(outcomes, outcome_count, sizeof(*outcomes), compare_outcomes);
    for (size_t i = 0; i < count; i++) {
        int order = -1;
        while (next < outcome_count &&
               (order = compare_keys(outcomes[next].member_id, outcomes[next].day,
                                     jobs[i]->member_id, jobs[i]->day)) < 0) {
            next++;
        }
        if (next < outcome_count && order == 0) {
            jobs[i]->outcome = outcomes[next];
        } else if (jobs[i]->outcome.signal_id == 0) {
            without++;
        }
    }
    return without;
}

/* --- writing -------------------------------------------------------------------------------- */

static struct signal_batch *batch_columns(struct es_arena *arena, size_t count)
{
    struct signal_batch *batch = ES_ARENA_NEW(arena, struct signal_batch);
    batch->member_ids = es_arena_alloc(arena, count * sizeof(*batch->member_ids));
    batch->days = es_arena_alloc(arena, count * sizeof(*batch->days));
    batch->channels = es_arena_alloc(arena, count * sizeof(*batch->channels));
    batch->evidences = es_arena_alloc(arena, count * sizeof(*batch->evidences));
    batch->received_us = es_arena_alloc(arena, count * sizeof(*batch->received_us));
    batch->salts = es_arena_alloc(arena, count * sizeof(*batch->salts));
    batch->hashes = es_arena_alloc(arena, count * sizeof(*batch->hashes));
    batch->events = es_arena_alloc(arena, count * sizeof(*batch->events));
    batch->actors = es_arena_alloc(arena, count * sizeof(*batch->actors));
    batch->request_ids = es_arena_alloc(arena, count * 16);
    batch->reward_accounts = es_arena_alloc(arena, count * sizeof(*batch->reward_accounts));
    return batch;
}

static void add_to_batch(struct signal_batch *batch, struct es_arena *arena,
                         const struct lane_job *job, const unsigned char *salt)
{
    char event[SIGNAL_EVENT_SIZE];
    size_t length = signal_event(&job->facts, job->day, event);
    struct es_hash *leaf = ES_ARENA_NEW(arena, struct es_hash);
    *leaf = es_leaf_hash(salt, event, length);
    size_t at = batch->count++;
    batch->member_ids[at] = job->member_id;
    batch->days[at] = job->day;
    batch->channels[at] = signal_channel_name(job->facts.channel);
    batch->evidences[at] = SIGNAL_EVIDENCE_STRONG;
    batch->received_us[at] = job->facts.received_us;
    batch->salts[at] = (struct es_db_bytes){salt, ES_LEAF_SALT_SIZE};
    batch->hashes[at] = (struct es_db_bytes){leaf->bytes, sizeof(leaf->bytes)};
    batch->events[at] = es_arena_strndup(arena, event, length);
    batch->actors[at] = (struct es_db_bytes){job->actor, LANE_ACTOR_SIZE};
    memcpy(batch->request_ids + at * 16, job->request_id, 16);
    batch->reward_accounts[at] = job->reward_account;
}

/* The first job of each member and day; JOBS is sorted. */
static struct signal_batch *make_batch(struct es_arena *arena, struct lane_job **jobs, size_t count)
{
    struct signal_batch *batch = batch_columns(arena, count);
    unsigned char *salts = es_arena_alloc(arena, count * ES_LEAF_SALT_SIZE);
    es_random_bytes(salts, count * ES_LEAF_SALT_SIZE);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || compare_jobs(&jobs[i - 1], &jobs[i]) != 0) {
            add_to_batch(batch, arena, jobs[i], salts + i * ES_LEAF_SALT_SIZE);
        }
    }
    return batch;
}

static enum es_db_result append(const struct batch_tools *tools, struct lane_job **jobs,
                                size_t count, size_t *ret_without)
{
    struct signal_outcome *outcomes = NULL;
    size_t outcome_count = 0;
    struct signal_batch *batch = make_batch(tools->arena, jobs, count);
    enum es_db_result result = ES_DB_RETRY;
    es_fault_point("core.before_append");
    for (int tries = 0; result == ES_DB_RETRY && tries < RETRIES_MAX; tries++) {
        result = signals_append(tools->db, batch, tools->arena, &outcomes, &outcome_count);
    }
    if (result == ES_DB_OK) {
        es_fault_point("core.after_append");
        *ret_without = assign_outcomes(jobs, count, outcomes, outcome_count);
    }
    return result;
}

/* Repeats: read what stands since earlier. */
static enum es_db_result find_earlier(const struct batch_tools *tools, struct lane_job **jobs,
                                      size_t count, size_t without)
{
    int64_t *member_ids = es_arena_alloc(tools->arena, without * sizeof(*member_ids));
    int32_t *days = es_arena_alloc(tools->arena, without * sizeof(*days));
    struct signal_outcome *outcomes = NULL;
    size_t outcome_count = 0;
    size_t wanted = 0;
    for (size_t i = 0; i < count; i++) {
        if (jobs[i]->outcome.signal_id == 0) {
            member_ids[wanted] = jobs[i]->member_id;
            days[wanted++] = jobs[i]->day;
        }
    }
    enum es_db_result result =
        signals_find(tools->db, member_ids, days, wanted, tools->arena, &outcomes, &outcome_count);
    if (result == ES_DB_OK && es_bug_on(assign_outcomes(jobs, count, outcomes, outcome_count) > 0,
                                        "a signal was neither written nor there")) {
        result = ES_DB_BUG;
    }
    return result;
}

/* Write COUNT sorted jobs. What no retry can help is written in halves, so that one signal that
 * the database refuses does not take its neighbours with it. */
static void write_jobs(const struct batch_tools *tools, struct lane_job **jobs, size_t count)
{
    size_t without = 0;
    enum es_db_result result = append(tools, jobs, count, &without);
    if (result == ES_DB_OK && without > 0) {
        result = find_earlier(tools, jobs, count, without);
    }
    if (result == ES_DB_OK) {
        return;
    }
    bool refused = result == ES_DB_CHECK || result == ES_DB_UNIQUE || result == ES_DB_BUG;
    if (refused && count > 1) {
        write_jobs(tools, jobs, count / 2);
        write_jobs(tools, jobs + count / 2, count - count / 2);
        return;
    }
    if (refused) {
        es_log(ES_LOG_BROKEN, "signal.refused_by_database",
               es_f_text("sqlstate", es_db_sqlstate(tools->db)),
               es_f_text("constraint", es_db_constraint(tools->db)));
    }
    for (size_t i = 0; i < count; i++) {
        if (jobs[i]->outcome.signal_id == 0) {
            jobs[i]->verdict = LANE_UNAVAILABLE;
        }
    }
}

void batch_run(const struct batch_tools *tools, struct lane_job **jobs, size_t count)
{
    size_t going = apply_limit(tools, jobs, count);
    if (going > 0) {
        going = find_members(tools, jobs, going);
    }
    if (going == 0) {
        return;
    }
    for (size_t i = 0; i < going; i++) {
        jobs[i]->day = es_day_of(jobs[i]->zone, tools->day_start_minutes, jobs[i]->facts.at_us);
    }
    qsort(jobs, going, sizeof(*jobs), compare_jobs);
    write_jobs(tools, jobs, going);
}
