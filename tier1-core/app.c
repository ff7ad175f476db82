#include "tier1-core/app.h"

#include "common/base/mem.h"
#include "tier1-core/db/registry.h"

#include <stdlib.h>

#define CONNECT_TIMEOUT_MS             1500
#define IDLE_IN_TRANSACTION_TIMEOUT_MS 10000

struct es_db *app_db_new(const struct app *app, bool generic_plans)
{
    return es_db_new(
        &(struct es_db_config){
            .conninfo = app->config.database,
            .application_name = "eldersafe-core",
            .connect_timeout_ms = CONNECT_TIMEOUT_MS,
            .statement_timeout_ms = app->config.statement_timeout_ms,
            .idle_in_transaction_timeout_ms = IDLE_IN_TRANSACTION_TIMEOUT_MS,
            .generic_plans = generic_plans,
        },
        core_statements, core_statement_count);
}

struct es_redis *app_redis_new(const struct app *app)
{
    if (app->config.redis == NULL) {
        return NULL;
    }
    return es_redis_new(&(struct es_redis_config){
        .address = app->config.redis,
        .user = app->config.redis_user,
        .password = app->redis_password,
        .timeout_ms = app->config.redis_timeout_ms,
    });
}

void *worker_new(void *app)
{
    struct worker *worker = ES_NEW(struct worker);
    worker->app = app;
    worker->db = app_db_new(app, false);
    worker->redis = app_redis_new(app);
    return worker;
}

void worker_free(void *worker_)
{
    struct worker *worker = worker_;
    if (worker != NULL) {
        es_redis_free(worker->redis);
        es_db_free(worker->db);
        free(worker);
    }
}
