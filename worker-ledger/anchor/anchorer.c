#include "worker-ledger/anchor/anchorer.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/observe/log.h"
#include "worker-ledger/anchor/sign.h"
#include "worker-ledger/anchor/step.h"
#include "worker-ledger/db/gauges.h"
#include "worker-ledger/metrics.h"

#include <stdlib.h>

#define SIGNATURES_A_TICK 16
#define STEPS_A_TICK      64
#define NO_COINS_GRACE_US (10 * ES_US_PER_S)

struct es_anchorer {
    struct es_ledger *ledger;
    struct es_anchor_work work;
    int64_t lacking_since_us; /* coins; monotonic, 0: not lacking */
    bool above_cap;
    bool warned; /* of either, and not yet told that it is over */
    bool late;   /* a checkpoint waits too long for the network, and that was said */
};

/* Coins may just be on their way to us: only a lack that lasts is worth a warning. */
static void note_coins(struct es_anchorer *anchorer, bool lacking)
{
    int64_t now_us = es_clock_mono_us();
    if (!lacking) {
        anchorer->lacking_since_us = 0;
    } else if (anchorer->lacking_since_us == 0) {
        anchorer->lacking_since_us = now_us;
    } else if (now_us - anchorer->lacking_since_us > NO_COINS_GRACE_US && !anchorer->warned) {
        es_log(ES_LOG_WARN, "ledger.no_coins", es_f_text("address", anchorer->ledger->address));
        anchorer->warned = true;
    }
}

/* Two things keep us from signing, and each is said once when it begins and once when it ends. */
static void note_outcome(struct es_anchorer *anchorer, enum es_sign_outcome outcome, int64_t rate)
{
    bool above_cap = outcome == ES_SIGN_ABOVE_CAP;
    note_coins(anchorer, outcome == ES_SIGN_NO_COINS);
    if (above_cap && !anchorer->above_cap) {
        es_log(ES_LOG_WARN, "ledger.fee_above_cap", es_f_int("rate", rate),
               es_f_int("cap", es_fees_cap(anchorer->ledger->fees)));
        anchorer->warned = true;
    }
    if (outcome == ES_SIGN_SIGNED && anchorer->warned) {
        es_log_plain(ES_LOG_INFO, "ledger.signing_again");
        anchorer->warned = false;
    }
    es_metric_set(anchorer->ledger->metrics, ES_METRIC_FEE_ABOVE_CAP, above_cap);
    anchorer->above_cap = above_cap;
}

static void note_age(struct es_anchorer *anchorer, int64_t oldest_ms)
{
    struct es_metrics *metrics = anchorer->ledger->metrics;
    bool late = oldest_ms > anchorer->ledger->config.leaf_age_alarm_s * ES_MS_PER_S;
    es_metric_set(metrics, ES_METRIC_ANCHOR_OLDEST, oldest_ms / ES_MS_PER_S);
    es_metric_set(metrics, ES_METRIC_ANCHOR_ALARM, late);
    if (late && !anchorer->late) {
        es_log(ES_LOG_WARN, "ledger.anchor_age_alarm",
               es_f_int("oldest_s", oldest_ms / ES_MS_PER_S));
    } else if (!late && anchorer->late) {
        es_log(ES_LOG_INFO, "ledger.anchor_age_normal",
               es_f_int("oldest_s", oldest_ms / ES_MS_PER_S));
    }
    anchorer->late = late;
}

/* Before anything is asked of providers: those that hang hold this thread, and the alarm is about
 * them. */
static enum es_db_result watch_age(struct es_anchorer *anchorer)
{
    int64_t oldest_ms = 0;
    enum es_db_result result = es_gauges_age(anchorer->work.db, &oldest_ms);
    if (result == ES_DB_OK) {
        note_age(anchorer, oldest_ms);
    }
    return result;
}

