#include "tier1-core/notify/sender.h"

#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/bus/due.h"
#include "common/bus/link.h"
#include "common/daemon/fault.h"
#include "common/daemon/ticker.h"
#include "common/observe/log.h"
#include "tier1-core/notify/app.h"
#include "tier1-core/notify/composer.h"
#include "tier1-core/notify/messages.h"
#include "tier1-core/notify/metrics.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>

#define PERIOD_MS        500  /* between looks when nothing is due and nobody wakes us */
#define LEASE_MARGIN_MS  5000 /* beyond the send time-out: to write down what came of it */
#define RECORD_PAUSE_MS  200
#define BACKOFF_BASE_MS  1000
#define BACKOFF_CAP_MS   300000
#define SURVEY_PERIOD_US (5 * ES_US_PER_S)
#define PRUNE_PERIOD_US  (3600 * ES_US_PER_S)
#define STUCK_AFTER_US   (120 * ES_US_PER_S) /* a send and its recording take 45 s at most */
#define US_PER_SECOND    1e6
#define MS_PER_SECOND    1e3

/* Of one thread. */
struct sender {
    struct notify *notify;
    const atomic_bool *stopping; /* the senders' */
    struct es_db *db;
    struct channel *channel;
    struct es_ticker *ticker;
    struct es_link vault_link;
    struct es_link channel_link;
    struct es_link database_link;
    struct es_due survey;
    struct es_due prune;
    bool keeps_house; /* the first thread */
    atomic_bool database_up;
    atomic_llong progress_us;
};

struct senders {
    size_t count;
    atomic_bool stopping;
    struct sender each[];
};

/* A try that is over: what is to be written down about it. */
struct verdict {
    enum channel_result result;
    struct channel_report report;
    int64_t took_us;
};

static bool database_did(struct sender *sender, enum es_db_result result)
{
    bool up = result == ES_DB_OK || result == ES_DB_NO_ROW;
    atomic_store(&sender->database_up, up);
    (void)es_link_note(&sender->database_link, up, "sender", es_db_error(sender->db));
    return result == ES_DB_OK;
}

/* --- one message --------------------------------------------------------------------------- */
static struct verdict try_to_send(struct sender *sender, const struct messages_claimed *claimed)
{
    struct notify *notify = sender->notify;
    struct verdict verdict = {.report = {.retry_after_s = -1}};
    struct composed composed = COMPOSED_INIT;
    verdict.result = composer_compose(notify, claimed, &composed, &verdict.report);
    (void)es_link_note(&sender->vault_link, verdict.result != CHANNEL_LATER, "sender",
                       verdict.report.error);
    if (verdict.result == CHANNEL_DELIVERED) {
        es_fault_point("notify.before_send");
        int64_t began_us = es_clock_mono_us();
        verdict.result = channel_deliver(sender->channel, &composed.mail, &verdict.report);
        verdict.took_us = es_clock_mono_us() - began_us;
        es_fault_point("notify.after_send");
        es_metric_observe(notify->metrics, METRIC_HAND_OVER_SECONDS,
                          (double)verdict.took_us / US_PER_SECOND);
        (void)es_link_note(&sender->channel_link, verdict.result != CHANNEL_LATER, "sender",
                           verdict.report.error);
    }
    composed_done(&composed);
    return verdict;
}

static int64_t pause_ms(const struct messages_claimed *claimed, const struct verdict *verdict)
{
    int64_t pause = es_backoff_ms(BACKOFF_BASE_MS, BACKOFF_CAP_MS, (unsigned)claimed->attempts);
    int64_t wished = verdict->report.retry_after_s * (ES_US_PER_S / ES_US_PER_MS);
    if (wished > BACKOFF_CAP_MS) {
        wished = BACKOFF_CAP_MS;
    }
    return wished > pause ? wished : pause;
}

