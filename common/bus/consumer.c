#include "common/bus/consumer.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/bus/due.h"
#include "common/bus/inbox.h"
#include "common/bus/link.h"
#include "common/bus/stream.h"
#include "common/daemon/fault.h"
#include "common/daemon/ticker.h"
#include "common/observe/log.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH               64
#define BLOCK_MS            1000
#define REDIS_TIMEOUT_MS    (BLOCK_MS + 2000) /* longer than the server may block */
#define PERIOD_MS           500               /* between rounds without Redis */
#define SURVEY_PERIOD_US    (2 * ES_US_PER_S)
#define CATCH_UP_PERIOD_US  (2 * ES_US_PER_S)
#define CATCH_UP_AGE_MS     1000 /* younger events are on their way through Redis */
#define CLAIM_PERIOD_US     (10 * ES_US_PER_S)
#define CLAIM_IDLE_MS       30000
#define STUCK_AFTER_US      (120 * ES_US_PER_S) /* a batch of handlers, each bounded by the database */
#define CONSUMER_NAME_BYTES 8

struct es_consumer {
    struct es_consumer_config config;
    struct es_db *db;
    struct es_redis *redis; /* NULL: not configured */
    struct es_ticker *ticker;
    const struct es_db_statement **statements;
    const char **topics;
    struct es_inbox inbox;
    struct es_stream_group group;
    char name[2 * CONSUMER_NAME_BYTES + 1];
    struct es_stream_batch batch;
    struct es_link redis_link;
    struct es_link database_link;
    struct es_link *rights; /* one a topic: may its handler do what it has to? */
    struct es_due survey;
    struct es_due catch_up;
    struct es_due claim;
    atomic_llong taken;
    atomic_llong failed;
    atomic_llong parked;
    atomic_llong waiting;
    atomic_llong oldest_ms;
    atomic_bool redis_up;
    atomic_bool database_up;
    atomic_bool stopping;
    atomic_llong progress_us;
};

/* What became of an event that was looked at. */
enum outcome {
    SETTLED,    /* taken, now or before, or left to the next try or to an operator */
    UNSETTLED,  /* not now: somebody else is at it */
    NO_DATABASE /* stop here */
};

static bool database_did(struct es_consumer *consumer, enum es_db_result result)
{
    bool up = result == ES_DB_OK;
    atomic_store(&consumer->database_up, up);
    return es_link_note(&consumer->database_link, up, consumer->config.group,
                        es_db_error(consumer->db));
}

/* --- one event ----------------------------------------------------------------------------- */
struct take {
    struct es_consumer *consumer;
    int64_t event_id;
    bool wanted;
    struct es_link *rights; /* of the topic whose handler was called, or NULL */
    struct es_buf reason;   /* the handler's */
};

/* Whether the next event is still ours to begin. */
static bool goes_on(const struct es_consumer *consumer)
{
    return !atomic_load(&consumer->stopping);
}

/* Index of TOPIC, or the number of topics when it is none of ours. */
static size_t topic_index(const struct es_consumer *consumer, const char *topic)
{
    size_t i = 0;
    while (i < consumer->config.topic_count &&
           strcmp(consumer->config.topics[i].topic, topic) != 0) {
        i++;
    }
    return i;
}

static bool is_ours(const struct es_consumer *consumer, const char *topic)
{
    return topic_index(consumer, topic) < consumer->config.topic_count;
}

static bool is_events_fault(enum es_db_result result)
{
    switch (result) {
    case ES_DB_OK:
    case ES_DB_RETRY:
    case ES_DB_UNAVAILABLE:
    case ES_DB_DENIED:
        return false;
    case ES_DB_NO_ROW:
    case ES_DB_UNIQUE:
    case ES_DB_CHECK:
    case ES_DB_BUG:
        return true;
    }
    return true;
}

