/* Before an ordinary handler runs: who calls, may they, and not too often. */
#include "common/http/problem.h"
#include "tier1-core/app.h"
#include "tier1-core/http/caller.h"
#include "tier1-core/http/hooks.h"
#include "tier1-core/outage.h"
#include "tier1-core/routes.h"

#include <inttypes.h>
#include <string.h>

static bool may_call(struct es_request *request, unsigned access, struct app *app)
{
    if (access == ACCESS_PUBLIC) {
        return true;
    }
    const struct caller *caller = caller_find(request, app);
    if (caller == NULL) {
        return false;
    }
    if (access == ACCESS_SESSION && caller->claims.scope != ES_SCOPE_SESSION) {
        es_respond_problem(request, ES_PROBLEM_FORBIDDEN, "a device may only signal: sign in");
        return false;
    }
    return true;
}

/* All but the public pages, which only show what they were asked with. */
static bool needs_database(const struct es_route *route)
{
    return route->access != ACCESS_PUBLIC || strcmp(route->method, "GET") != 0;
}

bool admit(struct es_request *request, const struct es_route *route, void *app_, void *worker_)
{
    struct app *app = app_;
    struct worker *worker = worker_;
    if (!may_call(request, route->access, app)) {
        return false;
    }
    /* Who has waited behind a statement that ran into its deadline does not wait for another. */
    if (needs_database(route) && outage_now(app->outage)) {
        es_respond_problem(request, ES_PROBLEM_UNAVAILABLE, NULL);
        return false;
    }
    if (route->rate == RATE_NONE) {
        return true;
    }
    const struct es_rate *rate = &core_rates[route->rate];
    const struct caller *caller = caller_of(request);
    /* Keys are text, so that an operator can read them in Redis. */
    const char *key = caller != NULL ? es_arena_printf(es_request_arena(request), "%" PRId64,
                                                       caller->claims.member_id)
                                     : es_request_client(request);
    struct es_rate_verdict verdict =
        es_limiter_take(app->limiter, worker->redis, rate, key, strlen(key), NULL);
    if (!verdict.allowed) {
        es_respond_rate_limited(request, rate->name, rate->quota, rate->window_s,
                                verdict.retry_after_s);
        return false;
    }
    es_respond_rate_fields(request, rate->name, rate->quota, rate->window_s, verdict.remaining,
                           rate->window_s);
    return true;
}
