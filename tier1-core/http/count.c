/* After every answer: metrics, and a line in the log for what was slow or failed; not for each slow
 * one or each 503: when the database drags or is away, there are thousands of them. */
#include "common/base/clock.h"
#include "common/observe/log.h"
#include "tier1-core/app.h"
#include "tier1-core/http/caller.h"
#include "tier1-core/http/hooks.h"
#include "tier1-core/metrics.h"
#include "tier1-core/outage.h"
#include "tier1-core/routes.h"

#define SLOW_US       (500 * ES_US_PER_MS)
#define FIRST_FAILURE 500
#define UNAVAILABLE   503

static const size_t class_metrics[] = {METRIC_ANSWERS_2XX, METRIC_ANSWERS_3XX, METRIC_ANSWERS_4XX,
                                       METRIC_ANSWERS_5XX};

static bool is_told(struct app *app, unsigned status, int64_t took_us, int64_t *ret_unsaid)
{
    if (status == UNAVAILABLE) {
        return outage_count_refusal(app->outage, ret_unsaid);
    }
    return status >= FIRST_FAILURE ||
           (took_us > SLOW_US && es_log_paced(&app->slow_lines, ret_unsaid));
}

void count_request(const struct es_request *request, void *app_)
{
    struct app *app = app_;
    unsigned status = es_response_status(request);
    const struct es_route *route = es_request_route(request);
    int64_t took_us = es_request_age_us(request);
    const struct caller *caller = caller_of(request);
    bool signal = route != NULL && route->rate == RATE_SIGNAL;
    if (status >= 200 && status < 600) {
        es_metric_add(app->metrics, class_metrics[status / 100 - 2], 1);
    }
    es_metric_observe(app->metrics, signal ? METRIC_SIGNAL_SECONDS : METRIC_REQUEST_SECONDS,
                      (double)took_us / (double)ES_US_PER_S);
    if (caller != NULL && caller->wants_headers) {
        atomic_fetch_sub(&app->receipts_with_headers, 1);
    }
    int64_t unsaid = 0;
    if (is_told(app, status, took_us, &unsaid)) {
        es_log(ES_LOG_INFO, status >= FIRST_FAILURE ? "request.failed" : "request.slow",
               es_f_text("request_id", es_request_id(request)),
               es_f_text("route", route != NULL ? route->path : ""), es_f_int("status", status),
               es_f_ms("took", took_us), es_f_int("unsaid", unsaid));
    }
}
