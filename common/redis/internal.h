/*
 * What the files of common/redis share; nobody else includes this.
 *
 * connection.c  opening, back-off, dropping, bytes in and out within a deadline
 * redis.c       commands and pipelines
 * script.c      Lua scripts
 * subscribe.c   listening to a channel
 * resp.c        commands in the form they are sent in
 * limiter.c     the rate limiter; buckets.c: its local half; gcra.h: its arithmetic
 *
 * hiredis resolves, connects and parses; sending is ours, because hiredis writes without
 * MSG_NOSIGNAL and waits without a deadline.
 */
#pragma once

#include "common/base/buf.h"
#include "common/redis/redis.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct es_redis {
    struct es_redis_config config; /* its texts are owned copies */
    char *password;                /* that of config, to be wiped */
    redisContext *context;         /* NULL: not connected */
    unsigned failures;             /* in a row */
    int64_t retry_at_us;           /* monotonic; no attempt before it while failures > 0 */

    struct es_buf out; /* appended commands; the first SENT bytes are on their way */
    size_t sent;
    size_t owed; /* commands appended whose replies were not taken */
    int64_t deadline_us;
};

/* --- connection.c --- */
/* Be connected, unless the pause after a failure is not over. */
bool es_redisi_ready(struct es_redis *redis);
/* Drop the connection after a failure; the pause begins. */
void es_redisi_fail(struct es_redis *redis);
void es_redisi_drop(struct es_redis *redis);
/* Send what was appended. False: failed (and dropped). */
bool es_redisi_flush(struct es_redis *redis);
/* The next reply; NULL: failed (and dropped). */
redisReply *es_redisi_read(struct es_redis *redis);

/* --- redis.c --- */
/* Append one command in the form it is sent in. */
bool es_redisi_append(struct es_redis *redis, const struct es_buf *command);

/* Before a single command: it must not take the replies of a pipeline that its caller gave up. */
void es_redisi_forget_pipeline(struct es_redis *redis);

/* --- resp.c: RESP2 (redis.io/docs/reference/protocol-spec) --- */
void es_resp_begin(struct es_buf *out, size_t argc);
void es_resp_arg(struct es_buf *out, const void *bytes, size_t length);
void es_resp_arg_text(struct es_buf *out, const char *text);
void es_resp_arg_int(struct es_buf *out, int64_t value);

/* --- script.c --- */
#define ES_SHA1_TEXT_SIZE 41
void es_redisi_script_name(const struct es_redis_script *script, char ret_sha1[ES_SHA1_TEXT_SIZE]);
bool es_redisi_is_noscript(const redisReply *reply);