/* The body of the transaction: the inbox row, then the effect. */
static enum es_db_result take_event(struct es_db *db, void *context)
{
    struct take *take = context;
    struct es_consumer *consumer = take->consumer;
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    es_buf_clear(&take->reason);
    enum es_db_result result = es_inbox_take(db, &consumer->inbox, take->event_id, &rows);
    take->wanted = result == ES_DB_OK;
    take->rights = NULL;
    if (result != ES_DB_OK) {
        return result == ES_DB_NO_ROW ? ES_DB_OK : result;
    }
    struct es_event event = {
        .event_id = take->event_id,
        .topic = es_db_text(rows, 0, "topic"),
        .payload = es_db_text(rows, 0, "payload"),
    };
    size_t topic = topic_index(consumer, event.topic); /* one of ours, or it were not taken */
    take->rights = &consumer->rights[topic];
    return consumer->config.topics[topic].handler(db, &event, consumer->config.context,
                                                  &take->reason);
}

static enum outcome note_failure(struct es_consumer *consumer, int64_t event_id, const char *reason,
                                 bool counted)
{
    bool parked = false;
    if (!database_did(consumer, es_inbox_fail(consumer->db, &consumer->inbox, event_id, reason,
                                              counted, &parked))) {
        return NO_DATABASE;
    }
    atomic_fetch_add(&consumer->failed, 1);
    atomic_fetch_add(&consumer->parked, parked ? 1 : 0);
    es_log(ES_LOG_WARN, parked ? "bus.event_parked" : "bus.event_failed",
           es_f_text("group", consumer->config.group), es_f_int("event_id", event_id),
           es_f_text("reason", reason));
    return SETTLED;
}

/* Our role lacks a right that the handler needs: the event waits until an operator has granted it.
 */
static enum outcome leave_denied(struct es_consumer *consumer, const struct take *take,
                                 bool counted)
{
    (void)es_link_note(take->rights, false, consumer->config.group, es_db_error(consumer->db));
    if (counted &&
        !database_did(consumer, es_inbox_uncount(consumer->db, &consumer->inbox, take->event_id))) {
        return NO_DATABASE;
    }
    return UNSETTLED;
}

static enum outcome conclude(struct es_consumer *consumer, struct take *take,
                             enum es_db_result result, bool counted)
{
    if (is_events_fault(result)) {
        if (take->reason.length == 0) {
            es_buf_printf(&take->reason, "%s %s", es_db_result_name(result),
                          es_db_sqlstate(consumer->db));
        }
        return note_failure(consumer, take->event_id, es_buf_str(&take->reason), counted);
    }
    if (result == ES_DB_DENIED && take->rights != NULL) {
        return leave_denied(consumer, take, counted);
    }
    if (!database_did(consumer, result)) {
        return NO_DATABASE;
    }
    if (take->wanted) {
        (void)es_link_note(take->rights, true, consumer->config.group, NULL);
        atomic_fetch_add(&consumer->taken, 1);
        if (consumer->config.committed != NULL) {
            consumer->config.committed(consumer->config.context);
        }
    }
    return SETTLED;
}

/* Take EVENT_ID in. COUNTED: this try was noted before it began. */
static enum outcome handle(struct es_consumer *consumer, int64_t event_id, bool counted)
{
    struct take take = {.consumer = consumer, .event_id = event_id};
    enum es_db_result result = es_db_transaction(consumer->db, "bus_take", take_event, &take);
    enum outcome outcome = conclude(consumer, &take, result, counted);
    es_buf_done(&take.reason);
    atomic_store(&consumer->progress_us, es_clock_mono_us());
    return outcome;
}

/* The same for an event that may have been tried before. */
static enum outcome handle_with_care(struct es_consumer *consumer, int64_t event_id)
{
    enum es_inbox_try what = ES_INBOX_GO;
    if (!database_did(consumer,
                      es_inbox_begin_try(consumer->db, &consumer->inbox, event_id, &what))) {
        return NO_DATABASE;
    }
    switch (what) {
    case ES_INBOX_GO:
        return handle(consumer, event_id, true);
    case ES_INBOX_DONE:
        return SETTLED;
    case ES_INBOX_BUSY:
        return UNSETTLED;
    case ES_INBOX_PARKED:
        atomic_fetch_add(&consumer->parked, 1);
        es_log(ES_LOG_WARN, "bus.event_parked", es_f_text("group", consumer->config.group),
               es_f_int("event_id", event_id), es_f_text("reason", "unfinished"));
        return SETTLED;
    }
    return UNSETTLED;
}

