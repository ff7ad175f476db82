/*
 * eldersafe-auditor as a process: its configuration, and the one thread that runs the audit and
 * tells of it.
 *
 * With --once it runs one full audit, prints each finding as a line on standard output and a
 * summary, and ends. As a daemon it audits everything at start and every FULL_INTERVAL, what is new
 * every INTERVAL, logs findings as warnings and keeps metrics. Role eldersafe_auditor: it cannot
 * write anything.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/daemon/config.h"
#include "common/daemon/daemon.h"
#include "common/daemon/ticker.h"
#include "common/observe/endpoint.h"
#include "common/observe/health.h"
#include "common/observe/metrics.h"
#include "worker-ledger/auditor/audit.h"
#include "worker-ledger/auditor/keys.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct es_auditor_config {
    const char *database;
    int64_t interval_s;
    int64_t full_interval_s;
    int network;               /* enum es_network */
    const char *log_vkey_file; /* or NULL */
    int64_t statement_timeout_s;
};

extern const struct es_config_option es_auditor_options[];
extern const size_t es_auditor_option_count;

/* After the gauges of the findings, one for each check. */
enum es_auditor_metric {
    ES_AUDITOR_RUNS = ES_AUDIT_CHECK_COUNT,
    ES_AUDITOR_FAILURES,
    ES_AUDITOR_LAST_RUN,
    ES_AUDITOR_SECONDS,
    ES_AUDITOR_METRIC_COUNT,
};
extern const struct es_metric es_auditor_metrics[];

enum es_auditor_outcome {
    ES_AUDITOR_UNKNOWN, /* no run has come to its end */
    ES_AUDITOR_CLEAN,
    ES_AUDITOR_FINDINGS,
};

struct es_auditor {
    struct es_auditor_config config;
    bool once;
    bool json;
    struct es_audit_keys keys;
    struct es_db *db; /* the ticker's */
    struct es_audit_marks *marks;
    int64_t full_at_us; /* when everything is due again */
    struct es_ticker *ticker;
    struct es_metrics *metrics;
    struct es_health *health;
    struct es_endpoint *endpoint;
    _Atomic bool reached; /* the last run came to its end */
    _Atomic enum es_auditor_outcome outcome;
};

/* Read the log's verifier keys, one a line; none when no file is configured. */
bool es_auditor_load_keys(struct es_auditor *auditor, struct es_buf *error) ES_MUST_CHECK;

/* One run, told of as the process was asked to. Yields false: the next one is not due at once. */
bool es_auditor_tick(void *auditor);
