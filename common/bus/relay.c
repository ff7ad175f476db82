#include "common/bus/relay.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/bus/due.h"
#include "common/bus/link.h"
#include "common/bus/stream.h"
#include "common/daemon/fault.h"
#include "common/daemon/ticker.h"
#include "common/observe/log.h"

#include <stdatomic.h>
#include <stdlib.h>

#define GROUP             "relay"
#define CHANNEL           "eldersafe_bus"             /* the trigger on bus.outbox notifies it */
#define LEADER_LOCK       INT64_C(0x65735f72656c6179) /* "es_relay" */
#define TRANSACTION_SIZE  21                          /* xid8 as decimal text with its NUL */
#define STANDBY_PERIOD_MS 1000
#define SHORTEST_WAIT_MS  20
#define LONGEST_WAIT_MS   1000
#define SURVEY_PERIOD_US  (5 * ES_US_PER_S)
#define TRIM_PERIOD_US    (10 * ES_US_PER_S)
#define STUCK_AFTER_US    (60 * ES_US_PER_S) /* a round has a handful of calls, seconds each */

struct position {
    char written_by[TRANSACTION_SIZE];
    int64_t event_id;
};

struct es_relay {
    struct es_db *db;
    struct es_redis *redis; /* NULL: not configured */
    struct es_ticker *ticker;
    struct es_link redis_link;
    struct es_link database_link;
    int64_t leading_as; /* server process of the session that holds the lock; 0: none */
    struct position position;
    int64_t wait_ms;
    struct es_due survey;
    struct es_due trim;
    atomic_bool leading;
    atomic_bool redis_up;
    atomic_bool database_up;
    atomic_llong published;
    atomic_llong unpublished;
    atomic_llong oldest_ms;
    atomic_llong progress_us;
};

/* The round goes on only when the database did what it was asked for. */
static bool database_did(struct es_relay *relay, enum es_db_result result)
{
    bool up = result == ES_DB_OK;
    atomic_store(&relay->database_up, up);
    return es_link_note(&relay->database_link, up, GROUP, es_db_error(relay->db));
}

/* --- leading ------------------------------------------------------------------------------- */
/* es_db makes a lost connection anew without a word, and the lock went with the old one: so every
 * round asks whether this is still the session that took it. */
static const struct es_db_statement lead_statement = {
    .name = "bus_lead",
    .sql = "SELECT CASE WHEN pg_backend_pid() = $2 THEN true ELSE pg_try_advisory_lock($1) END"
           " AS leading, pg_backend_pid() AS session, p.written_by::text AS written_by, p.event_id"
           " FROM bus.relay_position p WHERE p.stream = $3",
    .params = "iit",
};

static const struct es_db_statement adopt_statement = {
    .name = "bus_adopt_restored",
    .sql = "SELECT bus.adopt_restored() AS adopted",
    .params = "",
};

static bool read_position(const struct es_db_rows *rows, size_t row, struct position *ret_position)
{
    const char *written_by = es_db_text(rows, row, "written_by");
    ret_position->event_id = es_db_i64(rows, row, "event_id");
    return es_copy_str(ret_position->written_by, sizeof(ret_position->written_by), written_by);
}

/* First thing after taking over. */
static bool take_office(struct es_relay *relay)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    if (!database_did(relay, es_db_listen(relay->db, CHANNEL)) ||
        !database_did(relay, es_db_one(relay->db, &adopt_statement, &rows))) {
        return false;
    }
    es_log_plain(ES_LOG_INFO, "bus.leading");
    if (es_db_bool(rows, 0, "adopted")) {
        es_log_plain(ES_LOG_WARN, "bus.restored");
        return false; /* the position has changed: begin anew */
    }
    return true;
}

static void set_leading(struct es_relay *relay, int64_t session)
{
    relay->leading_as = session;
    atomic_store(&relay->leading, session != 0);
}

