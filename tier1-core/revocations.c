#include "tier1-core/revocations.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/bus/link.h"
#include "common/observe/log.h"
#include "tier1-core/app.h"
#include "tier1-core/db/sessions.h"
#include "tier1-core/hash-set.h"
#include "tier1-core/metrics.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STREAM    "eldersafe:revoked"
#define POLL_US   (5 * ES_US_PER_S)
#define REREAD_US (600 * ES_US_PER_S)
#define PAGE      10000
/* How long an expired token stays: its own check refuses it, unless this machine's clock ran ahead
 * and was put back. */
#define KEEP_EXPIRED_S      3600
#define BLOCK_MS            "1000"
#define BLOCKING_TIMEOUT_MS 2000
#define SLEEP_US            (200 * 1000)
#define STREAM_KEEPS        "1000"

struct revocations {
    struct app *app;
    pthread_mutex_t writing; /* held by who changes the set; before LOCK */
    pthread_rwlock_t lock;   /* guards set */
    struct hash_set *set;
    struct es_db *db; /* the thread's; the first read uses it before there is a thread */
    struct es_redis *redis;
    pthread_t thread;
    /* the thread's */
    int64_t settled_id; /* everything up to it was read */
    int64_t reread_us;  /* monotonic: when all is read again; 0: at once */
    bool stale;         /* the last reading failed */
    struct es_link stream;
    atomic_bool stopping;
};

void token_hash(const unsigned char token_id[16], unsigned char ret_hash[TOKEN_HASH_SIZE])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(digest, token_id, 16);
    memcpy(ret_hash, digest, TOKEN_HASH_SIZE);
}

static void tell_count(struct revocations *revocations, size_t count)
{
    es_metric_set(revocations->app->metrics, METRIC_REVOKED_TOKENS, (int64_t)count);
}

static void add(struct revocations *revocations, const unsigned char *hash, int64_t expires_us)
{
    int64_t until_s = expires_us / ES_US_PER_S;
    pthread_mutex_lock(&revocations->writing);
    pthread_rwlock_wrlock(&revocations->lock);
    hash_set_add(revocations->set, hash, until_s > 0 ? until_s : 1);
    size_t count = hash_set_count(revocations->set);
    pthread_rwlock_unlock(&revocations->lock);
    tell_count(revocations, count);
    pthread_mutex_unlock(&revocations->writing);
}

/* Let go of what has expired. Requests look the set up meanwhile: nobody else changes it, so it is
 * copied without their lock, and they wait for the exchange of a pointer. */
static void drop_expired(struct revocations *revocations)
{
    int64_t now_s = es_clock_now_us() / ES_US_PER_S;
    pthread_mutex_lock(&revocations->writing);
    struct hash_set *live = hash_set_live(revocations->set, now_s - KEEP_EXPIRED_S);
    tell_count(revocations, hash_set_count(live));
    pthread_rwlock_wrlock(&revocations->lock);
    struct hash_set *old = revocations->set;
    revocations->set = live;
    pthread_rwlock_unlock(&revocations->lock);
    pthread_mutex_unlock(&revocations->writing);
    hash_set_free(old);
}

static void add_from_database(void *context, const struct session_revocation *revocation)
{
    add(context, revocation->token_hash, revocation->expires_us);
}

bool revocations_has(struct revocations *revocations, const unsigned char hash[TOKEN_HASH_SIZE])
{
    pthread_rwlock_rdlock(&revocations->lock);
    bool has = hash_set_has(revocations->set, hash);
    pthread_rwlock_unlock(&revocations->lock);
    return has;
}

size_t revocations_count(struct revocations *revocations)
{
    pthread_rwlock_rdlock(&revocations->lock);
    size_t count = hash_set_count(revocations->set);
    pthread_rwlock_unlock(&revocations->lock);
    return count;
}

void revocations_add(struct revocations *revocations, struct es_redis *redis,
                     const unsigned char hash[TOKEN_HASH_SIZE], int64_t expires_us)
{
    add(revocations, hash, expires_us);
    if (redis != NULL) {
        redisReply *reply = es_redis_commandf(redis, "XADD %s MAXLEN ~ %s * h %b", STREAM,
                                              STREAM_KEEPS, hash, (size_t)TOKEN_HASH_SIZE);
        es_redis_reply_free_p(&reply); /* the others poll anyway */
    }
}

/* Take in every revocation after AFTER_ID. */
static enum es_db_result read_after(struct revocations *revocations, int64_t after_id)
{
    enum es_db_result result = ES_DB_OK;
    size_t count = PAGE;
    while (result == ES_DB_OK && count == PAGE && !atomic_load(&revocations->stopping)) {
        result = sessions_each_revocation(revocations->db, after_id, PAGE, add_from_database,
                                          revocations, &count, &after_id);
    }
    return result;
}

