#include "tier1-core/db/sessions.h"

#include <string.h>

const struct es_db_statement sessions_add_statement = {
    .name = "sessions_add",
    .params = "ixttzttu",
    .sql = "WITH added AS ("
           " INSERT INTO core.sessions (member_id, token_hash, scope, device, expires_at)"
           " VALUES ($1, $2, $3, $4, $5) RETURNING session_id"
           "), audited AS ("
           " INSERT INTO core.audit_log (member_id, event_type, actor, request_id, data)"
           " SELECT $1, $6, $7, $8, jsonb_build_object('session', session_id::text) FROM added"
           ") SELECT session_id FROM added",
};

enum es_db_result sessions_add(struct es_db *db, int64_t member_id,
                               const struct session_new *session, int64_t *ret_session_id)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_one(db, &sessions_add_statement, &rows, member_id, session->token_hash, (size_t)16,
                  session->scope, session->device, session->expires_us, session->audit_event,
                  session->actor, session->request_id);
    if (result == ES_DB_OK) {
        *ret_session_id = es_db_i64(rows, 0, "session_id");
    }
    return result;
}

const struct es_db_statement sessions_of_statement = {
    .name = "sessions_of",
    .params = "i",
    .sql = "SELECT session_id, scope, device, created_at, expires_at, token_hash FROM core.sessions"
           " WHERE member_id = $1 AND revoked_at IS NULL AND expires_at > now()"
           " ORDER BY session_id DESC LIMIT 200",
};

enum es_db_result sessions_of(struct es_db *db, int64_t member_id, struct es_arena *arena,
                              struct session_row **ret_rows, size_t *ret_count)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_run(db, &sessions_of_statement, &rows, member_id);
    if (result != ES_DB_OK) {
        return result;
    }
    size_t count = es_db_row_count(rows);
    struct session_row *list = es_arena_alloc(arena, count * sizeof(*list));
    for (size_t i = 0; i < count; i++) {
        size_t length = 0;
        const void *hash = es_db_bytea(rows, i, "token_hash", &length);
        list[i] = (struct session_row){
            .session_id = es_db_i64(rows, i, "session_id"),
            .scope = es_arena_strdup(arena, es_db_text(rows, i, "scope")),
            .device = es_arena_strdup(arena, es_db_text(rows, i, "device")),
            .created_us = es_db_time_us(rows, i, "created_at"),
            .expires_us = es_db_time_us(rows, i, "expires_at"),
            .token_hash = (const unsigned char *)es_arena_strndup(arena, hash, length),
        };
    }
    *ret_rows = list;
    *ret_count = count;
    return ES_DB_OK;
}

/* Ending a session is one statement, so it is whole or not at all. */
const struct es_db_statement sessions_end_statement = {
    .name = "sessions_end",
    .params = "iitu",
    .sql = "WITH ended AS ("
           " UPDATE core.sessions SET revoked_at = now()"
           " WHERE member_id = $1 AND session_id = $2 AND revoked_at IS NULL AND expires_at > now()"
           " RETURNING session_id, token_hash, expires_at"
           "), revoked AS ("
           " INSERT INTO core.revocations (token_hash, expires_at)"
           " SELECT token_hash, expires_at FROM ended ON CONFLICT (token_hash) DO NOTHING"
           "), audited AS ("
           " INSERT INTO core.audit_log (member_id, event_type, actor, request_id, data)"
           " SELECT $1, 'logout', $3, $4, jsonb_build_object('session', session_id::text)"
           " FROM ended"
           ") SELECT token_hash, expires_at FROM ended",
};

static void read_revocation(const struct es_db_rows *rows, size_t row,
                            struct session_revocation *ret_revocation)
{
    size_t length = 0;
    const void *hash = es_db_bytea(rows, row, "token_hash", &length);
    memcpy(ret_revocation->token_hash, hash, sizeof(ret_revocation->token_hash));
    ret_revocation->expires_us = es_db_time_us(rows, row, "expires_at");
}

enum es_db_result sessions_end(struct es_db *db, int64_t member_id, int64_t session_id,
                               const char *actor, const unsigned char *request_id,
                               struct session_revocation *ret_revocation)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_one(db, &sessions_end_statement, &rows, member_id, session_id, actor, request_id);
    if (result == ES_DB_OK) {
        read_revocation(rows, 0, ret_revocation);
    }
    return result;
}

/* Everything hangs on the revocation, not on the session's row: a database restored from a backup
 * may lack the row, and the token is good without it. */
const struct es_db_statement sessions_end_token_statement = {
    .name = "sessions_end_token",
    .params = "ixztu",
    .sql = "WITH ended AS ("
           " UPDATE core.sessions SET revoked_at = now()"
           " WHERE member_id = $1 AND token_hash = $2 AND revoked_at IS NULL RETURNING session_id"
           "), revoked AS ("
           " INSERT INTO core.revocations (token_hash, expires_at) VALUES ($2, $3)"
           " ON CONFLICT (token_hash) DO NOTHING RETURNING token_hash"
           ") INSERT INTO core.audit_log (member_id, event_type, actor, request_id, data)"
           " SELECT $1, 'logout', $4, $5,"
           "  jsonb_build_object('session', (SELECT session_id::text FROM ended)) FROM revoked",
};

enum es_db_result sessions_end_token(struct es_db *db, const struct session_end *end)
{
    return es_db_run(db, &sessions_end_token_statement, NULL, end->member_id, end->token_hash,
                     (size_t)16, end->expires_us, end->actor, end->request_id);
}

/* Who took a smaller id took it earlier, and none of our transactions lives for a minute. */
const struct es_db_statement sessions_settled_statement = {
    .name = "sessions_settled",
    .params = "",
    .sql = "SELECT coalesce((SELECT revocation_id FROM core.revocations"
           "  WHERE revoked_at < now() - interval '1 minute'"
           "  ORDER BY revocation_id DESC LIMIT 1), 0) AS settled",
};

enum es_db_result sessions_settled_revocation(struct es_db *db, int64_t *ret_id)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &sessions_settled_statement, &rows);
    if (result == ES_DB_OK) {
        *ret_id = es_db_i64(rows, 0, "settled");
    }
    return result;
}

const struct es_db_statement sessions_revocations_statement = {
    .name = "sessions_revocations",
    .params = "in",
    .sql = "SELECT revocation_id, token_hash, expires_at FROM core.revocations"
           " WHERE revocation_id > $1 AND expires_at > now() ORDER BY revocation_id LIMIT $2",
};

enum es_db_result
sessions_each_revocation(struct es_db *db, int64_t after_id, int32_t limit,
                         void (*each)(void *context, const struct session_revocation *revocation),
                         void *context, size_t *ret_count, int64_t *ret_last_id)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_run(db, &sessions_revocations_statement, &rows, after_id, limit);
    if (result != ES_DB_OK) {
        return result;
    }
    size_t count = es_db_row_count(rows);
    for (size_t i = 0; i < count; i++) {
        struct session_revocation revocation;
        read_revocation(rows, i, &revocation);
        each(context, &revocation);
    }
    *ret_count = count;
    *ret_last_id = count > 0 ? es_db_i64(rows, count - 1, "revocation_id") : after_id;
    return ES_DB_OK;
}