/* --- from the stream ----------------------------------------------------------------------- */
static bool redis_did(struct es_consumer *consumer, bool up, const struct es_buf *error)
{
    atomic_store(&consumer->redis_up, up);
    return es_link_note(&consumer->redis_link, up, consumer->config.group, es_buf_str(error));
}

/* Handle the batch and acknowledge what is settled. CLAIMED: it was given to somebody before. */
static void handle_batch(struct es_consumer *consumer, bool claimed)
{
    const char *ids[ES_STREAM_MAX_BATCH];
    size_t settled = 0;
    enum outcome outcome = SETTLED;
    for (size_t i = 0; i < consumer->batch.count && outcome != NO_DATABASE && goes_on(consumer);
         i++) {
        const struct es_stream_entry *entry = &consumer->batch.entries[i];
        bool ours = entry->event_id != 0 && is_ours(consumer, entry->topic);
        outcome = SETTLED;
        if (ours) {
            outcome = claimed ? handle_with_care(consumer, entry->event_id)
                              : handle(consumer, entry->event_id, false);
        }
        if (outcome == SETTLED) {
            ids[settled++] = entry->id;
        }
    }
    if (settled > 0) {
        es_fault_point("bus.before_ack");
        es_stream_acknowledge(consumer->redis, &consumer->group, ids, settled);
    }
}

/* Take what is new, waiting a little for it. True when the stream may hold more. */
static bool read_stream(struct es_consumer *consumer)
{
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    if (consumer->redis == NULL ||
        !redis_did(consumer,
                   es_stream_read(consumer->redis, &consumer->group, BATCH, BLOCK_MS,
                                  &consumer->batch, &error),
                   &error)) {
        return false;
    }
    handle_batch(consumer, false);
    return consumer->batch.count == BATCH;
}

/* What a consumer that died, or lost the database, was given and left lying. */
static void claim_leftovers(struct es_consumer *consumer)
{
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    if (redis_did(consumer,
                  es_stream_claim(consumer->redis, &consumer->group, BATCH, CLAIM_IDLE_MS,
                                  &consumer->batch, &error),
                  &error)) {
        handle_batch(consumer, true);
    }
}

/* --- from PostgreSQL ----------------------------------------------------------------------- */
/* False when the database is not there. */
static bool survey(struct es_consumer *consumer)
{
    struct es_inbox_survey found;
    if (!database_did(consumer, es_inbox_survey(consumer->db, &consumer->inbox, &found))) {
        return false;
    }
    atomic_store(&consumer->waiting, found.waiting);
    atomic_store(&consumer->oldest_ms, found.oldest_ms);
    return true;
}

/* Take what waits in the outbox. True when more may be waiting. */
static bool catch_up(struct es_consumer *consumer, int64_t min_age_ms)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    if (!database_did(consumer,
                      es_inbox_waiting(consumer->db, &consumer->inbox, BATCH, min_age_ms, &rows))) {
        return false;
    }
    size_t count = es_db_row_count(rows);
    size_t settled = 0;
    for (size_t i = 0; i < count && goes_on(consumer); i++) {
        enum outcome outcome = handle_with_care(consumer, es_db_i64(rows, i, "event_id"));
        if (outcome == NO_DATABASE) {
            return false;
        }
        settled += outcome == SETTLED ? 1 : 0;
    }
    return count == BATCH && settled > 0;
}

/* --- the thread ---------------------------------------------------------------------------- */
static bool redis_is_up(const struct es_consumer *consumer)
{
    return consumer->redis != NULL && !consumer->redis_link.down;
}

/* One round. False: pause before the next one. */
static bool do_round(void *context)
{
    struct es_consumer *consumer = context;
    atomic_store(&consumer->progress_us, es_clock_mono_us());
    bool must_look = consumer->database_link.down || es_due(&consumer->survey, SURVEY_PERIOD_US);
    if (must_look && !survey(consumer)) {
        return false; /* entries taken from the stream now could not be handled */
    }
    bool more = read_stream(consumer);
    if (!redis_is_up(consumer)) {
        return catch_up(consumer, 0);
    }
    if (es_due(&consumer->claim, CLAIM_PERIOD_US)) {
        claim_leftovers(consumer);
    }
    if (!more && es_due(&consumer->catch_up, CATCH_UP_PERIOD_US) &&
        catch_up(consumer, CATCH_UP_AGE_MS)) {
        consumer->catch_up = (struct es_due){0};
    }
    return true; /* reading the stream was pause enough */
}

