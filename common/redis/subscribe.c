#include "common/redis/subscribe.h"

#include "common/base/clock.h"
#include "common/base/wait.h"
#include "common/redis/internal.h"

#include <poll.h>
#include <string.h>

/* On a new connection. Its context is NULL from the moment it is lost until the next call of this,
 * so it tells whether we are subscribed. */
static enum es_redis_heard subscribe(struct es_redis *redis, const char *channel)
{
    const char *const argv[] = {"SUBSCRIBE", channel};
    ES_CLEANUP(es_redis_reply_free_p) redisReply *reply = es_redis_command(redis, 2, argv, NULL);
    if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        es_redisi_fail(redis); /* refused by the access list: as good as away */
    }
    return redis->context != NULL ? ES_REDIS_MESSAGE : ES_REDIS_AWAY;
}

static bool readable(const struct es_redis *redis, int64_t timeout_ms)
{
    int64_t until_us = es_clock_mono_us() + timeout_ms * ES_US_PER_MS;
    return es_wait_fd(redis->context->fd, POLLIN, until_us) != 0;
}

/* Take all messages that have come. False when the connection was lost. */
static bool drain(struct es_redis *redis)
{
    do {
        redis->deadline_us = es_clock_mono_us() + redis->config.timeout_ms * ES_US_PER_MS;
        ES_CLEANUP(es_redis_reply_free_p) redisReply *reply = es_redisi_read(redis);
        if (reply == NULL) {
            return false;
        }
    } while (readable(redis, 0));
    return true;
}

enum es_redis_heard es_redis_wait_message(struct es_redis *redis, const char *channel,
                                          int64_t timeout_ms)
{
    if (redis->context == NULL) {
        return subscribe(redis, channel);
    }
    if (!readable(redis, timeout_ms)) {
        return ES_REDIS_QUIET;
    }
    return drain(redis) ? ES_REDIS_MESSAGE : ES_REDIS_AWAY;
}
