/*
 * Redis for plain blocking code: one connection per thread, short deadlines, and always optional.
 *
 * PostgreSQL is the truth; Redis wakes, limits and caches. Every call may fail and every caller has
 * an answer for that. After a failure the connection is not tried again until its pause (jittered,
 * growing to 2 s) is over, so that a stopped Redis costs microseconds, not time-outs.
 */
#pragma once

#include "common/base/compiler.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct es_redis_config {
    const char *address;  /* "127.0.0.1:6379" or "unix:/path" */
    const char *user;     /* ACL user or NULL */
    const char *password; /* or NULL */
    int64_t timeout_ms;   /* of connecting, of signing in, and of each round trip */
};

struct es_redis;
struct es_redis *es_redis_new(const struct es_redis_config *config) ES_MUST_CHECK;
struct es_redis *es_redis_free(struct es_redis *redis);

/* True when there is a connection, or its pause is over and one can be made now. */
bool es_redis_up(struct es_redis *redis);

/* One command, binary safe; NULL when Redis is not there. An error reply is a reply: check
 * type. Release with freeReplyObject, or ES_CLEANUP(es_redis_reply_free_p). */
redisReply *es_redis_command(struct es_redis *redis, size_t argc, const char *const *argv,
                             const size_t *lengths) ES_MUST_CHECK;

/* The same, printf-like as hiredis takes it (%s, %b with length, %lld). */
redisReply *es_redis_commandf(struct es_redis *redis, const char *format, ...) ES_MUST_CHECK;

void es_redis_reply_free_p(redisReply **reply);

/* Pipelining: append any number of commands, then take their replies in order; the pipeline as a
 * whole has the time of one round trip. When any call fails the rest of the pipeline fails too, and
 * nothing is left over for the next one. */
bool es_redis_append(struct es_redis *redis, size_t argc, const char *const *argv,
                     const size_t *lengths) ES_MUST_CHECK;
redisReply *es_redis_next_reply(struct es_redis *redis) ES_MUST_CHECK;

/* A Lua script, by its SHA-1 with a fall-back to EVAL when the server does not know it (restart,
 * FLUSHALL, SCRIPT FLUSH). */
struct es_redis_script {
    const char *name;
    const char *source;
};
redisReply *es_redis_eval(struct es_redis *redis, const struct es_redis_script *script,
                          size_t key_count, size_t argc, const char *const *argv,
                          const size_t *lengths) ES_MUST_CHECK;
