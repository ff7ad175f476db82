#include "worker-ledger/log/sealer.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/observe/log.h"
#include "worker-ledger/ledger.h"
#include "worker-ledger/log/publish.h"
#include "worker-ledger/log/seal.h"
#include "worker-ledger/metrics.h"

#include <stdlib.h>
#include <string.h>

#define COUNT_AT_LEAST 10000 /* waiting leaves are counted exactly up to here */

struct es_sealer {
    struct es_ledger *ledger;
    struct es_db *db;
    struct es_arena *arena;
    struct es_publisher *publisher;
    struct es_seal_policy policy;
    bool alarmed;     /* the oldest leaf is too old, and that was said */
    bool damaged;     /* the log's tiles are, and that was said */
    bool rolled_back; /* the database lacks what was published, and that was said */
    int file_error;   /* the last one that was said; 0: none */
};

static void watch_age(struct es_sealer *sealer, const struct es_log_waiting *waiting)
{
    struct es_metrics *metrics = sealer->ledger->metrics;
    bool too_old = waiting->oldest_ms > sealer->ledger->config.leaf_age_alarm_s * ES_MS_PER_S;
    es_metric_set(metrics, ES_METRIC_LEAVES_WAITING, waiting->leaves);
    es_metric_set(metrics, ES_METRIC_LEAF_OLDEST, waiting->oldest_ms / ES_MS_PER_S);
    es_metric_set(metrics, ES_METRIC_LEAF_ALARM, too_old);
    if (too_old && !sealer->alarmed) {
        es_log(ES_LOG_WARN, "ledger.leaf_age_alarm",
               es_f_int("oldest_s", waiting->oldest_ms / ES_MS_PER_S),
               es_f_int("waiting", waiting->leaves));
    } else if (!too_old && sealer->alarmed) {
        es_log(ES_LOG_INFO, "ledger.leaf_age_normal", es_f_int("waiting", waiting->leaves));
    }
    sealer->alarmed = too_old;
}

static void tell_sealed(struct es_sealer *sealer, const struct es_sealed *sealed, int64_t took_us)
{
    struct es_metrics *metrics = sealer->ledger->metrics;
    int64_t leaves = sealed->size - sealed->first_index;
    es_metric_add(metrics, ES_METRIC_CHECKPOINTS_SEALED, 1);
    es_metric_add(metrics, ES_METRIC_LEAVES_SEALED, leaves);
    es_metric_observe(metrics, ES_METRIC_SEAL_SECONDS, (double)took_us / (double)ES_US_PER_S);
    es_log(ES_LOG_INFO, "ledger.sealed", es_f_int("checkpoint", sealed->checkpoint_id),
           es_f_int("leaves", leaves), es_f_int("size", sealed->size), es_f_ms("took", took_us));
    es_ledger_wake(sealer->ledger, ES_OUTAGE_ANCHORER);
}

/* The directory is the only witness of ours that a restored database does not take back. Asked in
 * every round: a server may be restored under a running process. */
static enum es_db_result check_history(struct es_sealer *sealer)
{
    bool agrees = true;
    int64_t size = 0;
    enum es_db_result result = es_publisher_agrees(sealer->publisher, sealer->db, &agrees, &size);
    if (result != ES_DB_OK) {
        return result;
    }
    if (!agrees && !sealer->rolled_back) {
        es_log(ES_LOG_BROKEN, "ledger.log_rolled_back", es_f_int("size", size));
    } else if (agrees && sealer->rolled_back) {
        es_log(ES_LOG_INFO, "ledger.log_complete_again", es_f_int("size", size));
    }
    sealer->rolled_back = !agrees;
    es_metric_set(sealer->ledger->metrics, ES_METRIC_LOG_ROLLED_BACK, !agrees);
    return ES_DB_OK;
}

