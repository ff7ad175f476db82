#include "tier1-core/notify/messages.h"

static const struct es_db_statement enqueue_statement = {
    .name = "messages_enqueue",
    .sql = "INSERT INTO vault.messages"
           " (event_id, member_id, channel, template, sealed, expires_at)"
           " VALUES ($1, $2, 'email', $3, $4, $5) ON CONFLICT (event_id) DO NOTHING",
    .params = "iitxz",
};

enum es_db_result messages_enqueue(struct es_db *db, const struct messages_new *message)
{
    return es_db_run(db, &enqueue_statement, NULL, message->event_id, message->member_id,
                     message->template_name, message->sealed, message->sealed_length,
                     message->expires_at_us);
}

/* statement_timestamp() in the search, so that the index bounds it (E92). */
static const struct es_db_statement claim_statement = {
    .name = "messages_claim",
    .sql = "WITH due AS MATERIALIZED ("
           "  SELECT d.message_id FROM vault.messages d WHERE d.next_at <= statement_timestamp()"
           "  ORDER BY d.next_at FOR UPDATE SKIP LOCKED LIMIT 1"
           "), claimed AS ("
           "  UPDATE vault.messages m SET attempts = m.attempts + 1,"
           "   next_at = clock_timestamp() + $1 * interval '1 millisecond'"
           "  FROM due WHERE m.message_id = due.message_id"
           "  RETURNING m.message_id, m.member_id, m.channel, m.template, m.sealed, m.attempts,"
           "   m.expires_at, m.created_at"
           ") "
           "SELECT c.message_id, c.template, c.sealed, c.attempts, c.created_at,"
           " c.expires_at <= clock_timestamp() AS expired,"
           " (extract(epoch FROM clock_timestamp() - c.created_at) * 1000)::bigint AS age_ms,"
           " v.sealed AS contact"
           " FROM claimed c"
           " LEFT JOIN vault.contacts v ON v.member_id = c.member_id AND v.kind = c.channel",
    .params = "i",
};

void messages_claimed_done(struct messages_claimed *claimed)
{
    claimed->rows = es_db_rows_free(claimed->rows);
}

enum es_db_result messages_claim(struct es_db *db, int64_t lease_ms,
                                 struct messages_claimed *ret_claimed)
{
    struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &claim_statement, &rows, lease_ms);
    if (result != ES_DB_OK) {
        return result;
    }
    struct messages_claimed claimed = {
        .rows = rows,
        .message_id = es_db_i64(rows, 0, "message_id"),
        .attempts = es_db_i64(rows, 0, "attempts"),
        .age_ms = es_db_i64(rows, 0, "age_ms"),
        .created_at_us = es_db_time_us(rows, 0, "created_at"),
        .expired = es_db_bool(rows, 0, "expired"),
        .template_name = es_db_text(rows, 0, "template"),
    };
    claimed.sealed = es_db_bytea(rows, 0, "sealed", &claimed.sealed_length);
    if (!es_db_is_null(rows, 0, "contact")) {
        claimed.contact = es_db_bytea(rows, 0, "contact", &claimed.contact_length);
    }
    *ret_claimed = claimed;
    return ES_DB_OK;
}

static const struct es_db_statement sent_statement = {
    .name = "messages_set_sent",
    .sql = "UPDATE vault.messages SET state = 'sent', next_at = NULL, sealed = '',"
           " provider_ref = $2, last_error = '' WHERE message_id = $1 AND state = 'queued'",
    .params = "it",
};

enum es_db_result messages_set_sent(struct es_db *db, int64_t message_id, const char *provider_ref)
{
    return es_db_run(db, &sent_statement, NULL, message_id, provider_ref);
}

static const struct es_db_statement end_statement = {
    .name = "messages_end",
    .sql = "UPDATE vault.messages SET state = $3, next_at = NULL, sealed = '',"
           " last_error = coalesce($4, last_error)"
           " WHERE message_id = $1 AND attempts = $2 AND state = 'queued'",
    .params = "iitt",
};

enum es_db_result messages_end(struct es_db *db, int64_t message_id, int64_t attempts,
                               const char *state, const char *error)
{
    return es_db_run(db, &end_statement, NULL, message_id, attempts, state, error);
}

static const struct es_db_statement postpone_statement = {
    .name = "messages_postpone",
    .sql = "UPDATE vault.messages SET last_error = $4,"
           " next_at = least(clock_timestamp() + $3 * interval '1 millisecond', expires_at)"
           " WHERE message_id = $1 AND attempts = $2 AND state = 'queued'",
    .params = "iiit",
};

enum es_db_result messages_postpone(struct es_db *db, int64_t message_id, int64_t attempts,
                                    int64_t pause_ms, const char *error)
{
    return es_db_run(db, &postpone_statement, NULL, message_id, attempts, pause_ms, error);
}

static const struct es_db_statement survey_statement = {
    .name = "messages_survey",
    .sql = "SELECT count(*) AS queued, greatest(0, coalesce(extract(epoch FROM"
           " clock_timestamp() - min(created_at)) * 1000, 0))::bigint AS oldest_ms"
           " FROM vault.messages WHERE next_at IS NOT NULL",
    .params = "",
};

enum es_db_result messages_survey(struct es_db *db, struct messages_survey *ret_survey)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &survey_statement, &rows);
    if (result == ES_DB_OK) {
        ret_survey->queued = es_db_i64(rows, 0, "queued");
        ret_survey->oldest_ms = es_db_i64(rows, 0, "oldest_ms");
    }
    return result;
}

/* The oldest rows come first by their identity: no index on their age is needed. */
static const struct es_db_statement prune_statement = {
    .name = "messages_prune",
    .sql = "WITH oldest AS MATERIALIZED ("
           "  SELECT message_id, state, created_at FROM vault.messages"
           "  ORDER BY message_id LIMIT 1000"
           ") "
           "DELETE FROM vault.messages m USING oldest o"
           " WHERE m.message_id = o.message_id AND o.state <> 'queued'"
           " AND o.created_at < clock_timestamp() - $1 * interval '1 day'",
    .params = "i",
};

enum es_db_result messages_prune(struct es_db *db, int64_t keep_days, uint64_t *ret_count)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_run(db, &prune_statement, &rows, keep_days);
    if (result == ES_DB_OK) {
        *ret_count = es_db_affected(rows);
    }
    return result;
}

const struct es_db_statement *const messages_statements[] = {
    &enqueue_statement,  &claim_statement,  &sent_statement,  &end_statement,
    &postpone_statement, &survey_statement, &prune_statement,
};
const size_t messages_statement_count = ES_ARRAY_LEN(messages_statements);
