#include "tier1-core/http/caller.h"

#include "common/base/clock.h"
#include "common/http/problem.h"
#include "common/http/server.h"
#include "tier1-core/app.h"
#include "tier1-core/metrics.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#define BEARER        "Bearer "
#define OPAQUE_ORIGIN "null" /* also of a form on a page with Referrer-Policy: no-referrer */

bool caller_same_site(const struct es_request *request, const struct app *app)
{
    const char *origin = es_request_header(request, "Origin");
    const char *site = es_request_header(request, "Sec-Fetch-Site");
    bool said_ours =
        site != NULL && (strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0);
    if (site != NULL && !said_ours) {
        return false;
    }
    if (origin != NULL && strcmp(origin, OPAQUE_ORIGIN) == 0) {
        return said_ours;
    }
    return origin == NULL || strcmp(origin, app->config.public_url) == 0;
}

static bool says_its_site(const struct es_request *request)
{
    return es_request_header(request, "Origin") != NULL ||
           es_request_header(request, "Sec-Fetch-Site") != NULL;
}

static bool is_write(const struct es_request *request)
{
    const char *method = es_request_method(request);
    return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
}

/* The token as sent; *RET_COOKIE tells which way. NULL when there is none. */
static const char *find_token(const struct es_request *request, bool *ret_cookie)
{
    const char *header = es_request_header(request, "Authorization");
    *ret_cookie = header == NULL;
    if (header == NULL) {
        return es_request_cookie(request, SESSION_COOKIE);
    }
    return strncasecmp(header, BEARER, strlen(BEARER)) == 0 ? header + strlen(BEARER) : NULL;
}

static enum es_token_result check_token(struct app *app, const char *token,
                                        struct es_claims *ret_claims)
{
    size_t length = strlen(token);
    int64_t now_s = es_clock_now_us() / ES_US_PER_S;
    if (es_token_cache_get(app->token_cache, token, length, now_s, ret_claims)) {
        es_metric_add(app->metrics, METRIC_TOKEN_CACHE_HITS, 1);
        return ES_TOKEN_OK;
    }
    es_metric_add(app->metrics, METRIC_TOKEN_CACHE_MISSES, 1);
    enum es_token_result result = es_token_verify(app->key_ring, app->config.issuer, AUDIENCE,
                                                  now_s, token, length, ret_claims);
    if (result == ES_TOKEN_OK) {
        es_token_cache_put(app->token_cache, token, length, ret_claims);
    }
    return result;
}

static const struct caller *refuse(struct es_request *request, struct app *app,
                                   enum es_problem problem, const char *detail)
{
    static const char *const challenges[] = {
        "Bearer realm=\"eldersafe\"",
        "Bearer realm=\"eldersafe\", error=\"invalid_token\"",
    };
    es_metric_add(app->metrics, METRIC_TOKENS_REFUSED, 1);
    es_respond_problem(request, problem, detail);
    es_respond_header(request, "WWW-Authenticate", challenges[problem == ES_PROBLEM_INVALID_TOKEN]);
    return NULL;
}

const struct caller *caller_find(struct es_request *request, struct app *app)
{
    bool cookie = false;
    const char *token = find_token(request, &cookie);
    if (token == NULL) {
        return refuse(request, app, ES_PROBLEM_UNAUTHORIZED, "send a bearer token or sign in");
    }
    if (cookie && is_write(request) &&
        !(says_its_site(request) && caller_same_site(request, app))) {
        es_respond_problem(request, ES_PROBLEM_CROSS_SITE,
                           "A write with the cookie comes from our pages: send a bearer token.");
        return NULL;
    }
    struct caller *caller = ES_ARENA_NEW(es_request_arena(request), struct caller);
    enum es_token_result result = check_token(app, token, &caller->claims);
    if (result != ES_TOKEN_OK) {
        return refuse(request, app, ES_PROBLEM_INVALID_TOKEN,
                      result == ES_TOKEN_EXPIRED ? "the token has expired" : NULL);
    }
    token_hash(caller->claims.token_id, caller->token_hash);
    if (revocations_has(app->revocations, caller->token_hash)) {
        return refuse(request, app, ES_PROBLEM_INVALID_TOKEN, "the token was revoked");
    }
    memcpy(caller->actor, "member:", 7);
    sodium_bin2hex(caller->actor + 7, sizeof(caller->actor) - 7, caller->token_hash,
                   sizeof(caller->token_hash));
    es_request_set_context(request, caller);
    return caller;
}

struct caller *caller_of(const struct es_request *request)
{
    return es_request_context(request);
}
