#include "common/bus/inbox.h"

#include <string.h>

#define SURVEY_LIMIT 10000
#define ERROR_SIZE   200

/* bus.prune keeps the outbox and inboxes for 7 days. */
#define WITHIN_RETENTION(created_at) created_at " > clock_timestamp() - interval '7 days'"
#define MARK_OF_GROUP                                                                              \
    "coalesce((SELECT c.taken_below FROM bus.consumers c WHERE c.consumer = $1), '0')"

/*
 * The mark goes up to the first settled event that is open, else past the last settled one seen. A
 * topic of which only the beginning was looked at holds the mark back. WITH TIES: a transaction is
 * seen whole or not at all, so "below" stays exact.
 */
static const struct es_db_statement survey_statement = {
    .name = "bus_survey",
    .sql =
        "WITH ahead AS MATERIALIZED ("
        "  SELECT t.topic, o.written_by, o.created_at, i.taken IS NULL AS open,"
        "   o.written_by < pg_snapshot_xmin(pg_current_snapshot()) AS settled"
        "  FROM unnest($2) AS t (topic)"
        "  CROSS JOIN LATERAL ("
        "   SELECT b.event_id, b.written_by, b.created_at FROM bus.outbox b"
        "   WHERE b.topic = t.topic AND b.written_by >= " MARK_OF_GROUP "   AND " WITHIN_RETENTION(
            "b.created_at") "   ORDER BY b.written_by FETCH FIRST $3 ROWS WITH TIES) AS o"
                            "  LEFT JOIN LATERAL ("
                            "   SELECT true AS taken FROM bus.inbox n"
                            "   WHERE n.consumer = $1 AND n.event_id = o.event_id LIMIT 1) AS i ON "
                            "true"
                            "), of_topic AS ("
                            "  SELECT min(written_by) FILTER (WHERE open AND settled) AS "
                            "first_open,"
                            "   ((max(written_by) FILTER (WHERE settled))::text::numeric + "
                            "1)::text::xid8 AS beyond,"
                            "   count(*) >= $3 AS cut"
                            "  FROM ahead GROUP BY topic"
                            "), mark AS ("
                            "  SELECT coalesce(min(CASE WHEN cut THEN coalesce(first_open, beyond)"
                            "                      ELSE first_open END), max(beyond)) AS at FROM "
                            "of_topic"
                            "), moved AS ("
                            "  INSERT INTO bus.consumers AS c (consumer, taken_below)"
                            "  SELECT $1, at FROM mark WHERE at IS NOT NULL"
                            "  ON CONFLICT (consumer) DO UPDATE"
                            "  SET taken_below = excluded.taken_below, moved_at = clock_timestamp()"
                            "  WHERE c.taken_below < excluded.taken_below"
                            ") "
                            "SELECT count(*) FILTER (WHERE open) AS waiting, greatest(0, "
                            "coalesce(extract(epoch FROM"
                            " clock_timestamp() - min(created_at) FILTER (WHERE open)) * 1000, "
                            "0))::bigint"
                            " AS oldest_ms FROM ahead",
    .params = "tTi",
};

enum es_db_result es_inbox_survey(struct es_db *db, const struct es_inbox *inbox,
                                  struct es_inbox_survey *ret_survey)
{
    struct es_db_array topics = {.items = inbox->topics, .count = inbox->topic_count};
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_one(db, &survey_statement, &rows, inbox->group, &topics, (int64_t)SURVEY_LIMIT);
    if (result == ES_DB_OK) {
        ret_survey->waiting = es_db_i64(rows, 0, "waiting");
        ret_survey->oldest_ms = es_db_i64(rows, 0, "oldest_ms");
    }
    return result;
}