static enum es_db_result sign_all(struct es_anchorer *anchorer, bool *ret_more)
{
    struct es_ledger *ledger = anchorer->ledger;
    enum es_sign_outcome outcome = ES_SIGN_SIGNED;
    enum es_db_result result = ES_DB_OK;
    for (int i = 0; i < SIGNATURES_A_TICK && outcome == ES_SIGN_SIGNED; i++) {
        struct es_sign_policy policy = {
            .key = ledger->key,
            .origin = ledger->config.log_origin,
            .rate = es_fees_rate(ledger->fees),
            .cap = es_fees_cap(ledger->fees),
            .depth = ledger->config.coin_depth,
        };
        result = es_sign_next(anchorer->work.db, &policy, &outcome);
        if (result != ES_DB_OK) {
            return result;
        }
        note_outcome(anchorer, outcome, policy.rate);
    }
    *ret_more = outcome == ES_SIGN_SIGNED;
    return result;
}

static enum es_db_result step_all(struct es_anchorer *anchorer, bool *ret_more)
{
    bool any = true;
    enum es_db_result result = ES_DB_OK;
    for (int i = 0; i < STEPS_A_TICK && any && result == ES_DB_OK; i++) {
        es_ledger_beat(anchorer->ledger, ES_OUTAGE_ANCHORER);
        result = es_step_next(&anchorer->work, &any);
    }
    *ret_more = any;
    return result;
}

static enum es_db_result set_gauges(struct es_anchorer *anchorer)
{
    struct es_gauges gauges;
    struct es_metrics *metrics = anchorer->ledger->metrics;
    enum es_db_result result = es_gauges_read(anchorer->work.db, &gauges);
    if (result == ES_DB_OK) {
        es_metric_set(metrics, ES_METRIC_UNANCHORED, gauges.unanchored);
        es_metric_set(metrics, ES_METRIC_SIGNED, gauges.states[ES_TX_SIGNED]);
        es_metric_set(metrics, ES_METRIC_SENT, gauges.states[ES_TX_SENT]);
        es_metric_set(metrics, ES_METRIC_SEEN, gauges.states[ES_TX_SEEN]);
        es_metric_set(metrics, ES_METRIC_MINED, gauges.states[ES_TX_MINED]);
    }
    return result;
}

static bool tick(void *anchorer_)
{
    struct es_anchorer *anchorer = anchorer_;
    bool more_to_sign = false;
    bool more_steps = false;
    es_ledger_beat(anchorer->ledger, ES_OUTAGE_ANCHORER);
    enum es_db_result result = watch_age(anchorer);
    if (result == ES_DB_OK) {
        result = sign_all(anchorer, &more_to_sign);
    }
    if (result != ES_DB_UNAVAILABLE) {
        /* what cannot be signed for does not hold up what is on its way */
        enum es_db_result stepped = step_all(anchorer, &more_steps);
        result = result == ES_DB_OK ? stepped : result;
    }
    if (result == ES_DB_OK) {
        result = set_gauges(anchorer);
    }
    bool well =
        es_outage_report(anchorer->ledger->outage, ES_OUTAGE_ANCHORER, anchorer->work.db, result);
    return well && (more_to_sign || more_steps);
}

struct es_anchorer *es_anchorer_start(struct es_ledger *ledger, struct es_buf *error)
{
    struct es_providers *providers = es_providers_new(ledger, error);
    if (providers == NULL) {
        return NULL;
    }
    struct es_anchorer *anchorer = ES_NEW(struct es_anchorer);
    anchorer->ledger = ledger;
    anchorer->work = (struct es_anchor_work){
        .ledger = ledger,
        .db = es_ledger_db_new(ledger),
        .providers = providers,
        .arena = es_arena_new(0),
    };
    es_ledger_start_thread(ledger, ES_OUTAGE_ANCHORER, ledger->config.poll_interval_ms, tick,
                           anchorer);
    return anchorer;
}

struct es_anchorer *es_anchorer_stop(struct es_anchorer *anchorer)
{
    if (anchorer != NULL) {
        es_ledger_stop_thread(anchorer->ledger, ES_OUTAGE_ANCHORER);
        es_arena_free(anchorer->work.arena);
        es_providers_free(anchorer->work.providers);
        es_db_free(anchorer->work.db);
        free(anchorer);
    }
    return NULL;
}
