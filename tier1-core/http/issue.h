/* Giving out a token: the session row and its audit entry first, then the signed text. */
#pragma once

#include "common/crypto/token.h"
#include "common/db/db.h"

#include <stdint.h>

struct app;
struct es_request;

struct issue_wish {
    int64_t member_id;
    const unsigned char *public_id; /* 16 bytes */
    enum es_scope scope;
    const char *label;
    const char *actor; /* NULL: the new token itself (a sign-in) */
};

struct issued_token {
    const char *token; /* in the request's arena */
    int64_t session_id;
    int64_t expires_us;
    enum es_scope scope;
};

enum es_db_result issue_token(struct es_request *request, const struct app *app, struct es_db *db,
                              const struct issue_wish *wish,
                              struct issued_token *ret_issued) ES_MUST_CHECK;

/* {"token":…,"token_type":"Bearer","scope":…,"session_id":…,"expires_at":…}, never cached. */
void issue_respond(struct es_request *request, unsigned status, const struct issued_token *issued);