/* Seal if a checkpoint is due; *RET_SEALED tells whether one was made. */
static enum es_db_result seal_if_due(struct es_sealer *sealer, bool *ret_sealed)
{
    struct es_log_waiting waiting;
    struct es_sealed sealed = {0};
    int64_t limit = sealer->policy.max > COUNT_AT_LEAST ? sealer->policy.max : COUNT_AT_LEAST;
    enum es_db_result result = es_log_waiting(sealer->db, limit, &waiting);
    *ret_sealed = false;
    if (result != ES_DB_OK) {
        return result;
    }
    watch_age(sealer, &waiting);
    if (sealer->rolled_back || !es_seal_due(&sealer->policy, &waiting)) {
        return ES_DB_OK;
    }
    int64_t started_us = es_clock_mono_us();
    result = es_seal_leaves(sealer->db, sealer->arena, &sealer->policy, &sealer->damaged, &sealed);
    if (result == ES_DB_OK && sealed.checkpoint_id != 0) {
        tell_sealed(sealer, &sealed, es_clock_mono_us() - started_us);
        *ret_sealed = true;
    }
    return result;
}

/* A disk that is full or gone is said once, and once that it works again. */
static void tell_file_error(struct es_sealer *sealer, int file_error)
{
    if (file_error != 0 && sealer->file_error != file_error) {
        es_log(ES_LOG_WARN, "ledger.tiles_not_written", es_f_text("why", strerror(file_error)));
    } else if (file_error == 0 && sealer->file_error != 0) {
        es_log_plain(ES_LOG_INFO, "ledger.tiles_written_again");
    }
    sealer->file_error = file_error;
}

static enum es_db_result publish(struct es_sealer *sealer, bool *ret_more)
{
    struct es_published published = {0};
    enum es_db_result result = es_publish(sealer->publisher, sealer->db, &published);
    if (result == ES_DB_OK) {
        tell_file_error(sealer, published.file_error);
        if (published.size > 0) {
            es_metric_set(sealer->ledger->metrics, ES_METRIC_PUBLISHED_SIZE, published.size);
        }
        *ret_more = published.more && published.file_error == 0;
    }
    return result;
}

/* Sealing comes first: publishing waits while there is more to seal. Neither is done on top of a
 * history that is not the published one. */
static bool tick(void *sealer_)
{
    struct es_sealer *sealer = sealer_;
    bool sealed = false;
    bool more = false;
    es_ledger_beat(sealer->ledger, ES_OUTAGE_SEALER);
    enum es_db_result result = check_history(sealer);
    if (result == ES_DB_OK) {
        result = seal_if_due(sealer, &sealed);
    }
    if (result == ES_DB_OK && !sealed && !sealer->rolled_back) {
        result = publish(sealer, &more);
    }
    es_ledger_beat(sealer->ledger, ES_OUTAGE_SEALER);
    bool well = es_outage_report(sealer->ledger->outage, ES_OUTAGE_SEALER, sealer->db, result);
    return well && (sealed || more);
}

static int64_t period_ms(const struct es_ledger_config *config)
{
    return config->poll_interval_ms < config->seal_interval_ms ? config->poll_interval_ms
                                                               : config->seal_interval_ms;
}

struct es_sealer *es_sealer_start(struct es_ledger *ledger, struct es_buf *error)
{
    struct es_publisher *publisher =
        es_publisher_open(ledger->config.tiles_directory, &ledger->note_key, error);
    if (publisher == NULL) {
        return NULL;
    }
    struct es_sealer *sealer = ES_NEW(struct es_sealer);
    sealer->ledger = ledger;
    sealer->db = es_ledger_db_new(ledger);
    sealer->arena = es_arena_new(0);
    sealer->publisher = publisher;
    sealer->policy = (struct es_seal_policy){
        .origin = ledger->config.log_origin,
        .secret_key = ledger->log_key,
        .interval_ms = ledger->config.seal_interval_ms,
        .max = ledger->config.seal_max,
    };
    es_ledger_start_thread(ledger, ES_OUTAGE_SEALER, period_ms(&ledger->config), tick, sealer);
    return sealer;
}

struct es_sealer *es_sealer_stop(struct es_sealer *sealer)
{
    if (sealer != NULL) {
        es_ledger_stop_thread(sealer->ledger, ES_OUTAGE_SEALER);
        es_publisher_free(sealer->publisher);
        es_arena_free(sealer->arena);
        es_db_free(sealer->db);
        free(sealer);
    }
    return NULL;
}
