#include "common/bus/inbox.h"

#include <string.h>

#define SURVEY_LIMIT 10000
#define ERROR_SIZE   200

/* The work is done by functions of the schema (migrations/functions/60-bus-delivery.sql). */

static const struct es_db_statement survey_statement = {
    .name = "bus_survey",
    .sql = "SELECT waiting, oldest_ms FROM bus.survey($1, $2, $3)",
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
    .sql = "SELECT event_id FROM bus.waiting($1, $2, $3, $4)",
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
    .sql = "SELECT topic, payload FROM bus.take($1, $2, $3)",
    .params = "tiT",
};

enum es_db_result es_inbox_take(struct es_db *db, const struct es_inbox *inbox, int64_t event_id,
                                struct es_db_rows **ret_rows)
{
    struct es_db_array topics = {.items = inbox->topics, .count = inbox->topic_count};
    return es_db_one(db, &take_statement, ret_rows, inbox->group, event_id, &topics);
}

static const struct es_db_statement begin_statement = {
    .name = "bus_begin_try",
    .sql = "SELECT bus.begin_try($1, $2, $3) AS outcome",
    .params = "tin",
};

enum es_db_result es_inbox_begin_try(struct es_db *db, const struct es_inbox *inbox,
                                     int64_t event_id, enum es_inbox_try *ret_try)
{
    static const char *const outcomes[] = {
        [ES_INBOX_GO] = "go",
        [ES_INBOX_DONE] = "done",
        [ES_INBOX_BUSY] = "busy",
        [ES_INBOX_PARKED] = "parked",
    };
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_one(db, &begin_statement, &rows, inbox->group, event_id, inbox->failures_to_park);
    if (result != ES_DB_OK) {
        return result;
    }
    const char *outcome = es_db_text(rows, 0, "outcome");
    for (size_t i = 0; i < ES_ARRAY_LEN(outcomes); i++) {
        if (strcmp(outcomes[i], outcome) == 0) {
            *ret_try = (enum es_inbox_try)i;
            return ES_DB_OK;
        }
    }
    return ES_DB_BUG;
}

static const struct es_db_statement fail_statement = {
    .name = "bus_fail_try",
    .sql = "SELECT bus.fail_try($1, $2, $3, $4, $5) AS parked",
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

/* The row stays for its pause, with one failure at least as the table wants it; where one is enough
 * to be parked, it goes. */
static const struct es_db_statement uncount_statement = {
    .name = "bus_uncount_try",
    .sql = "WITH gone AS (DELETE FROM bus.failures WHERE consumer = $1 AND event_id = $2"
           "  AND parked_at IS NULL AND $3 = 1)"
           " UPDATE bus.failures SET failures = greatest(failures - 1, 1), last_error = 'denied'"
           " WHERE consumer = $1 AND event_id = $2 AND parked_at IS NULL AND $3 > 1",
    .params = "tin",
};

enum es_db_result es_inbox_uncount(struct es_db *db, const struct es_inbox *inbox, int64_t event_id)
{
    return es_db_run(db, &uncount_statement, NULL, inbox->group, event_id, inbox->failures_to_park);
}

const struct es_db_statement *const es_inbox_statements[] = {
    &survey_statement, &waiting_statement, &take_statement,
    &begin_statement,  &fail_statement,    &uncount_statement,
};
const size_t es_inbox_statement_count = ES_ARRAY_LEN(es_inbox_statements);
