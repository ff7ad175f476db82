#include "tier1-core/probe.h"

#include "common/base/mem.h"
#include "common/daemon/daemon.h"
#include "common/daemon/ticker.h"
#include "common/observe/log.h"
#include "tier1-core/app.h"
#include "tier1-core/db/maintenance.h"
#include "tier1-core/outage.h"

#include <stdatomic.h>
#include <stdlib.h>

#define PERIOD_MS 1000
#define PROBE_MS  800 /* connecting included: health.h promises an answer within a second */

struct probe {
    struct app *app;
    struct es_health_check checks[2];
    struct es_db *db;
    struct es_redis *redis;
    struct es_ticker *ticker;
    atomic_bool ready;
};

static bool probe_database(void *context)
{
    struct probe *probe = context;
    bool up = es_db_run(probe->db, &maintenance_ping_statement, NULL) == ES_DB_OK;
    if (up) {
        outage_end(probe->app->outage);
    }
    return up;
}

static bool probe_redis(void *context)
{
    struct probe *probe = context;
    if (probe->redis == NULL) {
        return false;
    }
    redisReply *reply = es_redis_commandf(probe->redis, "PING");
    bool up = reply != NULL && reply->type == REDIS_REPLY_STATUS;
    es_redis_reply_free_p(&reply);
    return up;
}

static bool watch(void *context)
{
    struct probe *probe = context;
    bool ready = es_health_ready(probe->app->health);
    bool was_ready = atomic_exchange(&probe->ready, ready);
    if (ready != was_ready && !es_daemon_stopping()) { /* then it is no change of health */
        es_log(ready ? ES_LOG_INFO : ES_LOG_WARN, "health.changed", es_f_bool("ready", ready));
    }
    return false;
}

/* The probe has deadlines of its own: STATEMENT_TIMEOUT may be half a minute. Nothing but the ping
 * is prepared, so that connecting fits into them as well. */
static struct es_db *probe_database_connection(const struct app *app)
{
    static const struct es_db_statement *const statements[] = {&maintenance_ping_statement};
    struct es_db_config config = app_db_config(app, false);
    config.connect_timeout_ms = PROBE_MS;
    config.statement_timeout_ms = PROBE_MS;
    return es_db_new(&config, statements, ES_ARRAY_LEN(statements));
}

static struct es_redis *probe_redis_connection(const struct app *app)
{
    struct es_redis_config config = app_redis_config(app);
    config.timeout_ms = config.timeout_ms < PROBE_MS ? config.timeout_ms : PROBE_MS;
    return config.address != NULL ? es_redis_new(&config) : NULL;
}

struct probe *probe_start(struct app *app)
{
    struct probe *probe = ES_NEW(struct probe);
    probe->app = app;
    probe->db = probe_database_connection(app);
    probe->redis = probe_redis_connection(app);
    probe->checks[0] = (struct es_health_check){"postgresql", true, probe_database, probe};
    probe->checks[1] = (struct es_health_check){"redis", false, probe_redis, probe};
    app->health = es_health_new(probe->checks, ES_ARRAY_LEN(probe->checks));
    atomic_store(&probe->ready, es_health_ready(app->health));
    probe->ticker = es_ticker_start(PERIOD_MS, watch, probe);
    return probe;
}

struct probe *probe_stop(struct probe *probe)
{
    if (probe != NULL) {
        es_ticker_stop(probe->ticker);
        probe->app->health = es_health_free(probe->app->health);
        es_redis_free(probe->redis);
        es_db_free(probe->db);
        free(probe);
    }
    return NULL;
}

bool probe_ready(const struct probe *probe)
{
    return atomic_load(&probe->ready);
}
