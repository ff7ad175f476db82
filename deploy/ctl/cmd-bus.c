/* bus parked and bus replay: events that a consumer could not take in. */
#include "common/base/clock.h"
#include "deploy/ctl/ctl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAGE 1000

const struct es_db_statement es_ctl_parked_statement = {
    .name = "ctl_parked",
    .params = "tii",
    .sql = "SELECT f.consumer, f.event_id, coalesce(o.topic, '(gone)') AS topic, f.failures,"
           "  f.parked_at, f.last_error"
           " FROM bus.failures f LEFT JOIN bus.outbox o USING (event_id)"
           " WHERE f.parked_at IS NOT NULL AND (f.consumer, f.event_id) > ($1, $2)"
           " ORDER BY f.consumer, f.event_id LIMIT $3",
};

const struct es_db_statement es_ctl_parked_by_statement = {
    .name = "ctl_parked_by",
    .params = "it",
    .sql = "SELECT consumer FROM bus.failures WHERE event_id = $1 AND parked_at IS NOT NULL"
           " AND coalesce(consumer = $2, true) ORDER BY consumer",
};

const struct es_db_statement es_ctl_replay_statement = {
    .name = "ctl_replay",
    .params = "ti",
    .sql = "SELECT bus.replay_parked($1, $2) AS replayed",
};

static const struct es_db_statement *const statements[] = {
    &es_ctl_parked_statement,
    &es_ctl_parked_by_statement,
    &es_ctl_replay_statement,
};

/* --- bus parked ---------------------------------------------------------------------------- */
static void print_parked(const struct es_db_rows *rows, size_t row)
{
    char at[ES_TIME_TEXT_SIZE];
    es_clock_format(es_db_time_us(rows, row, "parked_at"), at);
    (void)printf("%10" PRId64 "  %-12s  %-16s  %5" PRId64 "  %s  %s\n",
                 es_db_i64(rows, row, "event_id"), es_db_text(rows, row, "consumer"),
                 es_db_text(rows, row, "topic"), es_db_i64(rows, row, "failures"), at,
                 es_db_text(rows, row, "last_error"));
}

static enum es_exit list_parked(struct es_db *db)
{
    char consumer[64] = "";
    int64_t event = 0;
    size_t count = PAGE;
    (void)printf("%10s  %-12s  %-16s  %5s  %-24s  %s\n", "event", "consumer", "topic", "tries",
                 "parked at", "why");
    while (count == PAGE) {
        ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
        if (es_db_run(db, &es_ctl_parked_statement, &rows, consumer, event, (int64_t)PAGE) !=
            ES_DB_OK) {
            return es_ctl_db_failed(db, "bus parked");
        }
        count = es_db_row_count(rows);
        for (size_t i = 0; i < count; i++) {
            print_parked(rows, i);
        }
        if (count > 0) {
            event = es_db_i64(rows, count - 1, "event_id");
            (void)snprintf(consumer, sizeof(consumer), "%s",
                           es_db_text(rows, count - 1, "consumer"));
        }
    }
    return ES_EXIT_OK;
}

enum es_exit es_ctl_bus_parked(const struct es_ctl_command *self, int argc, char **argv)
{
    const char *database = NULL;
    const struct es_ctl_option options[] = {
        ES_CTL_DATABASE(&database),
    };
    enum es_exit status;
    if (!es_ctl_parse(self, options, ES_ARRAY_LEN(options), argc, argv, &status)) {
        return status;
    }
    ES_CLEANUP(es_ctl_disconnect)
    struct es_db *db =
        es_ctl_connect(database, self, statements, ES_ARRAY_LEN(statements), &status);
    return db != NULL ? list_parked(db) : status;
}

/* --- bus replay ---------------------------------------------------------------------------- */
static enum es_exit replay_for(struct es_db *db, const char *consumer, int64_t event)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    if (es_db_one(db, &es_ctl_replay_statement, &rows, consumer, event) != ES_DB_OK) {
        return es_ctl_db_failed(db, "bus replay");
    }
    if (!es_db_bool(rows, 0, "replayed")) {
        es_ctl_error("bus replay: event %" PRId64 " is too old, the outbox no longer has it",
                     event);
        return ES_EXIT_FAILED;
    }
    (void)printf("event %" PRId64 " goes to %s again\n", event, consumer);
    return ES_EXIT_OK;
}

static enum es_exit replay(struct es_db *db, int64_t event, const char *consumer)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_exit status = ES_EXIT_OK;
    if (es_db_run(db, &es_ctl_parked_by_statement, &rows, event, consumer) != ES_DB_OK) {
        return es_ctl_db_failed(db, "bus replay");
    }
    if (es_db_row_count(rows) == 0) {
        es_ctl_error("bus replay: event %" PRId64 " is not parked", event);
        return ES_EXIT_FAILED;
    }
    for (size_t i = 0; i < es_db_row_count(rows) && status == ES_EXIT_OK; i++) {
        status = replay_for(db, es_db_text(rows, i, "consumer"), event);
    }
    return status;
}

enum es_exit es_ctl_bus_replay(const struct es_ctl_command *self, int argc, char **argv)
{
    const char *event_text = NULL;
    const char *consumer = NULL;
    const char *database = NULL;
    const struct es_ctl_option options[] = {
        {"EVENT_ID", NULL, "as bus parked lists it", &event_text, NULL},
        {"--consumer", "NAME", "for this consumer alone (default: all that parked it)", &consumer,
         NULL},
        ES_CTL_DATABASE(&database),
    };
    enum es_exit status;
    int64_t event = 0;
    if (!es_ctl_parse(self, options, ES_ARRAY_LEN(options), argc, argv, &status)) {
        return status;
    }
    if (!es_ctl_given(self, "EVENT_ID", event_text) ||
        !es_ctl_number(self, "EVENT_ID", event_text, 1, INT64_MAX, &event)) {
        return ES_EXIT_USAGE;
    }
    ES_CLEANUP(es_ctl_disconnect)
    struct es_db *db =
        es_ctl_connect(database, self, statements, ES_ARRAY_LEN(statements), &status);
    return db != NULL ? replay(db, event, consumer) : status;
}
