#include "common/bus/relay.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
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
#define STANDBY_PERIOD_MS 1000
#define WAIT_MS           500
#define SURVEY_PERIOD_US  (5 * ES_US_PER_S)
#define TRIM_PERIOD_US    (10 * ES_US_PER_S)
#define STUCK_AFTER_US    (60 * ES_US_PER_S) /* a round has a handful of calls, seconds each */

/* As in bus.relay_position. */
struct position {
    char *passed; /* owned, as target: snapshots as text */
    char *target; /* NULL: no batch is under way */
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
           " AS leading, pg_backend_pid() AS session,"
           " p.passed::text AS passed, p.target::text AS target, p.event_id"
           " FROM bus.relay_position p WHERE p.stream = $3",
    .params = "iit",
};

static const struct es_db_statement adopt_statement = {
    .name = "bus_adopt_restored",
    .sql = "SELECT bus.adopt_restored() AS adopted",
    .params = "",
};

static void forget_position(struct position *position)
{
    free(position->passed);
    free(position->target);
    *position = (struct position){.passed = NULL};
}

static void read_position(const struct es_db_rows *rows, struct position *position)
{
    forget_position(position);
    position->passed = es_strdup(es_db_text(rows, 0, "passed"));
    position->event_id = es_db_i64(rows, 0, "event_id");
    if (!es_db_is_null(rows, 0, "target")) {
        position->target = es_strdup(es_db_text(rows, 0, "target"));
    }
}

/* First thing after taking over; what fails is done again in the next round. */
static bool take_office(struct es_relay *relay)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    if (!database_did(relay, es_db_listen(relay->db, CHANNEL)) ||
        !database_did(relay, es_db_one(relay->db, &adopt_statement, &rows))) {
        return false;
    }
    if (es_db_bool(rows, 0, "adopted")) {
        es_log_plain(ES_LOG_WARN, "bus.restored");
        return false; /* the position has changed */
    }
    es_log_plain(ES_LOG_INFO, "bus.leading");
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
    bool leading = es_db_bool(rows, 0, "leading");
    read_position(rows, &relay->position);
    if (leading && session != relay->leading_as) {
        leading = take_office(relay);
    }
    set_leading(relay, leading ? session : 0);
    return leading;
}

/* --- publishing ---------------------------------------------------------------------------- */
/*
 * A batch is what one snapshot (target, by default the present one) shows and an earlier one
 * (passed) did not; $3 is the last event of it that is published. New events were written by
 * transactions that had not begun by "passed" or were running then; the index on written_by finds
 * the first of them. From there on the primary key is read, past younger ones that were published.
 */
static const struct es_db_statement fetch_statement = {
    .name = "bus_unpublished",
    .sql = "WITH span AS MATERIALIZED ("
           "  SELECT $1::text::pg_snapshot AS passed,"
           "   coalesce($2::text::pg_snapshot, pg_current_snapshot()) AS target"
           "), fresh AS MATERIALIZED ("
           "  SELECT o.event_id FROM bus.outbox o WHERE $3 = 0"
           "   AND o.written_by >= (SELECT pg_snapshot_xmax(passed) FROM span)"
           "   AND o.written_by < (SELECT pg_snapshot_xmax(target) FROM span)"
           "  UNION ALL"
           "  SELECT o.event_id FROM (SELECT pg_snapshot_xip(passed) AS xid FROM span) AS ran"
           "  CROSS JOIN LATERAL (SELECT b.event_id FROM bus.outbox b WHERE $3 = 0"
           "   AND b.written_by = ran.xid ORDER BY b.event_id LIMIT 1) AS o"
           ") "
           "SELECT o.event_id, o.topic, (SELECT target::text FROM span) AS target"
           " FROM bus.outbox o WHERE o.event_id >="
           "  CASE WHEN $3 = 0 THEN (SELECT min(event_id) FROM fresh) ELSE $3 + 1 END"
           " AND pg_visible_in_snapshot(o.written_by, (SELECT target FROM span))"
           " AND NOT pg_visible_in_snapshot(o.written_by, (SELECT passed FROM span))"
           " ORDER BY o.event_id LIMIT $4",
    .params = "ttii",
};

static const struct es_db_statement move_statement = {
    .name = "bus_move_position",
    .sql = "UPDATE bus.relay_position SET passed = $4::text::pg_snapshot,"
           " target = $5::text::pg_snapshot, event_id = $6, moved_at = clock_timestamp()"
           " WHERE stream = $1 AND passed::text = $2 AND event_id = $3",
    .params = "ttitti",
};

