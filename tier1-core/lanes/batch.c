#include "tier1-core/lanes/batch.h"

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/daemon/fault.h"
#include "common/observe/log.h"
#include "tier1-core/lanes/keys.h"

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
    int64_t *members = es_arena_alloc(tools->arena, count * sizeof(*members));
    struct es_rate_verdict *verdicts = es_arena_alloc(tools->arena, count * sizeof(*verdicts));
    for (size_t i = 0; i < count; i++) {
        members[i] = jobs[i]->member_id;
    }
    es_limiter_take_many(tools->limiter, tools->redis, tools->rate, members, count, verdicts);
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

static int compare_members(const void *a, const void *b)
{
    const struct lane_member *first = a;
    const struct lane_member *second = b;
    return (first->member_id > second->member_id) - (first->member_id < second->member_id);
}

static struct lane_member member_of_row(const struct batch_tools *tools,
                                        const struct signal_member *row, int64_t now_s)
{
    const struct es_zone *zone = es_zones_get(tools->zones, row->zone);
    if (es_bug_on(zone == NULL, "a member's time zone is unknown")) {
        zone = es_zones_get(tools->zones, ES_DAY_DEFAULT_ZONE);
    }
    return (struct lane_member){
        .member_id = row->member_id,
        .reward_account = row->reward_account,
        .zone = zone,
        .known_until_s = now_s + MEMBERS_TTL_S,
    };
}

/* Read the members in IDS from the database, into the lane's memory and into *RET_MEMBERS, sorted:
 * the memory may let go of one member of a batch for another of it. */
static enum es_db_result learn_members(const struct batch_tools *tools, const int64_t *ids,
                                       size_t count, int64_t now_s,
                                       struct lane_member **ret_members, size_t *ret_count)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    struct signal_member *found = NULL;
    size_t found_count = 0;
    enum es_db_result result =
        signals_find_members(tools->db, ids, count, tools->arena, &found, &found_count, &rows);
    if (result != ES_DB_OK) {
        return result;
    }
    struct lane_member *members = es_arena_alloc(tools->arena, found_count * sizeof(*members));
    for (size_t i = 0; i < found_count; i++) {
        members[i] = member_of_row(tools, &found[i], now_s);
        lane_members_put(tools->members, &members[i]);
    }
    qsort(members, found_count, sizeof(*members), compare_members);
    *ret_members = members;
    *ret_count = found_count;
    return ES_DB_OK;
}

/* Those of JOBS that have no zone yet are among the COUNT sorted MEMBERS, or unknown. */
static void assign_members(struct lane_job **jobs, size_t job_count,
                           const struct lane_member *members, size_t count)
{
    for (size_t i = 0; i < job_count; i++) {
        struct lane_member key = {.member_id = jobs[i]->member_id};
        const struct lane_member *member = NULL;
        if (jobs[i]->zone != NULL) {
            continue;
        }
        member = bsearch(&key, members, count, sizeof(*members), compare_members);
        if (member == NULL) {
            jobs[i]->verdict = LANE_NO_MEMBER;
        } else {
            jobs[i]->zone = member->zone;
            jobs[i]->reward_account = member->reward_account;
        }
    }
}

/* Give every job its zone and reward account, and those of nobody their verdict. */
static enum es_db_result find_members(const struct batch_tools *tools, struct lane_job **jobs,
                                      size_t count)
{
    int64_t now_s = es_clock_mono_us() / ES_US_PER_S;
    int64_t *unknown = es_arena_alloc(tools->arena, count * sizeof(*unknown));
    size_t unknown_count = 0;
    struct lane_member *learnt = NULL;
    size_t learnt_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!recall_member(tools, jobs[i], now_s)) {
            unknown[unknown_count++] = jobs[i]->member_id;
        }
    }
    if (unknown_count == 0) {
        return ES_DB_OK;
    }
    enum es_db_result result =
        learn_members(tools, unknown, unknown_count, now_s, &learnt, &learnt_count);
    if (result == ES_DB_OK) {
        assign_members(jobs, count, learnt, learnt_count);
    }
    return result;
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

