#include "worker-ledger/auditor/audit.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "worker-ledger/auditor/internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define FINDINGS_PER_CHECK 100 /* told of; more are counted only */

static const char *const check_names[ES_AUDIT_CHECK_COUNT] = {
    [ES_AUDIT_APPEND_ONLY] = "append_only",
    [ES_AUDIT_PARTITIONS] = "partitions",
    [ES_AUDIT_ENTRY] = "entry",
    [ES_AUDIT_TILE] = "tile",
    [ES_AUDIT_CHECKPOINT] = "checkpoint",
    [ES_AUDIT_NOTE] = "note",
    [ES_AUDIT_COMMITMENT] = "commitment",
    [ES_AUDIT_LEAF] = "leaf",
    [ES_AUDIT_EVENT] = "event",
    [ES_AUDIT_TRAIL] = "trail",
    [ES_AUDIT_LIVENESS] = "liveness",
    [ES_AUDIT_TRANSACTION] = "transaction",
    [ES_AUDIT_COIN] = "coin",
    [ES_AUDIT_CHANGE] = "change",
    [ES_AUDIT_HEADER] = "header",
    [ES_AUDIT_BUMP] = "bump",
    [ES_AUDIT_STATE] = "state",
    [ES_AUDIT_DEADLINE] = "deadline",
    [ES_AUDIT_REWARD] = "reward",
    [ES_AUDIT_BALANCE] = "balance",
    [ES_AUDIT_BUS] = "bus",
};

const char *es_audit_check_name(enum es_audit_check check)
{
    return check_names[check];
}

uint64_t es_audit_findings(const struct es_audit_report *report)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < ES_AUDIT_CHECK_COUNT; i++) {
        sum += report->findings[i];
    }
    return sum;
}

struct es_audit_marks *es_audit_marks_new(void)
{
    return ES_NEW(struct es_audit_marks);
}

struct es_audit_marks *es_audit_marks_free(struct es_audit_marks *marks)
{
    free(marks);
    return NULL;
}

/* --- what the checks share ----------------------------------------------------------------- */
void es_audit_find(struct es_audit *audit, enum es_audit_check check, const char *expected,
                   const char *found, const char *what, ...)
{
    va_list args;
    audit->report.findings[check]++;
    if (audit->report.findings[check] > FINDINGS_PER_CHECK) {
        return;
    }
    va_start(args, what);
    struct es_finding finding = {
        .check = check,
        .what = es_arena_vprintf(audit->arena, what, args),
        .expected = expected,
        .found = found,
    };
    va_end(args);
    audit->config->found(audit->config->context, &finding);
}

void es_audit_find_row(struct es_audit *audit, enum es_audit_check check,
                       const struct es_db_rows *rows, size_t row)
{
    es_audit_find(audit, check, es_db_text(rows, row, "expected"), es_db_text(rows, row, "found"),
                  "%s", es_db_text(rows, row, "what"));
}

enum es_db_result es_audit_go_on(const struct es_audit *audit)
{
    bool stopping = audit->config->stopping != NULL && audit->config->stopping();
    return stopping ? ES_DB_UNAVAILABLE : ES_DB_OK;
}

void es_audit_suspect(struct es_audit *audit, enum es_suspect kind, int64_t id)
{
    if (audit->suspect_count[kind] < ES_AUDIT_SUSPECTS) {
        audit->suspects[kind][audit->suspect_count[kind]++] = id;
    }
}

bool es_audit_is_suspect(const struct es_audit *audit, enum es_suspect kind, int64_t id)
{
    for (size_t i = 0; i < audit->suspect_count[kind]; i++) {
        if (audit->suspects[kind][i] == id) {
            return true;
        }
    }
    return false;
}

const char *es_audit_hex(struct es_audit *audit, const void *bytes, size_t length)
{
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    es_buf_add_hex(&text, bytes, length);
    return es_arena_strdup(audit->arena, es_buf_str(&text));
}

const char *es_audit_number(struct es_audit *audit, int64_t number)
{
    return es_arena_printf(audit->arena, "%" PRId64, number);
}

struct es_hash es_audit_hash(const struct es_db_rows *rows, size_t row, const char *column)
{
    size_t length = 0;
    const void *bytes = es_db_bytea(rows, row, column, &length);
    return length == ES_HASH_SIZE ? es_hash_from_bytes(bytes) : (struct es_hash){{0}};
}

void es_audit_report_rows(struct es_audit *audit, enum es_audit_check check,
                          enum es_suspect suspect, const struct es_db_rows *rows)
{
    for (size_t i = 0; i < es_db_row_count(rows); i++) {
        int64_t subject = es_db_i64(rows, i, "subject");
        if (!es_audit_is_suspect(audit, suspect, subject)) {
            es_audit_find_row(audit, check, rows, i);
            es_audit_suspect(audit, suspect, subject);
        }
    }
}

/* --- the run ------------------------------------------------------------------------------- */
const struct es_db_statement es_audit_snapshot_statement = {
    .name = "audit_snapshot",
    .params = "",
    .sql = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
};

/* Pages are joined by look-ups: a hash of a whole table for every page would cost more, and the
 * planner does not know how many pages there are. */
