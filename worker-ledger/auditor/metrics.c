#include "worker-ledger/auditor/app.h"

#define FINDINGS(check)                                                                            \
    {                                                                                              \
        .name = "auditor_findings", .type = ES_METRIC_GAUGE, .labels = "check=\"" check "\"",      \
        .help = "Findings of the last audit, by check."                                            \
    }

const struct es_metric es_auditor_metrics[ES_AUDITOR_METRIC_COUNT] = {
    [ES_AUDIT_APPEND_ONLY] = FINDINGS("append_only"),
    [ES_AUDIT_PARTITIONS] = FINDINGS("partitions"),
    [ES_AUDIT_ENTRY] = FINDINGS("entry"),
    [ES_AUDIT_TILE] = FINDINGS("tile"),
    [ES_AUDIT_CHECKPOINT] = FINDINGS("checkpoint"),
    [ES_AUDIT_NOTE] = FINDINGS("note"),
    [ES_AUDIT_COMMITMENT] = FINDINGS("commitment"),
    [ES_AUDIT_LEAF] = FINDINGS("leaf"),
    [ES_AUDIT_EVENT] = FINDINGS("event"),
    [ES_AUDIT_TRAIL] = FINDINGS("trail"),
    [ES_AUDIT_LIVENESS] = FINDINGS("liveness"),
    [ES_AUDIT_TRANSACTION] = FINDINGS("transaction"),
    [ES_AUDIT_COIN] = FINDINGS("coin"),
    [ES_AUDIT_CHANGE] = FINDINGS("change"),
    [ES_AUDIT_HEADER] = FINDINGS("header"),
    [ES_AUDIT_BUMP] = FINDINGS("bump"),
    [ES_AUDIT_STATE] = FINDINGS("state"),
    [ES_AUDIT_DEADLINE] = FINDINGS("deadline"),
    [ES_AUDIT_REWARD] = FINDINGS("reward"),
    [ES_AUDIT_BALANCE] = FINDINGS("balance"),
    [ES_AUDIT_BUS] = FINDINGS("bus"),
    [ES_AUDITOR_RUNS] = {.name = "auditor_runs_total",
                         .type = ES_METRIC_COUNTER,
                         .help = "Audits that came to their end."},
    [ES_AUDITOR_FAILURES] = {.name = "auditor_failures_total",
                             .type = ES_METRIC_COUNTER,
                             .help = "Audits that could not be run to their end."},
    [ES_AUDITOR_LAST_RUN] = {.name = "auditor_last_run_timestamp_seconds",
                             .type = ES_METRIC_GAUGE,
                             .help = "When the last audit came to its end."},
    [ES_AUDITOR_SECONDS] = {.name = "auditor_last_run_duration_seconds",
                            .type = ES_METRIC_GAUGE,
                            .help = "How long the last audit took."},
};