static int compare_rounds(const void *a, const void *b)
{
    const struct lane_job *first = *(struct lane_job *const *)a;
    const struct lane_job *second = *(struct lane_job *const *)b;
    int order = (first->round > second->round) - (first->round < second->round);
    return order != 0 ? order : compare_jobs(a, b);
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
    es_fault_point("core.before_append");
    enum es_db_result result =
        signals_append(tools->db, batch, tools->arena, &outcomes, &outcome_count);
    if (result == ES_DB_OK) {
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

/* Give COUNT sorted jobs their outcomes: what they bring, and what stands already. */
static enum es_db_result settle(const struct batch_tools *tools, struct lane_job **jobs,
                                size_t count)
{
    size_t without = 0;
    enum es_db_result result = append(tools, jobs, count, &without);
    return result == ES_DB_OK && without > 0 ? find_earlier(tools, jobs, count, without) : result;
}

/* Signals and the first answers of their keys are one transaction. */
struct keyed_write {
    const struct batch_tools *tools;
    struct lane_job **jobs;
    size_t count;
    bool overtaken; /* another process has taken one of the keys meanwhile */
};

static void forget_outcomes(struct lane_job **jobs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        jobs[i]->outcome = (struct signal_outcome){0};
    }
}

static enum es_db_result write_keyed_body(struct es_db *db, void *context)
{
    struct keyed_write *write = context;
    forget_outcomes(write->jobs, write->count); /* those of a try that was rolled back */
    enum es_db_result result = settle(write->tools, write->jobs, write->count);
    if (result != ES_DB_OK) {
        return result;
    }
    es_fault_point("core.before_keep");
    result = keys_keep(db, write->tools->arena, write->jobs, write->count, &write->overtaken);
    return result == ES_DB_OK && write->overtaken ? ES_DB_UNIQUE : result;
}

/* Write COUNT sorted jobs, some with keys. Those whose key was taken meanwhile get their verdict
 * and go to the end: *COUNT are left. */
static enum es_db_result write_keyed(const struct batch_tools *tools, struct lane_job **jobs,
                                     size_t *count)
{
    struct keyed_write write = {.tools = tools, .jobs = jobs, .count = *count};
    enum es_db_result result = es_db_transaction(tools->db, "signals", write_keyed_body, &write);
    while (write.overtaken) {
        result = keys_answer(tools->db, tools->arena, jobs, write.count);
        write.count = keep_accepted(jobs, write.count);
        write.overtaken = false;
        if (result == ES_DB_OK && write.count > 0) {
            result = es_db_transaction(tools->db, "signals", write_keyed_body, &write);
        }
    }
    if (result != ES_DB_OK) {
        forget_outcomes(jobs, write.count);
    }
    *count = write.count;
    return result;
}

static enum es_db_result write_plain(const struct batch_tools *tools, struct lane_job **jobs,
                                     size_t count)
{
    enum es_db_result result = ES_DB_RETRY;
    for (int tries = 0; result == ES_DB_RETRY && tries < RETRIES_MAX; tries++) {
        result = settle(tools, jobs, count);
    }
    return result;
}

static bool is_refusal(enum es_db_result result)
{
    return result == ES_DB_CHECK || result == ES_DB_UNIQUE || result == ES_DB_BUG ||
           result == ES_DB_DENIED;
}

/* Write COUNT sorted jobs. What no retry can help is written in halves, so that one signal that
 * the database refuses does not take its neighbours with it. */
static enum es_db_result write_jobs(const struct batch_tools *tools, struct lane_job **jobs,
                                    size_t count)
{
    enum es_db_result result =
        keys_any(jobs, count) ? write_keyed(tools, jobs, &count) : write_plain(tools, jobs, count);
    if (result == ES_DB_OK) {
        es_fault_point("core.after_append");
        return ES_DB_OK;
    }
    if (is_refusal(result) && count > 1) {
        size_t half = count / 2;
        enum es_db_result first = write_jobs(tools, jobs, half);
        enum es_db_result second = write_jobs(tools, jobs + half, count - half);
        return first != ES_DB_OK ? first : second;
    }
    if (is_refusal(result)) {
        es_log(ES_LOG_BROKEN, "signal.refused_by_database",
               es_f_text("sqlstate", es_db_sqlstate(tools->db)),
               es_f_text("constraint", es_db_constraint(tools->db)));
    }
    for (size_t i = 0; i < count; i++) {
        if (jobs[i]->outcome.signal_id == 0) {
            jobs[i]->verdict = LANE_UNAVAILABLE;
        }
    }
    return result;
}

/* One statement can change a member's liveness only once, so it takes one day of each member. JOBS
 * is sorted: who has signals of several days among them is in as many rounds, the oldest first. */
static void number_rounds(struct lane_job **jobs, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (jobs[i]->member_id == jobs[i - 1]->member_id) {
            jobs[i]->round = jobs[i - 1]->round + (jobs[i]->day != jobs[i - 1]->day);
        }
    }
}

