/*
 * Waiting for messages on a channel: a hint that something has happened, never the only way to
 * learn of it. A connection that subscribes is used for nothing else.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/redis/redis.h"

#include <stdbool.h>
#include <stdint.h>

enum es_redis_heard {
    ES_REDIS_QUIET,   /* nothing within the time */
    ES_REDIS_MESSAGE, /* a message, or we have just subscribed and may have missed some */
    ES_REDIS_AWAY,    /* no connection; not waited for. Pause, then try again */
};

/* Wait up to TIMEOUT_MS for a message on CHANNEL, always the same one for this connection. */
enum es_redis_heard es_redis_wait_message(struct es_redis *redis, const char *channel,
                                          int64_t timeout_ms) ES_MUST_CHECK;
