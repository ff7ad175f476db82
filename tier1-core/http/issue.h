/*
 * Giving out a token, in three steps: draft it, insert the session row and its audit entry (db/),
 * sign. The row comes first, so that no token is good that its member cannot see and end.
 */
#pragma once

#include "common/crypto/token.h"
#include "tier1-core/db/sessions.h"
#include "tier1-core/revocations.h"

#include <stdint.h>

struct app;
struct es_request;

/* A token, but for whose it is. */
struct token_draft {
    struct es_claims claims;
    unsigned char hash[TOKEN_HASH_SIZE];
    char actor[8 + 2 * TOKEN_HASH_SIZE]; /* "member:" and the hash: a sign-in is its own actor */
    struct session_new session;          /* refers to the other fields */
};

struct issued_token {
    const char *token; /* in the request's arena */
    int64_t session_id;
    int64_t expires_us;
    enum es_scope scope;
};

/* ACTOR NULL: the new token itself. DEVICE and ACTOR are not copied. */
void issue_draft(const struct es_request *request, const struct app *app, enum es_scope scope,
                 const char *device, const char *actor, struct token_draft *ret_draft);

/* After DRAFT's session was committed for the member as SESSION_ID. PUBLIC_ID: 16 bytes. */
void issue_sign(struct es_request *request, const struct app *app, const struct token_draft *draft,
                int64_t member_id, const unsigned char *public_id, int64_t session_id,
                struct issued_token *ret_issued);

/* {"token":…,"token_type":"Bearer","scope":…,"session_id":…,"expires_at":…}, never cached. */
void issue_respond(struct es_request *request, unsigned status, const struct issued_token *issued);