static const struct es_db_statement waiting_statement = {
    .name = "bus_waiting",
    .sql = "SELECT e.event_id FROM unnest($2) AS t (topic)"
           " CROSS JOIN LATERAL ("
           "  SELECT o.event_id, o.written_by FROM bus.outbox o"
           "  WHERE o.topic = t.topic AND o.written_by >= " MARK_OF_GROUP
           "  AND o.created_at <= clock_timestamp() - $4 * interval '1 millisecond'"
           "  AND " WITHIN_RETENTION(
               "o.created_at") "  AND NOT EXISTS (SELECT FROM bus.inbox i"
                               "   WHERE i.consumer = $1 AND i.event_id = o.event_id)"
                               "  AND NOT EXISTS (SELECT FROM bus.failures f WHERE f.consumer = $1"
                               "   AND f.event_id = o.event_id AND f.next_at > clock_timestamp())"
                               "  ORDER BY o.written_by, o.event_id LIMIT $3) AS e"
                               " ORDER BY e.written_by, e.event_id LIMIT $3",
    .params = "tTii",
};

enum es_db_result es_inbox_waiting(struct es_db *db, const struct es_inbox *inbox, size_t count,
                                   int64_t min_age_ms, struct es_db_rows **ret_rows)
{
    struct es_db_array topics = {.items = inbox->topics, .count = inbox->topic_count};
    return es_db_run(db, &waiting_statement, ret_rows, inbox->group, &topics, (int64_t)count,
                     min_age_ms);
}

static const struct es_db_statement take_statement = {
    .name = "bus_take",
    .sql = "WITH event AS ("
           "  SELECT o.event_id, o.topic, o.payload FROM bus.outbox o"
           "  WHERE o.event_id = $2 AND o.topic = ANY ($3) AND " WITHIN_RETENTION(
               "o.created_at") "), taken AS ("
                               "  INSERT INTO bus.inbox (consumer, event_id) SELECT $1, event_id "
                               "FROM event"
                               "  ON CONFLICT DO NOTHING RETURNING event_id"
                               "), healed AS ("
                               "  DELETE FROM bus.failures f USING taken t"
                               "  WHERE f.consumer = $1 AND f.event_id = t.event_id"
                               ") "
                               "SELECT e.topic, e.payload::text AS payload FROM event e JOIN taken "
                               "USING (event_id)",
    .params = "tiT",
};

enum es_db_result es_inbox_take(struct es_db *db, const struct es_inbox *inbox, int64_t event_id,
                                struct es_db_rows **ret_rows)
{
    struct es_db_array topics = {.items = inbox->topics, .count = inbox->topic_count};
    return es_db_one(db, &take_statement, ret_rows, inbox->group, event_id, &topics);
}

/* The pause after try number N: 1, 2, 4 … 60 s. */
#define PAUSE_AFTER(n) "clock_timestamp() + least(power(2, " n " - 1), 60) * interval '1 second'"

/* No row in "noted" means that the event was begun or failed a moment ago. */
static const struct es_db_statement begin_statement = {
    .name = "bus_begin_try",
    .sql = "WITH open AS ("
           "  SELECT WHERE NOT EXISTS (SELECT FROM bus.inbox i"
           "   WHERE i.consumer = $1 AND i.event_id = $2)"
           "), noted AS ("
           "  INSERT INTO bus.failures AS f (consumer, event_id, failures, last_error, next_at)"
           "  SELECT $1, $2, 1, 'unfinished', " PAUSE_AFTER(
               "1") " FROM open"
                    "  ON CONFLICT (consumer, event_id) DO UPDATE SET"
                    "   failures = least(f.failures + 1, $3),"
                    "   last_error = CASE WHEN f.failures < $3 THEN 'unfinished' ELSE f.last_error "
                    "END,"
                    "   next_at = CASE WHEN f.failures < $3 THEN " PAUSE_AFTER(
                        "f.failures + 1") " END,"
                                          "   parked_at = CASE WHEN f.failures >= $3 THEN "
                                          "clock_timestamp() END"
                                          "  WHERE f.next_at <= clock_timestamp()"
                                          "  RETURNING f.parked_at IS NOT NULL AS parked"
                                          "), parked AS ("
                                          "  INSERT INTO bus.inbox (consumer, event_id) SELECT $1, "
                                          "$2 FROM noted WHERE parked"
                                          "  ON CONFLICT DO NOTHING"
                                          ") "
                                          "SELECT EXISTS (SELECT FROM open) AS open, EXISTS "
                                          "(SELECT FROM noted) AS noted,"
                                          " EXISTS (SELECT FROM noted WHERE parked) AS parked",
    .params = "tin",
};

