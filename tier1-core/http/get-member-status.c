/* GET /api/member/status: balance, streak, state of the contract, and by when a signal is due. */
#include "common/base/clock.h"
#include "common/base/day.h"
#include "common/http/problem.h"
#include "common/json/json.h"
#include "tier1-core/app.h"
#include "tier1-core/db/members.h"
#include "tier1-core/http/caller.h"
#include "tier1-core/http/handlers.h"
#include "tier1-core/http/unavailable.h"

static void write_last_signal(struct es_json_writer *json, const struct member_status *status)
{
    es_json_key(json, "last_day");
    if (!status->has_signal) {
        es_json_null(json);
        es_json_key(json, "last_signal_at");
        es_json_null(json);
        return;
    }
    es_json_date(json, status->last_day);
    es_json_put_time(json, "last_signal_at", status->last_signal_us);
}

static void answer(struct es_request *request, const struct app *app,
                   const struct member_status *status, const struct es_zone *zone)
{
    int32_t day_start = (int32_t)app->config.day_start_min;
    int32_t today = es_day_of(zone, day_start, es_clock_now_us());
    bool signalled_today = status->has_signal && status->last_day >= today;
    /* A run that ended before yesterday is over, although its row changes only with a new signal.
     */
    bool running = status->has_signal && status->last_day >= today - 1;
    int32_t due_day = signalled_today ? today + 1 : today;
    struct es_buf body = ES_BUF_INIT;
    struct es_json_writer json = es_json_writer_make(&body);
    es_json_begin_object(&json);
    es_json_put_id(&json, "balance", status->balance);
    es_json_put_int(&json, "streak", running ? status->streak : 0);
    es_json_put_text(&json, "contract_state", status->contract_state);
    es_json_put_date(&json, "day", today);
    es_json_put_bool(&json, "signalled_today", signalled_today);
    write_last_signal(&json, status);
    es_json_put_time(&json, "next_deadline", es_day_begins_us(zone, day_start, due_day + 1));
    es_json_put_text(&json, "zone", status->zone);
    es_json_end_object(&json);
    es_respond_json(request, 200, &body);
}

void get_member_status(struct es_request *request, void *app_, void *worker_)
{
    struct app *app = app_;
    struct worker *worker = worker_;
    struct member_status status;
    enum es_db_result result = members_status(worker->db, caller_of(request)->claims.member_id,
                                              es_request_arena(request), &status);
    if (result == ES_DB_NO_ROW) {
        es_respond_problem(request, ES_PROBLEM_FORBIDDEN, NULL);
        return;
    }
    if (result != ES_DB_OK) {
        respond_unavailable(request, worker);
        return;
    }
    const struct es_zone *zone = es_zones_get(app->zones, status.zone);
    answer(request, app, &status,
           zone != NULL ? zone : es_zones_get(app->zones, ES_DAY_DEFAULT_ZONE));
}
