#include "worker-ledger/auditor/app.h"

#include "common/base/clock.h"
#include "common/json/json.h"
#include "common/observe/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool es_auditor_load_keys(struct es_auditor *auditor, struct es_buf *error)
{
    const char *path = auditor->config.log_vkey_file;
    return path == NULL || es_audit_keys_read(path, &auditor->keys, error);
}

/* --- telling ------------------------------------------------------------------------------- */
static void print_json(const struct es_finding *finding)
{
    ES_CLEANUP(es_buf_done) struct es_buf out = ES_BUF_INIT;
    struct es_json_writer json = es_json_writer_make(&out);
    es_json_begin_object(&json);
    es_json_put_text(&json, "check", es_audit_check_name(finding->check));
    es_json_put_text(&json, "what", finding->what);
    es_json_put_text(&json, "expected", finding->expected);
    es_json_put_text(&json, "found", finding->found);
    es_json_end_object(&json);
    (void)fprintf(stdout, "%s\n", es_buf_str(&out));
}

static void tell(void *auditor_, const struct es_finding *finding)
{
    const struct es_auditor *auditor = auditor_;
    if (!auditor->once) {
        es_log(ES_LOG_WARN, "audit.finding",
               es_f_text("check", es_audit_check_name(finding->check)),
               es_f_text("what", finding->what), es_f_text("expected", finding->expected),
               es_f_text("found", finding->found));
    } else if (auditor->json) {
        print_json(finding);
    } else {
        (void)fprintf(stdout, "%s: %s: expected %s, found %s\n",
                      es_audit_check_name(finding->check), finding->what, finding->expected,
                      finding->found);
    }
}

/* --- the summary --------------------------------------------------------------------------- */
struct total {
    const char *name;
    uint64_t value;
};
#define TOTAL_COUNT 8

static void list_totals(const struct es_audit_totals *totals, struct total ret[TOTAL_COUNT])
{
    const struct total list[TOTAL_COUNT] = {
        {"signals", totals->signals},
        {"entries", totals->entries},
        {"tiles", totals->tiles},
        {"checkpoints", totals->checkpoints},
        {"transactions", totals->transactions},
        {"headers", totals->headers},
        {"transfers", totals->transfers},
        {"accounts", totals->accounts},
    };
    memcpy(ret, list, sizeof(list));
}

static void summarise_json(const struct total *totals, uint64_t findings, int64_t took_us)
{
    ES_CLEANUP(es_buf_done) struct es_buf out = ES_BUF_INIT;
    struct es_json_writer json = es_json_writer_make(&out);
    es_json_begin_object(&json);
    es_json_put_int(&json, "findings", (int64_t)findings);
    for (size_t i = 0; i < TOTAL_COUNT; i++) {
        es_json_put_int(&json, totals[i].name, (int64_t)totals[i].value);
    }
    es_json_put_int(&json, "ms", took_us / ES_US_PER_MS);
    es_json_end_object(&json);
    (void)fprintf(stdout, "%s\n", es_buf_str(&out));
}

static void summarise(const struct es_auditor *auditor, const struct es_audit_report *report,
                      int64_t took_us)
{
    struct total totals[TOTAL_COUNT];
    uint64_t findings = es_audit_findings(report);
    list_totals(&report->totals, totals);
    if (!auditor->once) {
        es_log(ES_LOG_INFO, "audit.done", es_f_int("findings", (int64_t)findings),
               es_f_int("signals", (int64_t)report->totals.signals),
               es_f_int("entries", (int64_t)report->totals.entries),
               es_f_int("transactions", (int64_t)report->totals.transactions),
               es_f_int("transfers", (int64_t)report->totals.transfers), es_f_ms("ms", took_us));
    } else if (auditor->json) {
        summarise_json(totals, findings, took_us);
    } else {
        (void)fprintf(stdout, "%" PRIu64 " findings;", findings);
        for (size_t i = 0; i < TOTAL_COUNT; i++) {
            (void)fprintf(stdout, " %" PRIu64 " %s,", totals[i].value, totals[i].name);
        }
        (void)fprintf(stdout, " %" PRId64 " ms\n", took_us / ES_US_PER_MS);
    }
}

static void count(struct es_auditor *auditor, const struct es_audit_report *report, int64_t took_us)
{
    for (size_t i = 0; i < ES_AUDIT_CHECK_COUNT; i++) {
        es_metric_set(auditor->metrics, i, (int64_t)report->findings[i]);
    }
    es_metric_add(auditor->metrics, ES_AUDITOR_RUNS, 1);
    es_metric_set(auditor->metrics, ES_AUDITOR_LAST_RUN, es_clock_now_us() / ES_US_PER_S);
    es_metric_set(auditor->metrics, ES_AUDITOR_SECONDS, took_us / ES_US_PER_S);
}

/* --- a run --------------------------------------------------------------------------------- */
/* Everything again, when that is due. */
static void refresh_marks(struct es_auditor *auditor, int64_t now_us)
{
    if (auditor->marks == NULL || now_us >= auditor->full_at_us) {
        auditor->marks = es_audit_marks_free(auditor->marks);
        auditor->marks = es_audit_marks_new();
        auditor->full_at_us = now_us + auditor->config.full_interval_s * ES_US_PER_S;
    }
}

static void fail(struct es_auditor *auditor, enum es_db_result result)
{
    atomic_store(&auditor->reached, false);
    es_metric_add(auditor->metrics, ES_AUDITOR_FAILURES, 1);
    es_log(ES_LOG_WARN, "audit.failed", es_f_text("result", es_db_result_name(result)),
           es_f_text("error", es_db_error(auditor->db)));
}

bool es_auditor_tick(void *auditor_)
{
    struct es_auditor *auditor = auditor_;
    struct es_audit_report report;
    int64_t started_us = es_clock_mono_us();
    struct es_audit_config config = {
        .network = (enum es_network)auditor->config.network,
        .log_keys = auditor->keys.items,
        .log_key_count = auditor->keys.count,
        .found = tell,
        .context = auditor,
        .stopping = es_daemon_stopping,
    };
    refresh_marks(auditor, started_us);
    enum es_db_result result = es_audit_run(auditor->db, &config, auditor->marks, &report);
    int64_t took_us = es_clock_mono_us() - started_us;
    if (result == ES_DB_OK) {
        uint64_t findings = es_audit_findings(&report);
        summarise(auditor, &report, took_us);
        count(auditor, &report, took_us);
        atomic_store(&auditor->reached, true);
        atomic_store(&auditor->outcome, findings == 0 ? ES_AUDITOR_CLEAN : ES_AUDITOR_FINDINGS);
    } else if (!es_daemon_stopping()) {
        fail(auditor, result);
    }
    if (auditor->once) {
        es_daemon_request_stop(result == ES_DB_OK ? ES_EXIT_OK : ES_EXIT_FAILED);
    }
    return false;
}
