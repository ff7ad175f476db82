#include "worker-ledger/outage.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/observe/log.h"
#include "worker-ledger/metrics.h"

#include <pthread.h>
#include <stdlib.h>

struct es_outage {
    struct es_metrics *metrics;
    pthread_mutex_t lock; /* guards the rest */
    bool away[ES_OUTAGE_THREADS];
    enum es_db_result last[ES_OUTAGE_THREADS];
    bool paused;
    int64_t since_us;
};

struct es_outage *es_outage_new(struct es_metrics *metrics)
{
    struct es_outage *outage = ES_NEW(struct es_outage);
    outage->metrics = metrics;
    pthread_mutex_init(&outage->lock, NULL);
    es_metric_set(metrics, ES_METRIC_DATABASE_UP, 1);
    return outage;
}

struct es_outage *es_outage_free(struct es_outage *outage)
{
    if (outage != NULL) {
        pthread_mutex_destroy(&outage->lock);
        free(outage);
    }
    return NULL;
}

static bool any_away(const struct es_outage *outage)
{
    for (size_t i = 0; i < ES_OUTAGE_THREADS; i++) {
        if (outage->away[i]) {
            return true;
        }
    }
    return false;
}

static void note_outage(struct es_outage *outage, const struct es_db *db)
{
    bool away = any_away(outage);
    if (away == outage->paused) {
        return;
    }
    outage->paused = away;
    es_metric_set(outage->metrics, ES_METRIC_DATABASE_UP, !away);
    if (away) {
        outage->since_us = es_clock_mono_us();
        es_log(ES_LOG_WARN, "ledger.paused", es_f_text("why", es_db_error(db)));
    } else {
        es_log(ES_LOG_INFO, "ledger.resumed",
               es_f_ms("away", es_clock_mono_us() - outage->since_us));
    }
}

/* A mistake of ours is told once, not in every round. */
static void note_mistake(struct es_outage *outage, enum es_outage_thread thread,
                         const struct es_db *db, enum es_db_result result)
{
    bool is_mistake = result != ES_DB_OK && result != ES_DB_NO_ROW && result != ES_DB_UNAVAILABLE &&
                      result != ES_DB_RETRY;
    if (is_mistake && outage->last[thread] != result) {
        es_log(ES_LOG_BROKEN, "ledger.database", es_f_text("result", es_db_result_name(result)),
               es_f_text("error", es_db_error(db)), es_f_text("sqlstate", es_db_sqlstate(db)));
    }
    outage->last[thread] = result;
}

bool es_outage_report(struct es_outage *outage, enum es_outage_thread thread,
                      const struct es_db *db, enum es_db_result result)
{
    pthread_mutex_lock(&outage->lock);
    outage->away[thread] = result == ES_DB_UNAVAILABLE;
    note_outage(outage, db);
    note_mistake(outage, thread, db, result);
    pthread_mutex_unlock(&outage->lock);
    return result == ES_DB_OK || result == ES_DB_NO_ROW;
}

bool es_outage_is_up(struct es_outage *outage)
{
    pthread_mutex_lock(&outage->lock);
    bool up = !outage->paused;
    pthread_mutex_unlock(&outage->lock);
    return up;
}