/* What is settled is asked first: what is read afterwards holds all of it. */
static enum es_db_result read_new(struct revocations *revocations)
{
    bool all = es_clock_mono_us() >= revocations->reread_us;
    int64_t settled_id = 0;
    enum es_db_result result = sessions_settled_revocation(revocations->db, &settled_id);
    if (result == ES_DB_OK) {
        result = read_after(revocations, all ? 0 : revocations->settled_id);
    }
    if (result != ES_DB_OK) {
        return result;
    }
    revocations->settled_id = settled_id;
    if (all) {
        drop_expired(revocations);
        revocations->reread_us = es_clock_mono_us() + REREAD_US;
    }
    return ES_DB_OK;
}

/* Read what was revoked. Says so once when it cannot, and once when it can again: meanwhile a
 * token revoked elsewhere is still let in here. */
static void refresh(struct revocations *revocations)
{
    enum es_db_result result = read_new(revocations);
    bool failed = result != ES_DB_OK;
    if (failed && !revocations->stale) {
        es_log(ES_LOG_WARN, "revocations.stale", es_f_text("database", es_db_result_name(result)));
    } else if (!failed && revocations->stale) {
        es_log_plain(ES_LOG_INFO, "revocations.fresh");
    }
    revocations->stale = failed;
}

/* Wait up to a second for another process to say that something was revoked. */
static void wait_for_word(struct revocations *revocations)
{
    if (revocations->redis == NULL || !es_redis_up(revocations->redis)) {
        usleep(SLEEP_US);
        return;
    }
    redisReply *reply =
        es_redis_commandf(revocations->redis, "XREAD BLOCK " BLOCK_MS " STREAMS %s $", STREAM);
    bool told = reply != NULL && reply->type == REDIS_REPLY_ARRAY;
    bool listens = told || (reply != NULL && reply->type == REDIS_REPLY_NIL);
    if (reply != NULL) {
        (void)es_link_note(&revocations->stream, listens, "revocations", reply->str);
    }
    es_redis_reply_free_p(&reply);
    if (told) {
        refresh(revocations);
    } else if (!listens) {
        usleep(SLEEP_US); /* no right to it, or not a stream: refused at once, not after BLOCK */
    }
}

static void *watch(void *argument)
{
    struct revocations *revocations = argument;
    int64_t next_us = 0;
    while (!atomic_load(&revocations->stopping)) {
        if (es_clock_mono_us() >= next_us) {
            refresh(revocations);
            next_us = es_clock_mono_us() + POLL_US;
        }
        wait_for_word(revocations);
    }
    return NULL;
}

/* Reading from the stream waits on the server: this connection's deadline is longer than that. */
static struct es_redis *blocking_redis(const struct app *app)
{
    struct es_redis_config config = app_redis_config(app);
    config.timeout_ms = BLOCKING_TIMEOUT_MS;
    return config.address != NULL ? es_redis_new(&config) : NULL;
}

static struct revocations *revocations_free(struct revocations *revocations)
{
    es_redis_free(revocations->redis);
    es_db_free(revocations->db);
    hash_set_free(revocations->set);
    pthread_rwlock_destroy(&revocations->lock);
    pthread_mutex_destroy(&revocations->writing);
    free(revocations);
    return NULL;
}

struct revocations *revocations_start(struct app *app, struct es_buf *error)
{
    struct revocations *revocations = ES_NEW(struct revocations);
    revocations->app = app;
    revocations->set = hash_set_new();
    revocations->stream =
        (struct es_link){.lost = "revocations.not_told", .back = "revocations.told"};
    revocations->db = app_db_new(app, false);
    pthread_mutex_init(&revocations->writing, NULL);
    pthread_rwlock_init(&revocations->lock, NULL);
    enum es_db_result result = read_new(revocations);
    if (result != ES_DB_OK) {
        es_buf_printf(error, "the revoked tokens cannot be read: %s\n", es_db_result_name(result));
        return revocations_free(revocations);
    }
    revocations->redis = blocking_redis(app);
    if (pthread_create(&revocations->thread, NULL, watch, revocations) != 0) {
        abort(); /* no thread to be had at start-up: nothing can work */
    }
    return revocations;
}

struct revocations *revocations_stop(struct revocations *revocations)
{
    if (revocations == NULL) {
        return NULL;
    }
    atomic_store(&revocations->stopping, true);
    pthread_join(revocations->thread, NULL);
    return revocations_free(revocations);
}
