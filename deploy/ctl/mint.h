/*
 * Tokens made by an operator: what a sign-in makes, with a session row each, so that they can be
 * revoked, and an audit entry that names the operator.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"
#include "common/crypto/token.h"
#include "common/db/db.h"
#include "deploy/ctl/members.h"

#include <stddef.h>
#include <stdint.h>

extern const struct es_db_statement es_mint_sessions_statement;

#define ES_MINT_BATCH_MAX 5000

struct es_mint {
    const struct es_signer *signer;
    const char *issuer;
    const char *actor;
    enum es_scope scope;
    int64_t lifetime_s;
};

/* A token for each of COUNT members (at most ES_MINT_BATCH_MAX), one line each appended to OUT.
 * When this returns ES_DB_OK their sessions are committed. */
enum es_db_result es_mint_tokens(const struct es_mint *mint, struct es_db *db,
                                 const struct es_member *members, size_t count,
                                 struct es_buf *out) ES_MUST_CHECK;
