/*
 * The Redis stream that wakes the consumers, and the commands of a consumer group on it.
 *
 * An entry says only that an event exists (fields event_id and topic). What the event is, whether
 * it is to be taken and whether it was taken already is for PostgreSQL to say: a lost, trimmed,
 * doubled or forged entry can delay an event or cost a look-up, and nothing else.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/redis/redis.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ES_BUS_STREAM        "eldersafe:bus" /* also the key of bus.relay_position */
#define ES_STREAM_MAX_BATCH  256
#define ES_STREAM_ID_SIZE    42 /* two 64-bit decimals, a dash and a NUL */
#define ES_STREAM_TOPIC_SIZE 65

struct es_stream_entry {
    char id[ES_STREAM_ID_SIZE];
    int64_t event_id; /* 0: the entry is not of our form; acknowledge and forget it */
    char topic[ES_STREAM_TOPIC_SIZE];
};

struct es_stream_batch {
    struct es_stream_entry entries[ES_STREAM_MAX_BATCH];
    size_t count;
};

/* A group and the name of one consumer in it. */
struct es_stream_group {
    const char *group;
    const char *consumer;
};

/* Append the events EVENT_IDS with TOPICS in order, all or none, COUNT at most ES_STREAM_MAX_BATCH.
 * False: Redis is away or refuses (out of memory); what it said goes to ERROR. When no answer came
 * the entries may or may not be there. */
bool es_stream_publish(struct es_redis *redis, const int64_t *event_ids, const char *const *topics,
                       size_t count, struct es_buf *error) ES_MUST_CHECK;

/* Remove what every group has acknowledged and, because the stream must never fill Redis, the
 * oldest entries above a fixed number (the outbox still has their events). Forget consumers that
 * were silent for a day and hold nothing. */
void es_stream_trim(struct es_redis *redis);

/* Take at most COUNT new entries, waiting up to BLOCK_MS for the first. The group is made when it
 * is not there (first start, FLUSHALL). False as with es_stream_publish. */
bool es_stream_read(struct es_redis *redis, const struct es_stream_group *group, size_t count,
                    int64_t block_ms, struct es_stream_batch *ret_batch,
                    struct es_buf *error) ES_MUST_CHECK;

/* Take over at most COUNT entries that some consumer was given and has not acknowledged for
 * IDLE_MS. False as with es_stream_publish. */
bool es_stream_claim(struct es_redis *redis, const struct es_stream_group *group, size_t count,
                     int64_t idle_ms, struct es_stream_batch *ret_batch,
                     struct es_buf *error) ES_MUST_CHECK;

/* Acknowledge. Failing is harmless: the entries come again and their events were taken. */
void es_stream_acknowledge(struct es_redis *redis, const struct es_stream_group *group,
                           const char *const *ids, size_t count);
