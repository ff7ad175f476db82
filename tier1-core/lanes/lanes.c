#include "tier1-core/lanes/lanes.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/observe/log.h"
#include "tier1-core/app.h"
#include "tier1-core/lanes/batch.h"
#include "tier1-core/lanes/hint.h"
#include "tier1-core/metrics.h"
#include "tier1-core/outage.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define QUEUE_MAX      16384 /* jobs a lane may hold: more is overload, answered 503 */
#define MEMBER_ENTRIES 8192  /* members a lane remembers: repeats come within a minute */
#define LINGER_FROM    32    /* a lane lingers only while its batches are at least this large */
#define ARENA_BLOCK    (512 * 1024)

struct lane {
    struct lanes *lanes;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct lane_job *first; /* oldest; a plain FIFO */
    struct lane_job *last;
    size_t waiting;
    bool stopping;
    _Atomic int64_t busy_since_us; /* monotonic; 0: idle */
};

struct lanes {
    struct app *app;
    struct hint *hint;
    struct es_rate rate;
    size_t count;
    struct lane lane[];
};

static bool push(struct lane *lane, struct lane_job *job)
{
    pthread_mutex_lock(&lane->lock);
    bool accepted = !lane->stopping && lane->waiting < QUEUE_MAX;
    if (accepted) {
        job->next = NULL;
        if (lane->last != NULL) {
            lane->last->next = job;
        } else {
            lane->first = job;
        }
        lane->last = job;
        lane->waiting++;
        if (lane->waiting == 1 || lane->waiting == LANE_BATCH_MAX) {
            pthread_cond_signal(&lane->work);
        }
    }
    pthread_mutex_unlock(&lane->lock);
    return accepted;
}

bool lanes_submit(struct lanes *lanes, struct lane_job *job)
{
    return push(&lanes->lane[(uint64_t)job->member_id % lanes->count], job);
}

/* Wait until a full batch is there or LINGER_US have passed. The lock is held. */
static void linger(struct lane *lane, int64_t linger_us)
{
    struct timespec until;
    int64_t at_us = es_clock_mono_us() + linger_us;
    until.tv_sec = at_us / ES_US_PER_S;
    until.tv_nsec = at_us % ES_US_PER_S * 1000;
    int result = 0;
    while (result != ETIMEDOUT && lane->waiting < LANE_BATCH_MAX && !lane->stopping) {
        result = pthread_cond_timedwait(&lane->work, &lane->lock, &until);
    }
}

/* The oldest jobs, at most a batch of them, into JOBS. The lock is held. */
static size_t pop(struct lane *lane, struct lane_job **jobs)
{
    size_t count = 0;
    while (lane->first != NULL && count < LANE_BATCH_MAX) {
        jobs[count++] = lane->first;
        lane->first = lane->first->next;
    }
    lane->waiting -= count;
    if (lane->first == NULL) {
        lane->last = NULL;
    }
    return count;
}

/* Take what waits into JOBS; 0 when the lane is to end. LAST_COUNT is the batch before. */
static size_t take(struct lane *lane, struct lane_job **jobs, size_t last_count)
{
    int64_t linger_us = lane->lanes->app->config.lane_linger_us;
    pthread_mutex_lock(&lane->lock);
    while (lane->waiting == 0 && !lane->stopping) {
        pthread_cond_wait(&lane->work, &lane->lock);
    }
    if (last_count >= LINGER_FROM && lane->waiting < LANE_BATCH_MAX && linger_us > 0) {
        linger(lane, linger_us);
    }
    size_t count = pop(lane, jobs);
    pthread_mutex_unlock(&lane->lock);
    return count;
}

static void count_batch(struct lanes *lanes, struct lane_job **jobs, size_t count)
{
    static const size_t metric_of[] = {
        [LANE_ACCEPTED] = METRIC_SIGNALS_ACCEPTED,
        [LANE_LIMITED] = METRIC_SIGNALS_LIMITED,
        [LANE_NO_MEMBER] = METRIC_SIGNALS_REFUSED,
        [LANE_UNAVAILABLE] = METRIC_SIGNALS_UNAVAILABLE,
        [LANE_REPLAYED] = METRIC_SIGNALS_REPLAYED,
        [LANE_KEY_REUSED] = METRIC_SIGNALS_KEY_REFUSED,
        [LANE_KEY_BUSY] = METRIC_SIGNALS_KEY_REFUSED,
        [LANE_TOO_OLD] = METRIC_SIGNALS_TOO_OLD,
    };
    int64_t verdicts[ES_ARRAY_LEN(metric_of)] = {0};
    for (size_t i = 0; i < count; i++) {
        verdicts[jobs[i]->verdict]++;
    }
    if (verdicts[LANE_ACCEPTED] > 0) { /* repeats too: they cannot be told apart here */
        hint_give(lanes->hint);
    }
    for (size_t i = 0; i < ES_ARRAY_LEN(metric_of); i++) {
        es_metric_add(lanes->app->metrics, metric_of[i], verdicts[i]);
    }
    es_metric_observe(lanes->app->metrics, METRIC_LANE_BATCH, (double)count);
}

