/* GET /api/signals?before=2026-11-21: the member's history, newest first, a page at a time. */
#include "common/base/civil.h"
#include "common/http/problem.h"
#include "common/json/json.h"
#include "tier1-core/app.h"
#include "tier1-core/db/signals.h"
#include "tier1-core/http/caller.h"
#include "tier1-core/http/handlers.h"
#include "tier1-core/http/unavailable.h"

#include <inttypes.h>

#define PAGE     50
#define LAST_DAY 2932896 /* 9999-12-31 */

/* Transaction ids are shown reversed, as explorers do. */
static void write_txid(struct es_json_writer *json, const unsigned char *txid)
{
    unsigned char shown[32];
    es_json_key(json, "txid");
    if (txid == NULL) {
        es_json_null(json);
        return;
    }
    for (size_t i = 0; i < sizeof(shown); i++) {
        shown[i] = txid[sizeof(shown) - 1 - i];
    }
    es_json_hex(json, shown, sizeof(shown));
}

static void write_signal(struct es_json_writer *json, struct es_arena *arena,
                         const struct signal_row *row)
{
    es_json_begin_object(json);
    es_json_put_id(json, "signal_id", row->signal_id);
    es_json_put_date(json, "day", row->day);
    es_json_put_text(json, "channel", row->channel);
    es_json_put_text(json, "evidence", row->evidence);
    es_json_put_time(json, "received_at", row->received_us);
    es_json_put_text(json, "status", row->state);
    write_txid(json, row->txid);
    es_json_put_text(json, "receipt",
                     es_arena_printf(arena, "/api/signals/%" PRId64 "/receipt", row->signal_id));
    es_json_end_object(json);
}

static void answer(struct es_request *request, const struct signal_row *rows, size_t count)
{
    struct es_buf body = ES_BUF_INIT;
    struct es_json_writer json = es_json_writer_make(&body);
    size_t shown = count > PAGE ? PAGE : count;
    es_json_begin_object(&json);
    es_json_key(&json, "signals");
    es_json_begin_array(&json);
    for (size_t i = 0; i < shown; i++) {
        write_signal(&json, es_request_arena(request), &rows[i]);
    }
    es_json_end_array(&json);
    es_json_key(&json, "before");
    if (count > PAGE) {
        es_json_date(&json, rows[PAGE - 1].day);
    } else {
        es_json_null(&json);
    }
    es_json_end_object(&json);
    es_respond_json(request, 200, &body);
}

void get_signals(struct es_request *request, void *app, void *worker_)
{
    (void)app;
    struct worker *worker = worker_;
    const char *before = NULL;
    int32_t before_day = LAST_DAY;
    struct signal_row *rows = NULL;
    size_t count = 0;
    if (!es_request_query(request, "before", &before)) {
        return;
    }
    if (before != NULL && !es_civil_parse(before, &before_day)) {
        es_respond_problem(request, ES_PROBLEM_INVALID_REQUEST, "before must be a date");
        return;
    }
    if (signals_history(worker->db, caller_of(request)->claims.member_id, before_day, PAGE + 1,
                        es_request_arena(request), &rows, &count) != ES_DB_OK) {
        respond_unavailable(request, worker);
        return;
    }
    answer(request, rows, count);
}
