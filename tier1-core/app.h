/*
 * What the process eldersafe-core owns. One struct app exists, made by main-core.c; handlers get
 * it as their `app` argument and an executor thread's struct worker as `worker`.
 */
#pragma once

#include "common/base/day.h"
#include "common/crypto/lookup.h"
#include "common/crypto/sealed.h"
#include "common/crypto/token.h"
#include "common/db/db.h"
#include "common/http/server.h"
#include "common/observe/health.h"
#include "common/observe/log.h"
#include "common/observe/metrics.h"
#include "common/redis/limiter.h"
#include "common/redis/redis.h"
#include "tier1-core/config.h"

#include <stdatomic.h>

struct es_endpoint;
struct es_relay;
struct housekeeping;
struct lanes;
struct outage;
struct probe;
struct revocations;

struct app {
    struct core_config config;

    /* keys: read once at start, wiped at stop */
    struct es_signer *signer;
    struct es_key_ring *key_ring;
    struct es_lookup_key lookup_key;
    unsigned char notify_public_key[ES_SEAL_KEY_SIZE];
    char *redis_password;

    /* shared by all threads, each safe by itself */
    struct es_zones *zones;
    struct es_token_cache *token_cache;
    struct es_limiter *limiter;
    struct revocations *revocations;
    struct es_metrics *metrics;
    struct es_health *health;
    struct probe *probe;
    struct outage *outage;
    struct es_log_pace slow_lines;
    atomic_int receipts_with_headers; /* being made or on their way out */

    /* threads */
    struct lanes *lanes;
    struct es_relay *relay;
    struct housekeeping *housekeeping;
    struct es_http_server *server;
    struct es_endpoint *endpoint;
};

/* One per executor thread: its own connections, so that handlers are plain blocking code. */
struct worker {
    struct app *app;
    struct es_db *db;
    struct es_redis *redis; /* NULL when no Redis is configured */
};

/* Make APP's zones from DIRECTORY (NULL: the system's). False, with a line in ERROR and nothing
 * made, when the default zone is not there: it stands in for every zone that cannot be read. */
bool app_load_zones(struct app *app, const char *directory, struct es_buf *error) ES_MUST_CHECK;

/* How every connection of the process is made. Texts are APP's. */
struct es_db_config app_db_config(const struct app *app, bool generic_plans);
struct es_redis_config app_redis_config(const struct app *app);

/* Connections for one thread; nothing is opened yet. */
struct es_db *app_db_new(const struct app *app, bool generic_plans) ES_MUST_CHECK;
struct es_redis *app_redis_new(const struct app *app) ES_MUST_CHECK; /* NULL: none configured */