static void merge_statements(struct es_consumer *consumer, size_t *ret_count)
{
    const struct es_consumer_config *config = &consumer->config;
    size_t count = 0;
    consumer->statements = es_calloc(es_inbox_statement_count + config->statement_count,
                                     sizeof(*consumer->statements));
    for (size_t i = 0; i < es_inbox_statement_count; i++) {
        consumer->statements[count++] = es_inbox_statements[i];
    }
    for (size_t i = 0; i < config->statement_count; i++) {
        consumer->statements[count++] = config->statements[i];
    }
    *ret_count = count;
}

/* A name nobody had before: names of dead consumers are forgotten by the relay. */
static void choose_name(struct es_consumer *consumer)
{
    unsigned char bytes[CONSUMER_NAME_BYTES];
    es_random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        (void)snprintf(consumer->name + 2 * i, 3, "%02x", bytes[i]);
    }
}

static void join_group(struct es_consumer *consumer)
{
    const struct es_consumer_config *config = &consumer->config;
    consumer->topics = es_calloc(config->topic_count, sizeof(*consumer->topics));
    consumer->rights = es_calloc(config->topic_count, sizeof(*consumer->rights));
    for (size_t i = 0; i < config->topic_count; i++) {
        consumer->topics[i] = config->topics[i].topic;
        consumer->rights[i] = (struct es_link){.lost = "bus.denied", .back = "bus.allowed"};
    }
    consumer->inbox = (struct es_inbox){
        .group = config->group,
        .topics = consumer->topics,
        .topic_count = config->topic_count,
        .failures_to_park = config->failures_to_park,
    };
    choose_name(consumer);
    consumer->group = (struct es_stream_group){.group = config->group, .consumer = consumer->name};
}

static void connect_servers(struct es_consumer *consumer)
{
    size_t count = 0;
    merge_statements(consumer, &count);
    consumer->db = es_db_new(&consumer->config.db, consumer->statements, count);
    if (consumer->config.redis != NULL) {
        struct es_redis_config redis = *consumer->config.redis;
        redis.timeout_ms = REDIS_TIMEOUT_MS;
        consumer->redis = es_redis_new(&redis);
    }
    consumer->redis_link = (struct es_link){.lost = "bus.redis_lost", .back = "bus.redis_back"};
    consumer->database_link =
        (struct es_link){.lost = "bus.database_lost", .back = "bus.database_back"};
    atomic_store(&consumer->redis_up, consumer->redis != NULL);
    atomic_store(&consumer->database_up, true);
}

struct es_consumer *es_consumer_start(const struct es_consumer_config *config)
{
    struct es_consumer *consumer = ES_NEW(struct es_consumer);
    consumer->config = *config;
    join_group(consumer);
    connect_servers(consumer);
    atomic_store(&consumer->progress_us, es_clock_mono_us());
    consumer->ticker = es_ticker_start(PERIOD_MS, do_round, consumer);
    return consumer;
}

struct es_consumer *es_consumer_stop(struct es_consumer *consumer)
{
    if (consumer != NULL) {
        atomic_store(&consumer->stopping, true);
        consumer->ticker = es_ticker_stop(consumer->ticker);
        consumer->redis = es_redis_free(consumer->redis);
        consumer->db = es_db_free(consumer->db);
        free(consumer->statements);
        free(consumer->topics);
        free(consumer->rights);
        free(consumer);
    }
    return NULL;
}

struct es_consumer_status es_consumer_status(const struct es_consumer *consumer)
{
    return (struct es_consumer_status){
        .taken = atomic_load(&consumer->taken),
        .failed = atomic_load(&consumer->failed),
        .parked = atomic_load(&consumer->parked),
        .waiting = atomic_load(&consumer->waiting),
        .oldest_ms = atomic_load(&consumer->oldest_ms),
        .redis_up = atomic_load(&consumer->redis_up),
        .database_up = atomic_load(&consumer->database_up),
    };
}

bool es_consumer_alive(const struct es_consumer *consumer)
{
    return es_clock_mono_us() - atomic_load(&consumer->progress_us) < STUCK_AFTER_US;
}
