#include "common/redis/internal.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SHA1_SIZE  20
#define FIXED_ARGS 3 /* command, script, number of keys */

void es_redisi_script_name(const struct es_redis_script *script, char ret_sha1[ES_SHA1_TEXT_SIZE])
{
    unsigned char digest[SHA1_SIZE];
    if (EVP_Q_digest(NULL, "SHA1", NULL, script->source, strlen(script->source), digest, NULL) !=
        1) {
        abort(); /* every OpenSSL build has SHA-1; Redis names scripts by it */
    }
    sodium_bin2hex(ret_sha1, ES_SHA1_TEXT_SIZE, digest, sizeof(digest));
}

bool es_redisi_is_noscript(const redisReply *reply)
{
    static const char prefix[] = "NOSCRIPT";
    return reply != NULL && reply->type == REDIS_REPLY_ERROR &&
           strncmp(reply->str, prefix, sizeof(prefix) - 1) == 0;
}

static redisReply *call(struct es_redis *redis, const char *command, const char *script,
                        size_t key_count, size_t argc, const char *const *argv,
                        const size_t *lengths)
{
    ES_CLEANUP(es_buf_done) struct es_buf formatted = ES_BUF_INIT;
    es_resp_begin(&formatted, FIXED_ARGS + argc);
    es_resp_arg_text(&formatted, command);
    es_resp_arg_text(&formatted, script);
    es_resp_arg_int(&formatted, (int64_t)key_count);
    for (size_t i = 0; i < argc; i++) {
        es_resp_arg(&formatted, argv[i], lengths != NULL ? lengths[i] : strlen(argv[i]));
    }
    es_redisi_forget_pipeline(redis);
    return es_redisi_append(redis, &formatted) ? es_redis_next_reply(redis) : NULL;
}

redisReply *es_redis_eval(struct es_redis *redis, const struct es_redis_script *script,
                          size_t key_count, size_t argc, const char *const *argv,
                          const size_t *lengths)
{
    char sha1[ES_SHA1_TEXT_SIZE];
    es_redisi_script_name(script, sha1);
    redisReply *reply = call(redis, "EVALSHA", sha1, key_count, argc, argv, lengths);
    if (!es_redisi_is_noscript(reply)) {
        return reply;
    }
    freeReplyObject(reply);
    return call(redis, "EVAL", script->source, key_count, argc, argv, lengths);
}
