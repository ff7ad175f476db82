/*
 * POST /api/signal {channel?, at?}: "I'm here".
 *
 * The event thread checks token and body and hands a job to the member's lane; the lane hands it
 * back after the commit, and the event thread answers.
 */
#include "common/base/clock.h"
#include "common/http/problem.h"
#include "common/json/json.h"
#include "tier1-core/app.h"
#include "tier1-core/http/caller.h"
#include "tier1-core/http/handlers.h"
#include "tier1-core/http/idempotent.h"
#include "tier1-core/lanes/lanes.h"

#include <string.h>

#define CHANNEL_MAX 16
#define TIME_MAX    40
#define TOO_OLD     "at lies too far back"

/* Body and time to JOB's facts; false after answering. */
static bool read_facts(struct es_request *request, const struct app *app, struct lane_job *job)
{
    struct signal_facts *facts = &job->facts;
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
    facts->received_us = es_request_received_us(request);
    facts->at_us = facts->received_us;
    if (!signal_channel_parse(channel, &facts->channel)) {
        es_respond_problem(request, ES_PROBLEM_INVALID_REQUEST,
                           "channel must be app, sms, email or phone");
        return false;
    }
    if (at == NULL) {
        return true;
    }
    if (!es_clock_parse(at, &facts->at_us)) {
        es_respond_problem(request, ES_PROBLEM_INVALID_REQUEST, "at must be an RFC 3339 time");
        return false;
    }
    switch (signal_check_time(facts->at_us, facts->received_us, app->config.signal_max_age_s)) {
    case SIGNAL_TIME_OK:
        if (facts->at_us > facts->received_us) { /* a clock that runs ahead a little: the */
            facts->at_us = facts->received_us;   /* signal is of now, not of tomorrow */
        }
        return true;
    case SIGNAL_TIME_FUTURE:
        es_respond_problem(request, ES_PROBLEM_INVALID_REQUEST, "at lies in the future");
        return false;
    case SIGNAL_TIME_TOO_OLD:
        if (job->key != NULL) { /* it may have been answered when it was young */
            job->key->too_old = true;
            return true;
        }
        es_respond_problem(request, ES_PROBLEM_INVALID_REQUEST, TOO_OLD);
        return false;
    }
    return false;
}

static void render(const struct signal_outcome *outcome, struct es_buf *body)
{
    struct es_json_writer json = es_json_writer_make(body);
    es_json_begin_object(&json);
    es_json_put_id(&json, "signal_id", outcome->signal_id);
    es_json_put_date(&json, "day", outcome->day);
    es_json_put_int(&json, "streak", outcome->streak);
    es_json_put_id(&json, "balance", outcome->balance);
    es_json_key(&json, "receipt");
    es_buf_add_str(body, "\"/api/signals/");
    es_buf_add_i64(body, outcome->signal_id);
    es_buf_add_str(body, "/receipt\"");
    es_json_end_object(&json);
}

static const struct lane_reply accepted = {
    .status = 200,
    .content_type = "application/json",
    .render = render,
};

/* REQUEST's Idempotency-Key, if it has one; false after answering. */
static bool read_key(struct es_request *request, struct lane_job *job)
{
    const char *text = NULL;
    unsigned char fingerprint[IDEMPOTENCY_HASH_SIZE];
    if (!es_request_idempotency_key(request, &text, fingerprint)) {
        return false;
    }
    if (text != NULL) {
        job->key = ES_ARENA_NEW(es_request_arena(request), struct lane_key);
        job->key->reply = &accepted;
        job->key->arena = es_request_arena(request);
        idempotent_key_hash(text, job->key->hash);
        memcpy(job->key->fingerprint, fingerprint, sizeof(fingerprint));
    }
    return true;
}

/* A job for REQUEST in its arena; NULL after answering. */
static struct lane_job *make_job(struct es_request *request, struct app *app)
{
    const struct caller *caller = caller_of(request);
    struct lane_job *job = ES_ARENA_NEW(es_request_arena(request), struct lane_job);
    if (!read_key(request, job) || !read_facts(request, app, job)) {
        return NULL;
    }
    job->facts.subject = caller->claims.subject;
    job->member_id = caller->claims.member_id;
    job->request_id = es_request_id_bytes(request);
    _Static_assert(sizeof(job->actor) == sizeof(caller->token_hash), "actor is the token's hash");
    memcpy(job->actor, caller->token_hash, sizeof(job->actor));
    return job;
}

static void answer_accepted(struct es_request *request, const struct signal_outcome *outcome)
{
    struct es_buf body = ES_BUF_INIT;
    render(outcome, &body);
    es_respond(request, (unsigned)accepted.status, accepted.content_type, &body);
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
    case LANE_REPLAYED:
        idempotent_respond(request, job->key->answer);
        es_respond_idempotency(request, ES_IDEMPOTENCY_REPLAY);
        break;
    case LANE_KEY_REUSED:
        es_respond_idempotency(request, ES_IDEMPOTENCY_MISMATCH);
        break;
    case LANE_KEY_BUSY:
        es_respond_idempotency(request, ES_IDEMPOTENCY_RUNNING);
        break;
    case LANE_TOO_OLD:
        es_respond_problem(request, ES_PROBLEM_INVALID_REQUEST, TOO_OLD);
        break;
    }
}

struct context {
    struct es_request *request;
    struct app *app;
};

/* On the event thread: a lane is a queue, and everybody in it would wait for this. */
static void answer_job(struct es_request *request, void *job_)
{
    const struct lane_job *job = job_;
    const struct context *context = job->context;
    answer(request, job, lanes_rate(context->app->lanes));
}

static void hand_back(struct lane_job *job)
{
    const struct context *context = job->context;
    es_request_resume_to(context->request, answer_job, job);
}

void post_signal(struct es_request *request, void *app_, void *worker)
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
    struct context *context = ES_ARENA_NEW(es_request_arena(request), struct context);
    *context = (struct context){.request = request, .app = app};
    job->done = hand_back;
    job->context = context;
    es_request_suspend(request);
    if (!lanes_submit(app->lanes, job)) { /* still ours */
        es_respond_problem(request, ES_PROBLEM_OVERLOADED, NULL);
        es_request_resume(request);
    }
}
