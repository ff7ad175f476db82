#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/base/wait.h"
#include "common/base/wipe.h"
#include "common/crypto/keyfile.h"
#include "common/redis/internal.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BACKOFF_BASE_MS 50
#define BACKOFF_CAP_MS  2000
#define UNIX_PREFIX     "unix:"
#define MAX_PORT        65535
#define READ_SIZE       16384
#define AUTH_ROOM       64 /* of the command, beside user and password */

/* --- the object ---------------------------------------------------------------------------- */
static char *copy_or_null(const char *text)
{
    return text != NULL ? es_strdup(text) : NULL;
}

struct es_redis *es_redis_new(const struct es_redis_config *config)
{
    struct es_redis *redis = ES_NEW(struct es_redis);
    redis->config = *config;
    redis->config.address = es_strdup(config->address);
    redis->config.user = copy_or_null(config->user);
    redis->password = copy_or_null(config->password);
    redis->config.password = redis->password;
    return redis;
}

struct es_redis *es_redis_free(struct es_redis *redis)
{
    if (redis == NULL) {
        return NULL;
    }
    es_redisi_drop(redis);
    es_buf_done(&redis->out);
    es_free_p(&redis->config.address);
    es_free_p(&redis->config.user);
    es_secret_free(redis->password);
    free(redis);
    return NULL;
}

void es_redisi_drop(struct es_redis *redis)
{
    if (redis->context != NULL) {
        redisFree(redis->context);
        redis->context = NULL;
    }
    es_buf_clear(&redis->out);
    redis->sent = 0;
}

void es_redisi_fail(struct es_redis *redis)
{
    es_redisi_drop(redis);
    redis->failures++;
    int64_t pause_ms = es_backoff_ms(BACKOFF_BASE_MS, BACKOFF_CAP_MS, redis->failures);
    redis->retry_at_us = es_clock_mono_us() + pause_ms * ES_US_PER_MS;
}

static void begin_round_trip(struct es_redis *redis)
{
    redis->deadline_us = es_clock_mono_us() + redis->config.timeout_ms * ES_US_PER_MS;
}

/* --- bytes in and out ---------------------------------------------------------------------- */
static bool try_again(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

bool es_redisi_flush(struct es_redis *redis)
{
    int fd = redis->context->fd;
    begin_round_trip(redis);
    while (redis->sent < redis->out.length) {
        ssize_t sent = send(fd, redis->out.data + redis->sent, redis->out.length - redis->sent,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            redis->sent += (size_t)sent;
        } else if (!try_again() || es_wait_fd(fd, POLLOUT, redis->deadline_us) == 0) {
            es_redisi_fail(redis);
            return false;
        }
    }
    es_buf_clear(&redis->out);
    redis->sent = 0;
    return true;
}

/* Feed the parser with what has come. False: nothing came in time, or the connection is gone. */
static bool receive(struct es_redis *redis)
{
    char bytes[READ_SIZE];
    int fd = redis->context->fd;
    ssize_t length = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (length < 0 && try_again()) {
        return es_wait_fd(fd, POLLIN, redis->deadline_us) != 0;
    }
    return length > 0 && redisReaderFeed(redis->context->reader, bytes, (size_t)length) == REDIS_OK;
}

redisReply *es_redisi_read(struct es_redis *redis)
{
    for (;;) {
        void *reply = NULL;
        if (redisReaderGetReply(redis->context->reader, &reply) != REDIS_OK) {
            break;
        }
        if (reply != NULL) {
            redis->failures = 0;
            return reply;
        }
        if (!receive(redis)) {
            break;
        }
    }
    es_redisi_fail(redis);
    return NULL;
}

/* --- opening ------------------------------------------------------------------------------- */
/* "127.0.0.1:6379", "[::1]:6379" or "unix:/path". NULL when it is neither, or out of memory. */
static redisContext *start_connecting(const char *address)
{
    if (es_starts_with(address, UNIX_PREFIX)) {
        return redisConnectUnixNonBlock(address + strlen(UNIX_PREFIX));
    }
    ES_CLEANUP(es_free_p) char *host = es_strdup(address);
    uint64_t port = 0;
    char *colon = strrchr(host, ':');
    if (colon == NULL || !es_parse_u64(colon + 1, &port) || port > MAX_PORT) {
        return NULL;
    }
    *colon = '\0';
    bool is_bracketed = host[0] == '[' && colon > host + 1 && colon[-1] == ']';
    if (is_bracketed) {
        colon[-1] = '\0';
    }
    return redisConnectNonBlock(host + is_bracketed, (int)port);
}

static bool is_connected(int fd)
{
    int error = 0;
    socklen_t size = sizeof(error);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
}

/* Out of a buffer that is neither moved while it grows nor kept: none of the password stays. */
static bool send_password(struct es_redis *redis)
{
    size_t user_length = redis->config.user != NULL ? strlen(redis->config.user) : 0;
    es_wipe_buf(&redis->out);
    es_wipe_reserve(&redis->out, user_length + strlen(redis->config.password) + AUTH_ROOM);
    es_resp_begin(&redis->out, redis->config.user != NULL ? 3 : 2);
    es_resp_arg_text(&redis->out, "AUTH");
    if (redis->config.user != NULL) {
        es_resp_arg_text(&redis->out, redis->config.user);
    }
    es_resp_arg_text(&redis->out, redis->config.password);
    bool sent = es_redisi_flush(redis);
    es_wipe_buf(&redis->out);
    return sent;
}

static bool authenticate(struct es_redis *redis)
{
    if (redis->config.password == NULL) {
        return true;
    }
    if (!send_password(redis)) {
        return false;
    }
    unsigned failures = redis->failures;
    ES_CLEANUP(es_redis_reply_free_p) redisReply *reply = es_redisi_read(redis);
    if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        redis->failures = failures; /* an answer, but not one that ends the back-off */
        es_redisi_fail(redis);
    }
    return redis->context != NULL;
}

static bool connect_now(struct es_redis *redis)
{
    begin_round_trip(redis);
    redis->context = start_connecting(redis->config.address);
    if (redis->context == NULL || redis->context->err != 0 ||
        es_wait_fd(redis->context->fd, POLLOUT, redis->deadline_us) == 0 ||
        !is_connected(redis->context->fd)) {
        es_redisi_fail(redis);
        return false;
    }
    return authenticate(redis);
}

/* True when the server has closed a connection on which nothing is under way: then another one can
 * be made without anybody noticing. */
static bool was_closed(const struct es_redis *redis)
{
    return redis->owed == 0 && es_wait_fd(redis->context->fd, POLLIN | POLLRDHUP, 0) != 0;
}

bool es_redisi_ready(struct es_redis *redis)
{
    if (redis->context != NULL && was_closed(redis)) {
        es_redisi_drop(redis);
    }
    if (redis->context != NULL) {
        return true;
    }
    if (redis->failures > 0 && es_clock_mono_us() < redis->retry_at_us) {
        return false;
    }
    return connect_now(redis);
}

bool es_redis_up(struct es_redis *redis)
{
    return es_redisi_ready(redis);
}
