/* The aggregate "sessions": tokens given out, and those taken back. */
#pragma once

#include "common/base/arena.h"
#include "common/db/db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session_new {
    int64_t member_id;
    const unsigned char *token_hash; /* 16 bytes */
    const char *scope;               /* "session" or "signal" */
    const char *label;
    int64_t expires_us;
    const char *audit_event; /* "verify" or "device" */
    const char *actor;
    const unsigned char *request_id; /* 16 bytes */
};

/* Insert a session and its audit row. */
enum es_db_result sessions_add(struct es_db *db, const struct session_new *session,
                               int64_t *ret_session_id) ES_MUST_CHECK;

struct session_row {
    int64_t session_id;
    const char *scope;
    const char *label;
    int64_t created_us;
    int64_t expires_us;
    const unsigned char *token_hash; /* 16 bytes */
};

/* Live sessions and devices of a member, newest first. Texts are in ARENA. */
enum es_db_result sessions_of(struct es_db *db, int64_t member_id, struct es_arena *arena,
                              struct session_row **ret_rows, size_t *ret_count) ES_MUST_CHECK;

/* End one live session of MEMBER_ID: mark it, revoke its token, write the audit row. ES_DB_NO_ROW
 * when the member has no such live session. *RET_HASH (16 bytes) is the revoked token. */
enum es_db_result sessions_end(struct es_db *db, int64_t member_id, int64_t session_id,
                               const char *actor, const unsigned char *request_id,
                               unsigned char ret_hash[16]) ES_MUST_CHECK;

struct session_end {
    int64_t member_id;
    const unsigned char *token_hash; /* 16 bytes */
    int64_t expires_us;              /* of the token: how long its revocation is needed */
    const char *actor;
    const unsigned char *request_id; /* 16 bytes */
};

/* Revoke a token of its caller, whether or not its session's row is there, mark that row, write the
 * audit row. A token revoked before stays so. */
enum es_db_result sessions_end_token(struct es_db *db, const struct session_end *end) ES_MUST_CHECK;

/* Call EACH for every revoked token that has not expired. */
enum es_db_result sessions_each_revocation(struct es_db *db,
                                           void (*each)(void *context,
                                                        const unsigned char *token_hash),
                                           void *context) ES_MUST_CHECK;

extern const struct es_db_statement sessions_add_statement, sessions_of_statement,
    sessions_end_statement, sessions_end_token_statement, sessions_revocations_statement;
