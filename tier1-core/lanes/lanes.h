/*
 * Group-commit lanes: how a life signal becomes durable.
 *
 * Members are spread over the lanes by id. Each lane is one thread with its own database and Redis
 * connections; it takes all that waits (at most LANE_BATCH_MAX), does one Redis pipeline and one
 * set-based SQL statement, and finishes every job after the commit. So nothing acknowledged is
 * ever lost, one flush serves hundreds, and one member's signals are always in order.
 *
 * When the database is away every job of the batch ends UNAVAILABLE within the statement deadline,
 * and with it what queued up behind meanwhile, so that nobody waits through two deadlines (E131).
 * Whether a signal was written is then unknown to the caller, who may simply send it again.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/redis/limiter.h"
#include "tier1-core/db/idempotency.h"
#include "tier1-core/db/signals.h"
#include "tier1-core/domain/signal.h"

#include <stdbool.h>
#include <stdint.h>

/* A signal in four times as large a batch would cost 1 us less, and the lane megabytes more. */
#define LANE_BATCH_MAX  256
#define LANE_ACTOR_SIZE IDEMPOTENCY_CALLER_SIZE

enum lane_verdict {
    LANE_ACCEPTED,    /* committed, now or earlier the same day: OUTCOME is set */
    LANE_LIMITED,     /* too many requests of this member: RATE is set */
    LANE_NO_MEMBER,   /* unknown or terminated */
    LANE_UNAVAILABLE, /* the database did not answer in time */
    /* only with a key */
    LANE_REPLAYED,   /* the key's answer is set */
    LANE_KEY_REUSED, /* the key belongs to another request */
    LANE_KEY_BUSY,   /* the key belongs to a request that is still running */
    LANE_TOO_OLD,
};

/* How an accepted signal is answered: the lane keeps it under the signal's key. */
struct lane_reply {
    int status;
    const char *content_type;
    void (*render)(const struct signal_outcome *outcome, struct es_buf *body);
};

/* An Idempotency-Key on its way. Its caller is the job's actor. The answer of an accepted signal is
 * kept under it in the transaction that writes the signal. */
struct lane_key {
    unsigned char hash[IDEMPOTENCY_HASH_SIZE];
    unsigned char fingerprint[IDEMPOTENCY_HASH_SIZE];
    bool too_old; /* a repeat may still have its answer; a first request may not */
    const struct lane_reply *reply;
    struct es_arena *arena;                  /* the submitter's, lent for the answer */
    const struct idempotency_answer *answer; /* LANE_REPLAYED: the first one */
};

/* One signal on its way. The submitter owns the memory and leaves it alone until done() is called,
 * once, on the lane's thread. */
struct lane_job {
    /* in */
    int64_t member_id;
    struct signal_facts facts;
    unsigned char actor[LANE_ACTOR_SIZE];
    const unsigned char *request_id; /* 16 bytes */
    struct lane_key *key;            /* or NULL */
    void (*done)(struct lane_job *job);
    void *context;
    /* out */
    enum lane_verdict verdict;
    struct signal_outcome outcome;
    struct es_rate_verdict rate;
    /* the lane's */
    struct lane_job *next;
    int64_t reward_account;
    const struct es_zone *zone;
    int32_t day;
    uint32_t round; /* statement of the batch that writes it */
};

struct app;
struct lanes;

/* Start the lanes of APP (its configuration, zones, limiter and metrics are used). */
struct lanes *lanes_start(struct app *app) ES_MUST_CHECK;

/* Hand JOB to its lane. False when the lane's queue is full or the lanes are stopping: JOB is then
 * still the caller's and done() will not be called. */
bool lanes_submit(struct lanes *lanes, struct lane_job *job) ES_MUST_CHECK;

/* Finish what waits, end the threads, release. NULL accepted. Returns NULL. */
struct lanes *lanes_stop(struct lanes *lanes);

/* Jobs that wait now, over all lanes. */
int64_t lanes_waiting(const struct lanes *lanes);

/* True while no lane has been at work on one batch for longer than LIMIT_MS. */
bool lanes_alive(const struct lanes *lanes, int64_t limit_ms);

/* The limit each member's signals are under. */
const struct es_rate *lanes_rate(const struct lanes *lanes);
