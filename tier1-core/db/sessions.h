/* The aggregate "sessions": tokens given out, and those taken back. */
#pragma once

#include "common/base/arena.h"
#include "common/db/db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a new session is, but for whose. */
struct session_new {
    const unsigned char *token_hash; /* 16 bytes */
    const char *scope;               /* "session" or "signal" */
    const char *device;              /* what kind (domain/device.h); "" for a session */
    int64_t expires_us;
    const char *audit_event; /* "verify" or "device" */
    const char *actor;
    const unsigned char *request_id; /* 16 bytes */
};

/* Insert a session of MEMBER_ID and its audit row. A sign-in's session is added by logins.h. */
enum es_db_result sessions_add(struct es_db *db, int64_t member_id,
                               const struct session_new *session,
                               int64_t *ret_session_id) ES_MUST_CHECK;

struct session_row {
    int64_t session_id;
    const char *scope;
    const char *device;
    int64_t created_us;
    int64_t expires_us;
    const unsigned char *token_hash; /* 16 bytes */
};

/* Live sessions and devices of a member, newest first. Texts are in ARENA. */
enum es_db_result sessions_of(struct es_db *db, int64_t member_id, struct es_arena *arena,
                              struct session_row **ret_rows, size_t *ret_count) ES_MUST_CHECK;

/* A token that is refused although its time is not over. */
struct session_revocation {
    unsigned char token_hash[16];
    int64_t expires_us; /* of the token: how long it must be refused */
};

/* End one live session of MEMBER_ID: mark it, revoke its token, write the audit row. ES_DB_NO_ROW
 * when the member has no such live session. */
enum es_db_result sessions_end(struct es_db *db, int64_t member_id, int64_t session_id,
                               const char *actor, const unsigned char *request_id,
                               struct session_revocation *ret_revocation) ES_MUST_CHECK;

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

/* *RET_ID: no revocation with this id or a smaller one will appear any more, 0 when that is known
 * of none. Each was committed before this call. (Rows are committed later than their ids are taken,
 * and not in that order, but at most a minute later. Should an operator take longer, that is found
 * when everything is read.) */
enum es_db_result sessions_settled_revocation(struct es_db *db, int64_t *ret_id) ES_MUST_CHECK;

/* Call EACH for the revocations after AFTER_ID (0: from the first) whose tokens have not expired,
 * in the order of their ids, at most LIMIT. *RET_COUNT of them, *RET_LAST_ID the last one's id
 * (AFTER_ID when there is none). */
enum es_db_result
sessions_each_revocation(struct es_db *db, int64_t after_id, int32_t limit,
                         void (*each)(void *context, const struct session_revocation *revocation),
                         void *context, size_t *ret_count, int64_t *ret_last_id) ES_MUST_CHECK;

extern const struct es_db_statement sessions_add_statement, sessions_of_statement,
    sessions_end_statement, sessions_end_token_statement, sessions_settled_statement,
    sessions_revocations_statement;