/* True when this relay leads; its position is then up to date. */
static bool lead(struct es_relay *relay)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    if (!database_did(relay, es_db_one(relay->db, &lead_statement, &rows, LEADER_LOCK,
                                       relay->leading_as, ES_BUS_STREAM))) {
        set_leading(relay, 0);
        return false;
    }
    int64_t session = es_db_i64(rows, 0, "session");
    bool leading = es_db_bool(rows, 0, "leading") && read_position(rows, 0, &relay->position);
    bool is_new = leading && session != relay->leading_as;
    set_leading(relay, leading ? session : 0);
    return leading && (!is_new || take_office(relay));
}

/* --- publishing ---------------------------------------------------------------------------- */
static const struct es_db_statement fetch_statement = {
    .name = "bus_unpublished",
    .sql = "SELECT o.event_id, o.written_by::text AS written_by, o.topic FROM bus.outbox o"
           " WHERE (o.written_by, o.event_id) > ($1::text::xid8, $2)"
           " AND o.written_by < pg_snapshot_xmin(pg_current_snapshot())"
           " ORDER BY o.written_by, o.event_id LIMIT $3",
    .params = "tii",
};

static const struct es_db_statement move_statement = {
    .name = "bus_move_position",
    .sql = "UPDATE bus.relay_position SET written_by = $4::text::xid8, event_id = $5,"
           " moved_at = clock_timestamp()"
           " WHERE stream = $1 AND written_by = $2::text::xid8 AND event_id = $3",
    .params = "ttiti",
};

static bool publish(struct es_relay *relay, const struct es_db_rows *rows)
{
    if (relay->redis == NULL) {
        return true; /* consumers look into PostgreSQL; the position still tells what may be pruned
                      */
    }
    int64_t event_ids[ES_STREAM_MAX_BATCH];
    const char *topics[ES_STREAM_MAX_BATCH];
    size_t count = es_db_row_count(rows);
    for (size_t i = 0; i < count; i++) {
        event_ids[i] = es_db_i64(rows, i, "event_id");
        topics[i] = es_db_text(rows, i, "topic");
    }
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    bool up = es_stream_publish(relay->redis, event_ids, topics, count, &error);
    atomic_store(&relay->redis_up, up);
    return es_link_note(&relay->redis_link, up, GROUP, es_buf_str(&error));
}

/* Move on to NEXT from where this relay believes to be. False: another one was there first. */
static bool move_position(struct es_relay *relay, const struct position *next)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    if (!database_did(relay, es_db_run(relay->db, &move_statement, &rows, ES_BUS_STREAM,
                                       relay->position.written_by, relay->position.event_id,
                                       next->written_by, next->event_id))) {
        return false;
    }
    if (es_db_affected(rows) == 0) {
        es_log_plain(ES_LOG_INFO, "bus.overtaken");
        set_leading(relay, 0);
        return false;
    }
    return true;
}

/* Publish one batch. False when something was in the way; *RET_COUNT is what was published. */
static bool publish_batch(struct es_relay *relay, size_t *ret_count)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    if (!database_did(relay,
                      es_db_run(relay->db, &fetch_statement, &rows, relay->position.written_by,
                                relay->position.event_id, (int64_t)ES_STREAM_MAX_BATCH))) {
        return false;
    }
    size_t count = es_db_row_count(rows);
    struct position next;
    if (count == 0) {
        *ret_count = 0;
        return true;
    }
    es_fault_point("bus.before_publish");
    if (!read_position(rows, count - 1, &next) || !publish(relay, rows)) {
        return false;
    }
    es_fault_point("bus.after_publish");
    if (!move_position(relay, &next)) {
        return false;
    }
    es_fault_point("bus.after_position");
    relay->position = next;
    atomic_fetch_add(&relay->published, (long long)count);
    *ret_count = count;
    return true;
}

/* --- looking after things ------------------------------------------------------------------ */
static const struct es_db_statement survey_statement = {
    .name = "bus_relay_survey",
    .sql = "SELECT count(*) AS unpublished, greatest(0, coalesce(extract(epoch FROM"
           " clock_timestamp() - min(created_at)) * 1000, 0))::bigint AS oldest_ms"
           " FROM (SELECT o.created_at FROM bus.outbox o"
           "  WHERE (o.written_by, o.event_id) > ($1::text::xid8, $2) LIMIT 100000) AS waiting",
    .params = "ti",
};