enum es_db_result es_inbox_begin_try(struct es_db *db, const struct es_inbox *inbox,
                                     int64_t event_id, enum es_inbox_try *ret_try)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_one(db, &begin_statement, &rows, inbox->group, event_id, inbox->failures_to_park);
    if (result != ES_DB_OK) {
        return result;
    }
    if (!es_db_bool(rows, 0, "open")) {
        *ret_try = ES_INBOX_DONE;
    } else if (!es_db_bool(rows, 0, "noted")) {
        *ret_try = ES_INBOX_BUSY;
    } else {
        *ret_try = es_db_bool(rows, 0, "parked") ? ES_INBOX_PARKED : ES_INBOX_GO;
    }
    return ES_DB_OK;
}

static const struct es_db_statement fail_statement = {
    .name = "bus_fail",
    .sql = "WITH noted AS ("
           "  INSERT INTO bus.failures AS f"
           "   (consumer, event_id, failures, last_error, next_at, parked_at)"
           "  SELECT $1, $2, 1, $3, CASE WHEN $5 > 1 THEN " PAUSE_AFTER(
               "1") " END,"
                    "   CASE WHEN $5 <= 1 THEN clock_timestamp() END"
                    "  WHERE NOT EXISTS (SELECT FROM bus.inbox i"
                    "   WHERE i.consumer = $1 AND i.event_id = $2)"
                    "  ON CONFLICT (consumer, event_id) DO UPDATE SET"
                    "   failures = f.failures + $4, last_error = excluded.last_error,"
                    "   next_at = CASE WHEN f.failures + $4 < $5"
                    "             THEN " PAUSE_AFTER(
                        "(f.failures + $4)") " END,"
                                             "   parked_at = CASE WHEN f.failures + $4 >= $5 THEN "
                                             "clock_timestamp() END"
                                             "  WHERE f.parked_at IS NULL"
                                             "  RETURNING f.parked_at IS NOT NULL AS parked"
                                             "), parked AS ("
                                             "  INSERT INTO bus.inbox (consumer, event_id) SELECT "
                                             "$1, $2 FROM noted WHERE parked"
                                             "  ON CONFLICT DO NOTHING"
                                             ") "
                                             "SELECT EXISTS (SELECT FROM noted WHERE parked) AS "
                                             "parked",
    .params = "titnn",
};

/* ERROR's first bytes; cut between characters, so that it stays UTF-8. */
static void cut_error(const char *error, char ret_text[ERROR_SIZE + 1])
{
    size_t length = strnlen(error, ERROR_SIZE + 1);
    while (length > ERROR_SIZE || (length > 0 && (error[length] & 0xC0) == 0x80)) {
        length--;
    }
    memcpy(ret_text, error, length);
    ret_text[length] = '\0';
}

enum es_db_result es_inbox_fail(struct es_db *db, const struct es_inbox *inbox, int64_t event_id,
                                const char *error, bool counted, bool *ret_parked)
{
    char text[ERROR_SIZE + 1];
    cut_error(error, text);
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &fail_statement, &rows, inbox->group, event_id, text,
                                         counted ? 0 : 1, inbox->failures_to_park);
    if (result == ES_DB_OK) {
        *ret_parked = es_db_bool(rows, 0, "parked");
    }
    return result;
}

const struct es_db_statement *const es_inbox_statements[] = {
    &survey_statement, &waiting_statement, &take_statement, &begin_statement, &fail_statement,
};
const size_t es_inbox_statement_count = ES_ARRAY_LEN(es_inbox_statements);