static enum es_db_result record(struct sender *sender, const struct messages_claimed *claimed,
                                const struct verdict *verdict)
{
    const char *error = verdict->report.error;
    switch (verdict->result) {
    case CHANNEL_DELIVERED:
        return messages_set_sent(sender->db, claimed->message_id, verdict->report.reference);
    case CHANNEL_LATER:
        return messages_postpone(sender->db, claimed->message_id, claimed->attempts,
                                 pause_ms(claimed, verdict), error);
    case CHANNEL_NEVER:
        return messages_end(sender->db, claimed->message_id, claimed->attempts, "failed", error);
    }
    return ES_DB_BUG;
}

/* Write down what came of it; a mail that is out must not go out again because the database was
 * away for a moment. Gives up when the lease is over: then somebody else may have begun. */
static bool record_within_lease(struct sender *sender, const struct messages_claimed *claimed,
                                const struct verdict *verdict, int64_t lease_ends_us)
{
    while (!database_did(sender, record(sender, claimed, verdict))) {
        if (es_clock_mono_us() >= lease_ends_us) {
            return false;
        }
        (void)poll(NULL, 0, RECORD_PAUSE_MS);
    }
    return true;
}

static void tell(struct sender *sender, const struct messages_claimed *claimed,
                 const struct verdict *verdict)
{
    static const struct {
        enum notify_metric metric;
        enum es_log_level level;
        const char *event;
    } ways[] = {
        [CHANNEL_DELIVERED] = {METRIC_MESSAGES_SENT, ES_LOG_INFO, "notify.sent"},
        [CHANNEL_LATER] = {METRIC_MESSAGES_POSTPONED, ES_LOG_DEBUG, "notify.postponed"},
        [CHANNEL_NEVER] = {METRIC_MESSAGES_FAILED, ES_LOG_WARN, "notify.failed"},
    };
    struct es_metrics *metrics = sender->notify->metrics;
    es_metric_add(metrics, ways[verdict->result].metric, 1);
    if (verdict->result == CHANNEL_DELIVERED) {
        es_metric_observe(metrics, METRIC_DELAY_SECONDS, (double)claimed->age_ms / MS_PER_SECOND);
    }
    es_log(ways[verdict->result].level, ways[verdict->result].event,
           es_f_int("message_id", claimed->message_id), es_f_int("attempt", claimed->attempts),
           es_f_text("error", verdict->report.error), es_f_ms("ms", verdict->took_us));
}

static void expire(struct sender *sender, const struct messages_claimed *claimed)
{
    if (!database_did(sender, messages_end(sender->db, claimed->message_id, claimed->attempts,
                                           "expired", NULL))) {
        return; /* it is found again when the lease is over */
    }
    es_metric_add(sender->notify->metrics, METRIC_MESSAGES_EXPIRED, 1);
    es_log(ES_LOG_WARN, "notify.expired", es_f_int("message_id", claimed->message_id),
           es_f_int("attempt", claimed->attempts));
}

/* Claim a message and deal with it. False: none is due. */
static bool send_one(struct sender *sender)
{
    ES_CLEANUP(messages_claimed_done) struct messages_claimed claimed = {.rows = NULL};
    int64_t lease_ms = sender->notify->config.send_timeout_ms + LEASE_MARGIN_MS;
    int64_t lease_ends_us = es_clock_mono_us() + lease_ms * ES_US_PER_MS;
    if (!database_did(sender, messages_claim(sender->db, lease_ms, &claimed))) {
        return false;
    }
    es_fault_point("notify.after_claim");
    if (claimed.expired) {
        expire(sender, &claimed);
        return true;
    }
    struct verdict verdict = try_to_send(sender, &claimed);
    if (record_within_lease(sender, &claimed, &verdict, lease_ends_us)) {
        es_fault_point("notify.after_commit");
        tell(sender, &claimed, &verdict);
    }
    return true;
}

