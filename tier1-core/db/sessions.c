#include "tier1-core/db/sessions.h"

#include <string.h>

const struct es_db_statement sessions_add_statement = {
    .name = "sessions_add",
    .params = "ixttzttu",
    .sql = "WITH added AS ("
           " INSERT INTO core.sessions (member_id, token_hash, scope, label, expires_at)"
           " VALUES ($1, $2, $3, $4, $5) RETURNING session_id"
           "), audited AS ("
           " INSERT INTO core.audit_log (member_id, event_type, actor, request_id, data)"
           " SELECT $1, $6, $7, $8, jsonb_build_object('session', session_id::text) FROM added"
           ") SELECT session_id FROM added",
};

enum es_db_result sessions_add(struct es_db *db, const struct session_new *session,
                               int64_t *ret_session_id)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_one(db, &sessions_add_statement, &rows, session->member_id, session->token_hash,
                  (size_t)16, session->scope, session->label, session->expires_us,
                  session->audit_event, session->actor, session->request_id);
    if (result == ES_DB_OK) {
        *ret_session_id = es_db_i64(rows, 0, "session_id");
    }
    return result;
}

const struct es_db_statement sessions_of_statement = {
    .name = "sessions_of",
    .params = "i",
    .sql = "SELECT session_id, scope, label, created_at, expires_at, token_hash FROM core.sessions"
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
            .label = es_arena_strdup(arena, es_db_text(rows, i, "label")),
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
           ") SELECT token_hash FROM ended",
};

enum es_db_result sessions_end(struct es_db *db, int64_t member_id, int64_t session_id,
                               const char *actor, const unsigned char *request_id,
                               unsigned char ret_hash[16])
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_one(db, &sessions_end_statement, &rows, member_id, session_id, actor, request_id);
    if (result == ES_DB_OK) {
        size_t length = 0;
        const void *hash = es_db_bytea(rows, 0, "token_hash", &length);
        memcpy(ret_hash, hash, 16);
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

const struct es_db_statement sessions_revocations_statement = {
    .name = "sessions_revocations",
    .params = "",
    .sql = "SELECT token_hash FROM core.revocations WHERE expires_at > now()",
};

enum es_db_result sessions_each_revocation(
    struct es_db *db, void (*each)(void *context, const unsigned char *token_hash), void *context)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_run(db, &sessions_revocations_statement, &rows);
    for (size_t i = 0; result == ES_DB_OK && i < es_db_row_count(rows); i++) {
        size_t length = 0;
        each(context, es_db_bytea(rows, i, "token_hash", &length));
    }
    return result;
}
