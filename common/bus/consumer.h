/*
 * A consumer of events: takes each event of its topics in exactly once.
 *
 * One thread with connections of its own. New events come through the Redis stream within
 * milliseconds; whatever Redis lost, and what failed before, is found in PostgreSQL every two
 * seconds, and twice a second while Redis is away or not configured. Any number of consumers may
 * share a group: each event goes to one of them (C17).
 *
 * The handler runs inside a transaction that has just recorded the event as taken, so its effect
 * happens exactly once if it is written there. An event that fails is tried again after 1, 2, 4 …
 * 60 s while others pass it by; after failures_to_park tries, those that ended the process
 * included, it is parked with its error (bus.failures) until bus.replay_parked() (C16). Events of
 * one transaction, or of one aggregate whose writers lock it first, are handed on in order as long
 * as nothing fails and the group has one consumer; a handler must not need more than that.
 *
 * Tables: bus.outbox (read), bus.inbox, bus.failures, bus.consumers. Redis: eldersafe:bus.
 * Unlike other library code the consumer logs: it is a worker, and nobody else sees what it meets
 * (bus.redis_lost, bus.redis_back, bus.database_lost, bus.database_back, bus.denied, bus.allowed,
 * bus.event_failed, bus.event_parked).
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/db/db.h"
#include "common/redis/redis.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct es_event {
    int64_t event_id;
    const char *topic;
    const char *payload; /* JSON text of an object */
};

/* Write EVENT's effect through DB. ES_DB_OK: done. ES_DB_UNAVAILABLE, ES_DB_RETRY, ES_DB_DENIED:
 * not the event's fault, it is tried again for ever. Anything else is the event's failure; a few
 * stable words may be appended to REASON (never what the event holds), otherwise the database's
 * SQLSTATE is kept. May run more than once: tell nobody, count nothing. */
typedef enum es_db_result es_event_handler(struct es_db *db, const struct es_event *event,
                                           void *context, struct es_buf *reason);

struct es_consumer_topic {
    const char *topic;
    es_event_handler *handler;
};

struct es_consumer_config {
    const char *group; /* "notify"; part of every inbox row: never change it */
    struct es_db_config db;
    const struct es_redis_config *redis;             /* copied; NULL: no Redis */
    const struct es_db_statement *const *statements; /* those of the handlers */
    size_t statement_count;
    const struct es_consumer_topic *topics;
    size_t topic_count;
    void *context;                    /* for handlers and for committed() */
    void (*committed)(void *context); /* after an effect was committed; may be NULL */
    int32_t failures_to_park;         /* 1 .. 100 */
};

/* Where a consumer stands; counters since its start. */
struct es_consumer_status {
    int64_t taken;
    int64_t failed;
    int64_t parked;
    int64_t waiting; /* events not taken yet, as of the last look into PostgreSQL */
    int64_t oldest_ms;
    bool redis_up;
    bool database_up;
};

struct es_consumer;

/* The texts and tables of CONFIG must outlive the consumer. */
struct es_consumer *es_consumer_start(const struct es_consumer_config *config) ES_MUST_CHECK;

/* Finish the event at hand (within about a second when there is none), end the thread, release.
 * NULL accepted. Returns NULL. */
struct es_consumer *es_consumer_stop(struct es_consumer *consumer);

/* From any thread. */
struct es_consumer_status es_consumer_status(const struct es_consumer *consumer);

/* False when the thread has made no progress for longer than its time-outs allow. */
bool es_consumer_alive(const struct es_consumer *consumer);