static void look_after_things(struct es_relay *relay)
{
    if (relay->redis != NULL && es_due(&relay->trim, TRIM_PERIOD_US)) {
        es_stream_trim(relay->redis);
    }
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    if (es_due(&relay->survey, SURVEY_PERIOD_US) &&
        database_did(relay, es_db_one(relay->db, &survey_statement, &rows,
                                      relay->position.written_by, relay->position.event_id))) {
        atomic_store(&relay->unpublished, es_db_i64(rows, 0, "unpublished"));
        atomic_store(&relay->oldest_ms, es_db_i64(rows, 0, "oldest_ms"));
    }
}

/* Wait for a commit. A notification may come before its event can be published (an older
 * transaction still runs): so after each one, and after each batch, the waits are short at first.
 */
static void wait_for_events(struct es_relay *relay, bool published)
{
    if (published || es_db_wait_notify(relay->db, relay->wait_ms)) {
        relay->wait_ms = SHORTEST_WAIT_MS;
        return;
    }
    relay->wait_ms *= 2;
    if (relay->wait_ms > LONGEST_WAIT_MS) {
        relay->wait_ms = LONGEST_WAIT_MS;
    }
}

/* --- the thread ---------------------------------------------------------------------------- */
/* One round. False: pause before the next one. */
static bool do_round(void *context)
{
    struct es_relay *relay = context;
    size_t count = 0;
    atomic_store(&relay->progress_us, es_clock_mono_us());
    if (!lead(relay)) {
        return false;
    }
    bool done = publish_batch(relay, &count);
    look_after_things(relay);
    if (!done || !es_db_connected(relay->db)) {
        return false;
    }
    wait_for_events(relay, count > 0);
    return true;
}

struct es_relay *es_relay_start(const struct es_relay_config *config)
{
    struct es_relay *relay = ES_NEW(struct es_relay);
    relay->db = es_db_new(&config->db, es_relay_statements, es_relay_statement_count);
    relay->redis = config->redis.address != NULL ? es_redis_new(&config->redis) : NULL;
    relay->redis_link = (struct es_link){.lost = "bus.redis_lost", .back = "bus.redis_back"};
    relay->database_link =
        (struct es_link){.lost = "bus.database_lost", .back = "bus.database_back"};
    relay->wait_ms = SHORTEST_WAIT_MS;
    atomic_store(&relay->redis_up, relay->redis != NULL);
    atomic_store(&relay->database_up, true);
    atomic_store(&relay->progress_us, es_clock_mono_us());
    relay->ticker = es_ticker_start(STANDBY_PERIOD_MS, do_round, relay);
    return relay;
}

struct es_relay *es_relay_stop(struct es_relay *relay)
{
    if (relay != NULL) {
        relay->ticker = es_ticker_stop(relay->ticker);
        relay->redis = es_redis_free(relay->redis);
        relay->db = es_db_free(relay->db);
        free(relay);
    }
    return NULL;
}

struct es_relay_status es_relay_status(const struct es_relay *relay)
{
    return (struct es_relay_status){
        .leading = atomic_load(&relay->leading),
        .redis_up = atomic_load(&relay->redis_up),
        .database_up = atomic_load(&relay->database_up),
        .published = atomic_load(&relay->published),
        .unpublished = atomic_load(&relay->unpublished),
        .oldest_ms = atomic_load(&relay->oldest_ms),
    };
}

bool es_relay_alive(const struct es_relay *relay)
{
    return es_clock_mono_us() - atomic_load(&relay->progress_us) < STUCK_AFTER_US;
}

const struct es_db_statement *const es_relay_statements[] = {
    &lead_statement, &adopt_statement, &fetch_statement, &move_statement, &survey_statement,
};
const size_t es_relay_statement_count = ES_ARRAY_LEN(es_relay_statements);
