#include "tier1-core/db/logins.h"

#include <string.h>

const struct es_db_statement logins_begin_statement = {
    .name = "logins_begin",
    .params = "xxxxxxiun",
    .sql = "SELECT core.begin_login($1, $2, $3, $4, $5, $6, make_interval(secs => $7::bigint),"
           " $8, $9)",
};

enum es_db_result logins_begin(struct es_db *db, const struct login_new *login)
{
    const size_t hash_size = 32;
    return es_db_run(db, &logins_begin_statement, NULL, login->number_hash, hash_size,
                     login->email_hash, hash_size, login->token_hash, hash_size,
                     login->browser_hash, hash_size, login->code_hash, hash_size,
                     login->sealed_mail, login->sealed_length, login->lifetime_s, login->request_id,
                     login->max_per_hour);
}

/* What follows the use of a link or code, in the same statement and so in the same transaction: who
 * was cut off in between would have neither the link any more nor a session. */
#define AND_BEGIN_SESSION                                                                          \
    "), added AS ("                                                                                \
    " INSERT INTO core.sessions (member_id, token_hash, scope, device, expires_at)"                \
    " SELECT member_id, $2, $3, $4, $5 FROM used RETURNING session_id, member_id"                  \
    "), audited AS ("                                                                              \
    " INSERT INTO core.audit_log (member_id, event_type, actor, request_id, data)"                 \
    " SELECT member_id, $6, $7, $8, jsonb_build_object('session', session_id::text) FROM added"    \
    ") SELECT member_id, public_id, session_id FROM used JOIN added USING (member_id)"

static void read_member(const struct es_db_rows *rows, struct login_member *ret_member)
{
    size_t length = 0;
    const void *public_id = es_db_bytea(rows, 0, "public_id", &length);
    ret_member->member_id = es_db_i64(rows, 0, "member_id");
    ret_member->session_id = es_db_i64(rows, 0, "session_id");
    memcpy(ret_member->public_id, public_id, sizeof(ret_member->public_id));
}

const struct es_db_statement logins_finish_token_statement = {
    .name = "logins_finish_token",
    .params = "xxttzttu",
    .sql = "WITH used AS ("
           " SELECT member_id, public_id FROM core.finish_login_token($1)" AND_BEGIN_SESSION,
};

enum es_db_result logins_finish_token(struct es_db *db, const unsigned char *token_hash,
                                      const struct session_new *session,
                                      struct login_member *ret_member)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_one(db, &logins_finish_token_statement, &rows, token_hash, (size_t)32,
                  session->token_hash, (size_t)16, session->scope, session->device,
                  session->expires_us, session->audit_event, session->actor, session->request_id);
    if (result == ES_DB_OK) {
        read_member(rows, ret_member);
    }
    return result;
}

const struct es_db_statement logins_try_code_statement = {
    .name = "logins_try_code",
    .params = "x",
    .sql = "SELECT login_id, code_hash FROM core.try_login_code($1)",
};

enum es_db_result logins_try_code(struct es_db *db, const unsigned char *browser_hash,
                                  int64_t *ret_login_id, unsigned char ret_code_hash[32])
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_one(db, &logins_try_code_statement, &rows, browser_hash, (size_t)32);
    if (result == ES_DB_OK) {
        size_t length = 0;
        const void *code_hash = es_db_bytea(rows, 0, "code_hash", &length);
        memcpy(ret_code_hash, code_hash, 32);
        *ret_login_id = es_db_i64(rows, 0, "login_id");
    }
    return result;
}

const struct es_db_statement logins_finish_code_statement = {
    .name = "logins_finish_code",
    .params = "ixttzttu",
    .sql = "WITH used AS ("
           " SELECT member_id, public_id FROM core.finish_login_code($1)" AND_BEGIN_SESSION,
};

enum es_db_result logins_finish_code(struct es_db *db, int64_t login_id,
                                     const struct session_new *session,
                                     struct login_member *ret_member)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_one(db, &logins_finish_code_statement, &rows, login_id, session->token_hash,
                  (size_t)16, session->scope, session->device, session->expires_us,
                  session->audit_event, session->actor, session->request_id);
    if (result == ES_DB_OK) {
        read_member(rows, ret_member);
    }
    return result;
}
