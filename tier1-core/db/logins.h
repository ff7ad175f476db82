/* The aggregate "logins": sign-ins begun and finished. The work is in SQL functions of core, so
 * that a true pair and an unknown one cost the same (J4.3). */
#pragma once

#include "common/db/db.h"
#include "tier1-core/db/sessions.h"

#include <stddef.h>
#include <stdint.h>

struct login_new {
    const unsigned char *number_hash; /* 32 bytes each */
    const unsigned char *email_hash;
    const unsigned char *token_hash;
    const unsigned char *browser_hash;
    const unsigned char *code_hash;
    const void *sealed_mail; /* link and code, sealed to the notifier */
    size_t sealed_length;
    int64_t lifetime_s;
    const unsigned char *request_id; /* 16 bytes */
    int32_t max_per_hour;
};

/* Begin a sign-in. A mail goes out only for a true pair within its hourly limit; nothing that the
 * caller can see tells whether it does. */
enum es_db_result logins_begin(struct es_db *db, const struct login_new *login) ES_MUST_CHECK;

/* Whom a finished sign-in signs in, and the session that it began. */
struct login_member {
    int64_t member_id;
    unsigned char public_id[16];
    int64_t session_id;
};

/* Use the link's token, once, and insert SESSION with its audit row: both or neither. ES_DB_NO_ROW
 * when the token is unknown, used or expired. */
enum es_db_result logins_finish_token(struct es_db *db, const unsigned char *token_hash,
                                      const struct session_new *session,
                                      struct login_member *ret_member) ES_MUST_CHECK;

/* Count a try of a code for the sign-in begun in this browser. ES_DB_NO_ROW when there is none, or
 * it is used, expired or out of tries. */
enum es_db_result logins_try_code(struct es_db *db, const unsigned char *browser_hash,
                                  int64_t *ret_login_id,
                                  unsigned char ret_code_hash[32]) ES_MUST_CHECK;

/* The same with that sign-in after its code was right. */
enum es_db_result logins_finish_code(struct es_db *db, int64_t login_id,
                                     const struct session_new *session,
                                     struct login_member *ret_member) ES_MUST_CHECK;

extern const struct es_db_statement logins_begin_statement, logins_finish_token_statement,
    logins_try_code_statement, logins_finish_code_statement;
