/*
 * Who is calling: from the bearer token or the session cookie of a request to checked claims.
 *
 * Used on both ways a request can run: by the admit hook before an ordinary handler, and by the
 * signal's fast path on the event thread. Never blocks.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/crypto/token.h"
#include "tier1-core/revocations.h"

#include <stdbool.h>

#define SESSION_COOKIE "__Host-session"
#define LOGIN_COOKIE   "__Host-login"
#define AUDIENCE       "eldersafe-core" /* this tier, in the aud claim */

struct app;
struct es_request;

struct caller {
    struct es_claims claims;
    unsigned char token_hash[TOKEN_HASH_SIZE];
    char actor[8 + 2 * TOKEN_HASH_SIZE]; /* "member:" and the hash in hex */
    bool wants_headers; /* counted in app->receipts_with_headers until the request is over */
};

/* The caller of REQUEST, in its arena and set as its context; NULL after answering 401 (no token,
 * or not a good one) or 403 (a write with the cookie that does not say that our own pages sent it:
 * only browsers have cookies, and all of them say it). */
const struct caller *caller_find(struct es_request *request, struct app *app) ES_MUST_CHECK;

/* The same, once found. */
struct caller *caller_of(const struct es_request *request);

/* True when a browser sent this write from our own pages, or it is no browser. Browsers say Origin
 * with every POST, today's Sec-Fetch-Site as well; whatever they say must be us. A page without
 * referrers has the Origin "null" (Fetch standard), so then Sec-Fetch-Site must be there. */
bool caller_same_site(const struct es_request *request, const struct app *app) ES_MUST_CHECK;