/* --- house-keeping ------------------------------------------------------------------------- */
static void keep_house(struct sender *sender)
{
    struct messages_survey found;
    uint64_t gone = 0;
    if (es_due(&sender->survey, SURVEY_PERIOD_US) &&
        database_did(sender, messages_survey(sender->db, &found))) {
        es_metric_set(sender->notify->metrics, METRIC_MESSAGES_QUEUED, found.queued);
        es_metric_set(sender->notify->metrics, METRIC_MESSAGES_OLDEST_MS, found.oldest_ms);
    }
    if (es_due(&sender->prune, PRUNE_PERIOD_US) &&
        database_did(sender, messages_prune(sender->db, sender->notify->config.keep_days, &gone)) &&
        gone > 0) {
        sender->prune = (struct es_due){0}; /* there may be more */
    }
}

/* --- threads ------------------------------------------------------------------------------- */
static bool do_round(void *context)
{
    struct sender *sender = context;
    atomic_store(&sender->progress_us, es_clock_mono_us());
    if (sender->keeps_house) {
        keep_house(sender);
    }
    return !atomic_load(sender->stopping) && send_one(sender);
}

static bool set_up(struct sender *sender, struct notify *notify, const atomic_bool *stopping,
                   bool keeps_house, struct es_buf *error)
{
    struct es_db_config db = notify_db_config(notify);
    struct channel_secrets secrets = notify_channel_secrets(notify);
    sender->notify = notify;
    sender->stopping = stopping;
    sender->keeps_house = keeps_house;
    sender->db = es_db_new(&db, messages_statements, messages_statement_count);
    sender->channel = channel_new(&notify->config, &secrets, error);
    sender->vault_link =
        (struct es_link){.lost = "notify.vault_unreadable", .back = "notify.vault_readable"};
    sender->channel_link =
        (struct es_link){.lost = "notify.channel_failing", .back = "notify.channel_working"};
    sender->database_link =
        (struct es_link){.lost = "notify.database_lost", .back = "notify.database_back"};
    atomic_store(&sender->database_up, true);
    atomic_store(&sender->progress_us, es_clock_mono_us());
    return sender->channel != NULL;
}

struct senders *senders_start(struct notify *notify, struct es_buf *error)
{
    size_t count = (size_t)notify->config.sender_threads;
    struct senders *senders = es_calloc(1, sizeof(struct senders) + count * sizeof(struct sender));
    senders->count = count;
    for (size_t i = 0; i < count; i++) {
        if (!set_up(&senders->each[i], notify, &senders->stopping, i == 0, error)) {
            return senders_stop(senders);
        }
    }
    for (size_t i = 0; i < count; i++) {
        senders->each[i].ticker = es_ticker_start(PERIOD_MS, do_round, &senders->each[i]);
    }
    return senders;
}

void senders_claim_no_more(struct senders *senders)
{
    atomic_store(&senders->stopping, true);
}

struct senders *senders_stop(struct senders *senders)
{
    if (senders != NULL) {
        senders_claim_no_more(senders);
        for (size_t i = 0; i < senders->count; i++) {
            struct sender *sender = &senders->each[i];
            sender->ticker = es_ticker_stop(sender->ticker);
            sender->channel = channel_free(sender->channel);
            sender->db = es_db_free(sender->db);
        }
        free(senders);
    }
    return NULL;
}

void senders_wake(struct senders *senders)
{
    for (size_t i = 0; i < senders->count; i++) {
        es_ticker_wake(senders->each[i].ticker);
    }
}

bool senders_alive(const struct senders *senders)
{
    int64_t now_us = es_clock_mono_us();
    for (size_t i = 0; i < senders->count; i++) {
        if (now_us - atomic_load(&senders->each[i].progress_us) >= STUCK_AFTER_US) {
            return false;
        }
    }
    return true;
}

bool senders_database_up(const struct senders *senders)
{
    for (size_t i = 0; i < senders->count; i++) {
        if (!atomic_load(&senders->each[i].database_up)) {
            return false;
        }
    }
    return true;
}