static enum es_db_result write_rounds(const struct batch_tools *tools, struct lane_job **jobs,
                                      size_t count)
{
    enum es_db_result worst = ES_DB_OK;
    qsort(jobs, count, sizeof(*jobs), compare_jobs);
    number_rounds(jobs, count);
    qsort(jobs, count, sizeof(*jobs), compare_rounds);
    for (size_t begin = 0, end = 0; begin < count; begin = end) {
        while (end < count && jobs[end]->round == jobs[begin]->round) {
            end++;
        }
        if (worst == ES_DB_UNAVAILABLE) { /* one deadline is enough */
            set_all(jobs + begin, end - begin, LANE_UNAVAILABLE);
            continue;
        }
        enum es_db_result result = write_jobs(tools, jobs + begin, end - begin);
        worst = result != ES_DB_OK ? result : worst;
    }
    return worst;
}

/* What we could not do does not count: who comes again as our 503 says is not too hasty. */
static void give_back_tokens(const struct batch_tools *tools, struct lane_job **jobs, size_t count)
{
    int64_t *keys = es_arena_alloc(tools->arena, count * sizeof(*keys));
    size_t untried = 0;
    for (size_t i = 0; i < count; i++) {
        if (jobs[i]->verdict == LANE_UNAVAILABLE) {
            keys[untried++] = jobs[i]->member_id;
        }
    }
    if (untried > 0) {
        es_limiter_give_back_many(tools->limiter, tools->redis, tools->rate, keys, untried);
    }
}

/* Write COUNT jobs of distinct keys. */
static enum es_db_result write_all(const struct batch_tools *tools, struct lane_job **jobs,
                                   size_t count)
{
    enum es_db_result result = find_members(tools, jobs, count);
    if (result != ES_DB_OK) {
        set_all(jobs, count, LANE_UNAVAILABLE);
        return result;
    }
    size_t going = keep_accepted(jobs, count);
    for (size_t i = 0; i < going; i++) {
        jobs[i]->day = es_day_of(jobs[i]->zone, tools->day_start_minutes, jobs[i]->facts.at_us);
    }
    return write_rounds(tools, jobs, going);
}

/* COUNT jobs that the limit lets through. Once, but for keys that are in the batch several times:
 * their first job is written and its answer kept, then the others find it. */
static enum es_db_result run_admitted(const struct batch_tools *tools, struct lane_job **jobs,
                                      size_t count)
{
    enum es_db_result result = ES_DB_OK;
    while (count > 0 && result != ES_DB_UNAVAILABLE) {
        result = keys_answer(tools->db, tools->arena, jobs, count);
        if (result != ES_DB_OK) {
            break;
        }
        count = keep_accepted(jobs, count);
        size_t firsts = keys_firsts(tools->arena, jobs, count);
        result = write_all(tools, jobs, firsts);
        jobs += firsts;
        count -= firsts;
    }
    set_all(jobs, count, LANE_UNAVAILABLE);
    return result;
}

bool batch_run(const struct batch_tools *tools, struct lane_job **jobs, size_t count)
{
    size_t going = apply_limit(tools, jobs, count);
    enum es_db_result result = run_admitted(tools, jobs, going);
    give_back_tokens(tools, jobs, going);
    return result != ES_DB_UNAVAILABLE;
}
