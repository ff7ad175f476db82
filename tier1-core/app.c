#include "tier1-core/app.h"

#include "tier1-core/db/registry.h"

#define CONNECT_TIMEOUT_MS             1500
#define IDLE_IN_TRANSACTION_TIMEOUT_MS 10000

bool app_load_zones(struct app *app, const char *directory, struct es_buf *error)
{
    app->zones = es_zones_new(directory);
    if (es_zones_get(app->zones, ES_DAY_DEFAULT_ZONE) == NULL) {
        es_buf_add_str(error,
                       "the time zone " ES_DAY_DEFAULT_ZONE " (package tzdata) cannot be used\n");
        app->zones = es_zones_free(app->zones);
        return false;
    }
    return true;
}

/* Who gives a statement more time than we give a connection has a slow server, and means both. */
static int64_t connect_timeout_ms(const struct app *app)
{
    int64_t statement_ms = app->config.statement_timeout_ms;
    return statement_ms > CONNECT_TIMEOUT_MS ? statement_ms : CONNECT_TIMEOUT_MS;
}

struct es_db_config app_db_config(const struct app *app, bool generic_plans)
{
    return (struct es_db_config){
        .conninfo = app->config.database,
        .application_name = "eldersafe-core",
        .connect_timeout_ms = connect_timeout_ms(app),
        .statement_timeout_ms = app->config.statement_timeout_ms,
        .idle_in_transaction_timeout_ms = IDLE_IN_TRANSACTION_TIMEOUT_MS,
        .generic_plans = generic_plans,
    };
}

struct es_redis_config app_redis_config(const struct app *app)
{
    return (struct es_redis_config){
        .address = app->config.redis,
        .user = app->config.redis_user,
        .password = app->redis_password,
        .timeout_ms = app->config.redis_timeout_ms,
    };
}

struct es_db *app_db_new(const struct app *app, bool generic_plans)
{
    struct es_db_config config = app_db_config(app, generic_plans);
    return es_db_new(&config, core_statements, core_statement_count);
}

struct es_redis *app_redis_new(const struct app *app)
{
    struct es_redis_config config = app_redis_config(app);
    return config.address != NULL ? es_redis_new(&config) : NULL;
}
