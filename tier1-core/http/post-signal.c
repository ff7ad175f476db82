/*
 * POST /api/signal {channel?, at?}: "I'm here".
 *
 * Fast path: the event thread checks token and body and hands a job to the member's lane; the lane
 * hands it back after the commit, and the event thread answers. With an Idempotency-Key the same
 * job is waited for on an executor thread instead, between claiming the key and keeping the answer.
 */
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/http/problem.h"
#include "common/json/json.h"
#include "tier1-core/app.h"
#include "tier1-core/http/caller.h"
#include "tier1-core/http/handlers.h"
#include "tier1-core/lanes/lanes.h"

#include <pthread.h>

#define CHANNEL_MAX 16
#define TIME_MAX    40

/* Body and time to facts; false after answering. */
static bool read_facts(struct es_request *request, const struct app *app,
                       struct signal_facts *ret_facts)
{
    const char *channel = "app";
    const char *at = NULL;
    const struct es_json_member members[] = {
        {.name = "channel", .type = ES_JSON_TEXT, .min = 1, .max = CHANNEL_MAX, .target = &channel},
        {.name = "at", .type = ES_JSON_TEXT, .min = 1, .max = TIME_MAX, .target = &at},
    };
    size_t length = 0;
    (void)es_request_body(request, &length);
    if (length > 0 && !es_request_read(request, members, ES_ARRAY_LEN(members))) {
        return false;
    }
    ret_facts->received_us = es_request_received_us(request);
    ret_facts->at_us = ret_facts->received_us;
    if (!signal_channel_parse(channel, &ret_facts->channel)) {
        es_respond_problem(request, ES_PROBLEM_INVALID_REQUEST,
                           "channel must be app, sms, email or phone");
        return false;
    }
    if (at == NULL) {
        return true;
    }
    if (!es_clock_parse(at, &ret_facts->at_us)) {
        es_respond_problem(request, ES_PROBLEM_INVALID_REQUEST, "at must be an RFC 3339 time");
        return false;
    }
    switch (
        signal_check_time(ret_facts->at_us, ret_facts->received_us, app->config.signal_max_age_s)) {
    case SIGNAL_TIME_OK:
        if (ret_facts->at_us > ret_facts->received_us) { /* a clock that runs ahead a little: the */
            ret_facts->at_us = ret_facts->received_us;   /* signal is of now, not of tomorrow */
        }
        return true;
    case SIGNAL_TIME_FUTURE:
        es_respond_problem(request, ES_PROBLEM_INVALID_REQUEST, "at lies in the future");
        return false;
    case SIGNAL_TIME_TOO_OLD:
        es_respond_problem(request, ES_PROBLEM_INVALID_REQUEST, "at lies too far back");
        return false;
    }
    return false;
}

/* A job for REQUEST in its arena; NULL after answering. */
static struct lane_job *make_job(struct es_request *request, struct app *app)
{
    const struct caller *caller = caller_of(request);
    struct lane_job *job = ES_ARENA_NEW(es_request_arena(request), struct lane_job);
    if (!read_facts(request, app, &job->facts)) {
        return NULL;
    }
    job->facts.subject = caller->claims.subject;
    job->member_id = caller->claims.member_id;
    job->request_id = es_request_id_bytes(request);
    _Static_assert(sizeof(job->actor) == sizeof(caller->token_hash), "actor is the token's hash");
    __builtin_memcpy(job->actor, caller->token_hash, sizeof(job->actor));
    return job;
}

static void answer_accepted(struct es_request *request, const struct signal_outcome *outcome)
{
    struct es_buf body = ES_BUF_INIT;
    struct es_json_writer json = es_json_writer_make(&body);
    es_json_begin_object(&json);
    es_json_put_id(&json, "signal_id", outcome->signal_id);
    es_json_put_date(&json, "day", outcome->day);
    es_json_put_int(&json, "streak", outcome->streak);
    es_json_put_id(&json, "balance", outcome->balance);
    es_json_key(&json, "receipt");
    es_buf_add_str(&body, "\"/api/signals/");
    es_buf_add_i64(&body, outcome->signal_id);
    es_buf_add_str(&body, "/receipt\"");
    es_json_end_object(&json);
    es_respond_json(request, 200, &body);
}

static void answer(struct es_request *request, const struct lane_job *job,
                   const struct es_rate *rate)
{
    switch (job->verdict) {
    case LANE_ACCEPTED:
        answer_accepted(request, &job->outcome);
        break;
    case LANE_LIMITED:
        es_respond_rate_limited(request, rate->name, rate->quota, rate->window_s,
                                job->rate.retry_after_s);
        break;
    case LANE_NO_MEMBER:
        es_respond_problem(request, ES_PROBLEM_FORBIDDEN, "the membership has ended");
        break;
    case LANE_UNAVAILABLE:
        es_respond_problem(request, ES_PROBLEM_UNAVAILABLE,
                           "the signal may not have been kept: send it again");
        break;
    }
}

/* --- on the event thread ------------------------------------------------------------------- */

struct fast_context {
    struct es_request *request;
    struct app *app;
};

/* On the event thread: a lane is a queue, and everybody in it would wait for this. */
static void fast_answer(struct es_request *request, void *job_)
{
    const struct lane_job *job = job_;
    const struct fast_context *context = job->context;
    answer(request, job, lanes_rate(context->app->lanes));
}

static void fast_done(struct lane_job *job)
{
    const struct fast_context *context = job->context;
    es_request_resume_to(context->request, fast_answer, job);
}

void post_signal_fast(struct es_request *request, void *app_, void *worker)
{
    (void)worker;
    struct app *app = app_;
    if (caller_find(request, app) == NULL) {
        return;
    }
    struct lane_job *job = make_job(request, app);
    if (job == NULL) {
        return;
    }
    struct fast_context *context = ES_ARENA_NEW(es_request_arena(request), struct fast_context);
    *context = (struct fast_context){.request = request, .app = app};
    job->done = fast_done;
    job->context = context;
    es_request_suspend(request);
    if (!lanes_submit(app->lanes, job)) { /* still ours */
        es_respond_problem(request, ES_PROBLEM_OVERLOADED, NULL);
        es_request_resume(request);
    }
}

/* --- on an executor thread ----------------------------------------------------------------- */

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;
};

static void waiter_done(struct lane_job *job)
{
    struct waiter *waiter = job->context;
    pthread_mutex_lock(&waiter->lock);
    waiter->is_done = true;
    pthread_cond_signal(&waiter->done);
    pthread_mutex_unlock(&waiter->lock);
}

void post_signal(struct es_request *request, void *app_, void *worker)
{
    (void)worker;
    struct app *app = app_;
    struct lane_job *job = make_job(request, app);
    if (job == NULL) {
        return;
    }
    struct waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};
    job->admitted = true; /* admit() has applied the limit */
    job->done = waiter_done;
    job->context = &waiter;
    if (!lanes_submit(app->lanes, job)) {
        es_respond_problem(request, ES_PROBLEM_OVERLOADED, NULL);
        return;
    }
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.is_done) { /* a lane always finishes: its statements have deadlines */
        pthread_cond_wait(&waiter.done, &waiter.lock);
    }
    pthread_mutex_unlock(&waiter.lock);
    answer(request, job, lanes_rate(app->lanes));
}