static void finish(struct lanes *lanes, struct lane_job **jobs, size_t count)
{
    count_batch(lanes, jobs, count);
    for (size_t i = 0; i < count; i++) {
        jobs[i]->done(jobs[i]);
    }
}

/* The database did not answer: what queued up meanwhile has waited as long as it may. */
static void give_up_waiting(struct lane *lane, struct lane_job **jobs)
{
    pthread_mutex_lock(&lane->lock);
    size_t left = lane->waiting; /* not those who come while these are answered */
    pthread_mutex_unlock(&lane->lock);
    while (left > 0) {
        pthread_mutex_lock(&lane->lock);
        size_t count = pop(lane, jobs);
        pthread_mutex_unlock(&lane->lock);
        for (size_t i = 0; i < count; i++) {
            jobs[i]->verdict = LANE_UNAVAILABLE;
        }
        finish(lane->lanes, jobs, count);
        left -= count < left ? count : left;
    }
}

static void run_lane(struct lane *lane, const struct batch_tools *tools)
{
    struct lane_job *jobs[LANE_BATCH_MAX];
    size_t count = 0;
    while ((count = take(lane, jobs, count)) > 0) {
        atomic_store(&lane->busy_since_us, es_clock_mono_us());
        bool answered = batch_run(tools, jobs, count);
        if (!answered) { /* before anybody hears of it, so that it is in the log once */
            outage_notice(lane->lanes->app->outage, tools->db);
        }
        finish(lane->lanes, jobs, count);
        if (!answered) {
            give_up_waiting(lane, jobs);
        }
        es_arena_reset(tools->arena);
        atomic_store(&lane->busy_since_us, 0);
    }
}

static void *lane_main(void *argument)
{
    struct lane *lane = argument;
    struct app *app = lane->lanes->app;
    struct batch_tools tools = {
        .db = app_db_new(app, true),
        .redis = app_redis_new(app),
        .limiter = app->limiter,
        .rate = &lane->lanes->rate,
        .zones = app->zones,
        .members = lane_members_new(MEMBER_ENTRIES),
        .arena = es_arena_new(ARENA_BLOCK),
        .day_start_minutes = (int32_t)app->config.day_start_min,
    };
    run_lane(lane, &tools);
    es_arena_free(tools.arena);
    lane_members_free(tools.members);
    es_redis_free(tools.redis);
    es_db_free(tools.db);
    return NULL;
}

static void lane_start(struct lane *lane, struct lanes *lanes)
{
    pthread_condattr_t monotonic;
    lane->lanes = lanes;
    pthread_mutex_init(&lane->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&lane->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&lane->thread, NULL, lane_main, lane) != 0) {
        abort(); /* no thread to be had at start-up: nothing can work */
    }
}

struct lanes *lanes_start(struct app *app)
{
    size_t count = (size_t)app->config.signal_lanes;
    struct lanes *lanes = es_calloc(1, sizeof(*lanes) + count * sizeof(lanes->lane[0]));
    lanes->app = app;
    lanes->hint = hint_start(app);
    lanes->count = count;
    lanes->rate = (struct es_rate){
        .name = "signal",
        .quota = app->config.signal_quota,
        .window_s = app->config.signal_window_s,
    };
    for (size_t i = 0; i < count; i++) {
        lane_start(&lanes->lane[i], lanes);
    }
    return lanes;
}

struct lanes *lanes_stop(struct lanes *lanes)
{
    for (size_t i = 0; lanes != NULL && i < lanes->count; i++) {
        struct lane *lane = &lanes->lane[i];
        pthread_mutex_lock(&lane->lock);
        lane->stopping = true;
        pthread_cond_signal(&lane->work);
        pthread_mutex_unlock(&lane->lock);
        pthread_join(lane->thread, NULL);
        pthread_cond_destroy(&lane->work);
        pthread_mutex_destroy(&lane->lock);
    }
    if (lanes != NULL) {
        hint_stop(lanes->hint);
    }
    free(lanes);
    return NULL;
}

int64_t lanes_waiting(const struct lanes *lanes)
{
    int64_t waiting = 0;
    for (size_t i = 0; i < lanes->count; i++) {
        struct lane *lane = (struct lane *)(uintptr_t)&lanes->lane[i];
        pthread_mutex_lock(&lane->lock);
        waiting += (int64_t)lane->waiting;
        pthread_mutex_unlock(&lane->lock);
    }
    return waiting;
}

bool lanes_alive(const struct lanes *lanes, int64_t limit_ms)
{
    int64_t now_us = es_clock_mono_us();
    for (size_t i = 0; i < lanes->count; i++) {
        int64_t since_us = atomic_load(&lanes->lane[i].busy_since_us);
        if (since_us != 0 && now_us - since_us > limit_ms * ES_US_PER_MS) {
            return false;
        }
    }
    return true;
}

const struct es_rate *lanes_rate(const struct lanes *lanes)
{
    return &lanes->rate;
}
