#include "tier1-core/outage.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/daemon/ticker.h"
#include "common/observe/log.h"
#include "tier1-core/app.h"
#include "tier1-core/db/maintenance.h"

#include <stdatomic.h>
#include <stdlib.h>

#define TRY_PERIOD_MS 1000

struct outage {
    struct app *app;
    struct es_ticker *ticker;
    atomic_llong since_us;    /* monotonic; 0: the database is not away */
    atomic_llong refused;     /* requests, in this outage */
    struct es_log_pace lines; /* on refusals outside of one */
};

/* A connection made now is what everybody who lost theirs needs. It is closed again: it would be
 * one more to the server all year. */
static bool database_answers(const struct app *app)
{
    struct es_db *db = app_db_new(app, false);
    bool answers = es_db_run(db, &maintenance_ping_statement, NULL) == ES_DB_OK;
    es_db_free(db);
    return answers;
}

static bool watch(void *context)
{
    struct outage *outage = context;
    if (outage_now(outage) && database_answers(outage->app)) {
        outage_end(outage);
    }
    return false;
}

struct outage *outage_start(struct app *app)
{
    struct outage *outage = ES_NEW(struct outage);
    outage->app = app;
    outage->ticker = es_ticker_start(TRY_PERIOD_MS, watch, outage);
    return outage;
}

struct outage *outage_stop(struct outage *outage)
{
    if (outage != NULL) {
        es_ticker_stop(outage->ticker);
        free(outage);
    }
    return NULL;
}

void outage_notice(struct outage *outage, const struct es_db *db)
{
    long long none = 0;
    if (!es_db_connected(db) &&
        atomic_compare_exchange_strong(&outage->since_us, &none, es_clock_mono_us())) {
        es_log(ES_LOG_WARN, "database.away", es_f_text("reason", es_db_error(db)));
        es_ticker_wake(outage->ticker);
    }
}

void outage_end(struct outage *outage)
{
    int64_t since_us = atomic_exchange(&outage->since_us, 0);
    if (since_us != 0) {
        es_log(ES_LOG_INFO, "database.back", es_f_ms("lasted", es_clock_mono_us() - since_us),
               es_f_int("refused", atomic_exchange(&outage->refused, 0)));
    }
}

bool outage_now(const struct outage *outage)
{
    return atomic_load(&outage->since_us) != 0;
}

bool outage_count_refusal(struct outage *outage, int64_t *ret_unsaid)
{
    if (outage_now(outage)) {
        atomic_fetch_add(&outage->refused, 1);
        return false;
    }
    return es_log_paced(&outage->lines, ret_unsaid);
}