const struct es_db_statement es_audit_planner_statement = {
    .name = "audit_planner",
    .params = "t",
    .sql = "SELECT set_config('enable_hashjoin', $1, true), set_config('enable_mergejoin', $1,"
           "  true), set_config('jit', 'off', true)",
};

const struct es_db_statement *const es_audit_statements[] = {
    &es_audit_snapshot_statement,     &es_audit_planner_statement,
    &es_audit_triggers_statement,     &es_audit_months_statement,
    &es_audit_log_row_statement,      &es_audit_entries_statement,
    &es_audit_tiles_statement,        &es_audit_tile_count_statement,
    &es_audit_checkpoints_statement,  &es_audit_signals_statement,
    &es_audit_silent_statement,       &es_audit_headers_statement,
    &es_audit_transactions_statement, &es_audit_coins_statement,
    &es_audit_coin_statement,         &es_audit_transitions_statement,
    &es_audit_deadlines_statement,    &es_audit_unanchored_statement,
    &es_audit_rewarded_statement,     &es_audit_unpaid_statement,
    &es_audit_unrewarded_statement,   &es_audit_reward_counts_statement,
    &es_audit_money_ids_statement,    &es_audit_unearned_statement,
    &es_audit_no_signal_statement,    &es_audit_currencies_statement,
    &es_audit_balances_statement,     &es_audit_sums_statement,
    &es_audit_inbox_statement,        &es_audit_failures_statement,
    &es_audit_messages_statement,     &es_audit_trail_rows_statement,
    &es_audit_trail_leaves_statement, &es_audit_trail_end_statement,
};
const size_t es_audit_statement_count = ES_ARRAY_LEN(es_audit_statements);

const struct es_db_statement *const es_audit_log_statements[] = {
    &es_audit_snapshot_statement,    &es_audit_planner_statement, &es_audit_log_row_statement,
    &es_audit_entries_statement,     &es_audit_tiles_statement,   &es_audit_tile_count_statement,
    &es_audit_checkpoints_statement,
};
const size_t es_audit_log_statement_count = ES_ARRAY_LEN(es_audit_log_statements);

typedef enum es_db_result check_fn(struct es_audit *audit);

static check_fn *const all_checks[] = {
    es_audit_schema,       es_audit_log,    es_audit_signals, es_audit_trail, es_audit_headers,
    es_audit_transactions, es_audit_states, es_audit_money,   es_audit_bus,
};
static check_fn *const log_checks[] = {es_audit_log};

struct run {
    struct es_audit *audit;
    check_fn *const *checks;
    size_t count;
};

/* A run that the server asks to repeat (a standby may) begins anew. */
static void begin(struct es_audit *audit)
{
    audit->report = (struct es_audit_report){0};
    audit->lost_entries = 0;
    audit->lost_rewards = 0;
    audit->rewarding = 0;
    audit->earning = 0;
    memset(audit->suspect_count, 0, sizeof(audit->suspect_count));
    memset(audit->next, 0, sizeof(*audit->next));
}

static enum es_db_result run_checks(struct es_db *db, void *context)
{
    const struct run *run = context;
    begin(run->audit);
    enum es_db_result result = es_audit_go_on(run->audit);
    if (result == ES_DB_OK) {
        result = es_db_run(db, &es_audit_snapshot_statement, NULL);
    }
    if (result == ES_DB_OK) {
        result = es_db_run(db, &es_audit_planner_statement, NULL, "off");
    }
    for (size_t i = 0; i < run->count && result == ES_DB_OK; i++) {
        result = run->checks[i](run->audit);
        es_arena_reset(run->audit->arena);
    }
    return result;
}

static enum es_db_result audit_with(struct es_db *db, const struct es_audit_config *config,
                                    struct es_audit_marks *marks, struct run *run,
                                    struct es_audit_report *ret_report)
{
    ES_CLEANUP(es_free_p) struct es_audit *audit = ES_NEW(struct es_audit);
    ES_CLEANUP(es_free_p) struct es_audit_marks *none = ES_NEW(struct es_audit_marks);
    ES_CLEANUP(es_free_p) struct es_audit_marks *next = ES_NEW(struct es_audit_marks);
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    audit->db = db;
    audit->config = config;
    audit->arena = arena;
    audit->since = marks != NULL ? marks : none;
    audit->next = next;
    run->audit = audit;
    enum es_db_result result = es_db_transaction(db, "audit", run_checks, run);
    if (result != ES_DB_OK) {
        return result;
    }
    if (marks != NULL && es_audit_findings(&audit->report) == 0) {
        *marks = *next;
    }
    *ret_report = audit->report;
    return ES_DB_OK;
}

enum es_db_result es_audit_run(struct es_db *db, const struct es_audit_config *config,
                               struct es_audit_marks *marks, struct es_audit_report *ret_report)
{
    struct run run = {.checks = all_checks, .count = ES_ARRAY_LEN(all_checks)};
    return audit_with(db, config, marks, &run, ret_report);
}

enum es_db_result es_audit_run_log(struct es_db *db, const struct es_audit_config *config,
                                   struct es_audit_report *ret_report)
{
    struct run run = {.checks = log_checks, .count = ES_ARRAY_LEN(log_checks)};
    return audit_with(db, config, NULL, &run, ret_report);
}