static bool publish(struct es_relay *relay, const struct es_db_rows *rows)
{
    if (relay->redis == NULL) {
        return true; /* nobody to tell, but the position says what may be pruned */
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

/* Move on from where this relay believes to be. False: another one was there first. */
static bool move_position(struct es_relay *relay, const char *passed, const char *target,
                          int64_t event_id)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    if (!database_did(relay, es_db_run(relay->db, &move_statement, &rows, ES_BUS_STREAM,
                                       relay->position.passed, relay->position.event_id, passed,
                                       target, event_id))) {
        return false;
    }
    if (es_db_affected(rows) == 0) {
        es_log_plain(ES_LOG_INFO, "bus.overtaken");
        set_leading(relay, 0);
        return false;
    }
    return true;
}

/* Publish ROWS, which may be none: the end of a batch. False when something was in the way. */
static bool publish_rows(struct es_relay *relay, const struct es_db_rows *rows)
{
    size_t count = es_db_row_count(rows);
    if (count > 0) {
        es_fault_point("bus.before_publish");
        if (!publish(relay, rows)) {
            return false;
        }
        es_fault_point("bus.after_publish");
    }
    bool more = count == ES_STREAM_MAX_BATCH;
    const char *target = count > 0 ? es_db_text(rows, 0, "target") : relay->position.target;
    bool moved = more ? move_position(relay, relay->position.passed, target,
                                      es_db_i64(rows, count - 1, "event_id"))
                      : move_position(relay, target, NULL, 0);
    if (moved) {
        es_fault_point("bus.after_position");
        atomic_fetch_add(&relay->published, (long long)count);
    }
    return moved;
}

/* Publish what is next. False when something was in the way; *RET_ANY: there was something. */
static bool publish_next(struct es_relay *relay, bool *ret_any)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    if (!database_did(relay, es_db_run(relay->db, &fetch_statement, &rows, relay->position.passed,
                                       relay->position.target, relay->position.event_id,
                                       (int64_t)ES_STREAM_MAX_BATCH))) {
        return false;
    }
    *ret_any = es_db_row_count(rows) > 0 || relay->position.target != NULL;
    return !*ret_any || publish_rows(relay, rows);
}

/* --- looking after things ------------------------------------------------------------------ */
static const struct es_db_statement survey_statement = {
    .name = "bus_relay_survey",
    .sql = "WITH position AS MATERIALIZED ("
           "  SELECT passed, target, event_id FROM bus.relay_position WHERE stream = $1"
           "), fresh AS MATERIALIZED ("
           "  SELECT o.event_id, o.written_by, o.created_at FROM bus.outbox o"
           "   WHERE o.written_by >= (SELECT pg_snapshot_xmax(passed) FROM position)"
           "  UNION ALL"
           "  SELECT o.event_id, o.written_by, o.created_at"
           "  FROM (SELECT pg_snapshot_xip(passed) AS xid FROM position) AS ran"
           "  CROSS JOIN LATERAL (SELECT * FROM bus.outbox b WHERE b.written_by = ran.xid"
           "   ORDER BY b.event_id LIMIT 100000) AS o"
           "  LIMIT 100000"
           ") "
           "SELECT count(*) AS unpublished, greatest(0, coalesce(extract(epoch FROM"
           " clock_timestamp() - min(f.created_at)) * 1000, 0))::bigint AS oldest_ms"
           " FROM fresh f CROSS JOIN position p"
           " WHERE p.target IS NULL OR f.event_id > p.event_id"
           "  OR NOT pg_visible_in_snapshot(f.written_by, p.target)",
    .params = "t",
};

static void look_after_things(struct es_relay *relay)
{
    if (relay->redis != NULL && es_due(&relay->trim, TRIM_PERIOD_US)) {
        es_stream_trim(relay->redis);
    }
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    if (es_due(&relay->survey, SURVEY_PERIOD_US) &&
        database_did(relay, es_db_one(relay->db, &survey_statement, &rows, ES_BUS_STREAM))) {
        atomic_store(&relay->unpublished, es_db_i64(rows, 0, "unpublished"));
        atomic_store(&relay->oldest_ms, es_db_i64(rows, 0, "oldest_ms"));
    }
}

/* --- the thread ---------------------------------------------------------------------------- */
/* One round. False: pause before the next one. */
static bool do_round(void *context)
{
    struct es_relay *relay = context;
    bool any = false;
    atomic_store(&relay->progress_us, es_clock_mono_us());
    if (!lead(relay)) {
        return false;
    }
    bool done = publish_next(relay, &any);
    look_after_things(relay);
    if (!done) {
        return false;
    }
    if (!any) {
        (void)es_db_wait_notify(relay->db, WAIT_MS); /* for a commit, or for what nobody told */
    }
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
        forget_position(&relay->position);
        free(relay);
    }
    return NULL;
}

struct es_relay_status es_relay_status(const struct es_relay *relay)
{
    bool leading = atomic_load(&relay->leading);
    return (struct es_relay_status){
        .leading = leading,
        .redis_up = atomic_load(&relay->redis_up),
        .database_up = atomic_load(&relay->database_up),
        .published = atomic_load(&relay->published),
        .unpublished = leading ? atomic_load(&relay->unpublished) : 0,
        .oldest_ms = leading ? atomic_load(&relay->oldest_ms) : 0,
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
