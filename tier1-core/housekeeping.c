#include "tier1-core/housekeeping.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/daemon/ticker.h"
#include "common/observe/log.h"
#include "tier1-core/app.h"
#include "tier1-core/db/maintenance.h"
#include "tier1-core/db/registry.h"

#include <stdlib.h>

#define PERIOD_MS ((int64_t)60 * 60 * 1000)
/* Nobody waits for it, and it removes many rows at once: cut off after a request's time it would
 * begin anew every hour and never get anywhere. A stop waits for it, so not much longer either. */
#define STATEMENT_TIMEOUT_MS 10000
/* A round goes on until a call removes less than this of each table (a call's batch is 50,000), or
 * the round has taken its share of the period. */
#define WORTH_ANOTHER 10000
#define ROUND_US      (15 * 60 * ES_US_PER_S)

struct housekeeping {
    struct app *app;
    struct es_db *db;
    struct es_ticker *ticker;
    int64_t round_since_us; /* monotonic; 0: no round is under way */
};

/* After a call that removed MOST of some table: go on at once? A stop comes in between. */
static bool more_to_remove(struct housekeeping *house, int64_t most)
{
    int64_t now_us = es_clock_mono_us();
    if (house->round_since_us == 0) {
        house->round_since_us = now_us;
    }
    bool more = most >= WORTH_ANOTHER && now_us - house->round_since_us < ROUND_US;
    if (!more) {
        house->round_since_us = 0;
    }
    return more;
}

static bool keep_house(void *context)
{
    struct housekeeping *house = context;
    int64_t created = 0;
    enum es_db_result result =
        maintenance_partitions(house->db, (int32_t)house->app->config.partitions_ahead, &created);
    if (result == ES_DB_OK && created > 0) {
        es_log(ES_LOG_INFO, "housekeeping.partitions", es_f_int("created", created));
    }
    int64_t most = 0;
    if (result == ES_DB_OK) {
        result = maintenance_prune(house->db, &most);
    }
    if (result != ES_DB_OK) {
        es_log(ES_LOG_WARN, "housekeeping.failed",
               es_f_text("database", es_db_result_name(result)));
    }
    return more_to_remove(house, most);
}

struct housekeeping *housekeeping_start(struct app *app)
{
    struct housekeeping *house = ES_NEW(struct housekeeping);
    house->app = app;
    struct es_db_config config = app_db_config(app, false);
    config.statement_timeout_ms = STATEMENT_TIMEOUT_MS;
    house->db = es_db_new(&config, core_statements, core_statement_count);
    house->ticker = es_ticker_start(PERIOD_MS, keep_house, house);
    return house;
}

struct housekeeping *housekeeping_stop(struct housekeeping *house)
{
    if (house != NULL) {
        es_ticker_stop(house->ticker);
        es_db_free(house->db);
        free(house);
    }
    return NULL;
}
