#include "common/redis/redis.h"

#include "common/redis/internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void es_redis_reply_free_p(redisReply **reply)
{
    if (*reply != NULL) {
        freeReplyObject(*reply);
    }
}

/* Begin a pipeline, or go on with the one that is being appended to. A pipeline whose connection
 * was lost, and whose caller has given it up, leaves nothing behind. */
static bool ready_to_append(struct es_redis *redis)
{
    if (redis->context == NULL) {
        redis->owed = 0;
    }
    return redis->owed > 0 || es_redisi_ready(redis);
}

bool es_redisi_append(struct es_redis *redis, const struct es_buf *command)
{
    if (!ready_to_append(redis)) {
        return false;
    }
    es_buf_add(&redis->out, command->data, command->length);
    redis->owed++;
    return true;
}

bool es_redis_append(struct es_redis *redis, size_t argc, const char *const *argv,
                     const size_t *lengths)
{
    if (!ready_to_append(redis)) {
        return false;
    }
    es_resp_begin(&redis->out, argc);
    for (size_t i = 0; i < argc; i++) {
        es_resp_arg(&redis->out, argv[i], lengths != NULL ? lengths[i] : strlen(argv[i]));
    }
    redis->owed++;
    return true;
}

redisReply *es_redis_next_reply(struct es_redis *redis)
{
    if (redis->owed == 0) {
        return NULL;
    }
    redis->owed--;
    if (redis->context == NULL || (redis->out.length > 0 && !es_redisi_flush(redis))) {
        return NULL;
    }
    return es_redisi_read(redis);
}

void es_redisi_forget_pipeline(struct es_redis *redis)
{
    if (redis->owed > 0) {
        es_redisi_drop(redis);
        redis->owed = 0;
    }
}

redisReply *es_redis_command(struct es_redis *redis, size_t argc, const char *const *argv,
                             const size_t *lengths)
{
    es_redisi_forget_pipeline(redis);
    return es_redis_append(redis, argc, argv, lengths) ? es_redis_next_reply(redis) : NULL;
}

redisReply *es_redis_commandf(struct es_redis *redis, const char *format, ...)
{
    va_list args;
    char *formatted = NULL;
    va_start(args, format);
    int length = redisvFormatCommand(&formatted, format, args);
    va_end(args);
    if (length < 0) { /* only a broken format string can do this */
        abort();
    }
    ES_CLEANUP(es_buf_done) struct es_buf command = ES_BUF_INIT;
    es_buf_add(&command, formatted, (size_t)length);
    free(formatted);
    es_redisi_forget_pipeline(redis);
    return es_redisi_append(redis, &command) ? es_redis_next_reply(redis) : NULL;
}
