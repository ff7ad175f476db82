#include "common/base/clock.h"
#include "deploy/ctl/ctl.h"
#include "deploy/ctl/static-log.h"
#include "worker-ledger/auditor/audit.h"
#include "worker-ledger/auditor/keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STATEMENTS_MAX 16

static void print_finding(void *context, const struct es_finding *finding)
{
    bool *told = context;
    if (!*told) { /* the first one says it; what follows may be its consequence */
        (void)printf("%s: %s: expected %s, found %s\n", es_audit_check_name(finding->check),
                     finding->what, finding->expected, finding->found);
    }
    *told = true;
}

static enum es_exit verify_rows(struct es_db *db, const struct es_audit_keys *keys)
{
    bool told = false;
    struct es_audit_report report;
    const struct es_audit_config config = {
        .log_keys = keys->items,
        .log_key_count = keys->count,
        .found = print_finding,
        .context = &told,
    };
    int64_t started_us = es_clock_mono_us();
    if (es_audit_run_log(db, &config, &report) != ES_DB_OK) {
        return es_ctl_db_failed(db, "log verify");
    }
    double seconds = (double)(es_clock_mono_us() - started_us) / (double)ES_US_PER_S;
    (void)printf("%" PRIu64 " leaves, %" PRIu64 " tiles, %" PRIu64
                 " checkpoints and what their transactions commit to: %s\n",
                 report.totals.entries, report.totals.tiles, report.totals.checkpoints,
                 told ? "DIFFERENT" : "all as recomputed");
    (void)printf("signatures %s; %.2f s, %.0f leaves/s\n",
                 keys->count > 0 ? "checked" : "not checked (no --vkey-file)", seconds,
                 (double)report.totals.entries / (seconds > 0 ? seconds : 1));
    return told ? ES_EXIT_FAILED : ES_EXIT_OK;
}

static enum es_exit verify_files(struct es_db *db, const char *directory)
{
    ES_CLEANUP(es_buf_done) struct es_buf difference = ES_BUF_INIT;
    uint64_t files = 0;
    switch (es_static_log_compare(db, directory, &files, &difference)) {
    case ES_STATIC_SAME:
        (void)printf("%" PRIu64 " static files: all as in the database\n", files);
        return ES_EXIT_OK;
    case ES_STATIC_DIFFERENT:
        (void)printf("static files: %s\n", es_buf_str(&difference));
        return ES_EXIT_FAILED;
    case ES_STATIC_FAILED:
        break;
    }
    return es_ctl_db_failed(db, "log verify");
}

static enum es_exit verify(const struct es_ctl_command *self, const char *database,
                           const struct es_audit_keys *keys, const char *tiles)
{
    enum es_exit status;
    const struct es_db_statement *statements[STATEMENTS_MAX];
    size_t count = es_audit_log_statement_count;
    memcpy(statements, es_audit_log_statements, count * sizeof(statements[0]));
    statements[count++] = &es_static_tiles_statement;
    statements[count++] = &es_static_checkpoints_statement;
    ES_CLEANUP(es_ctl_disconnect)
    struct es_db *db = es_ctl_connect(database, self, statements, count, &status);
    if (db == NULL) {
        return status;
    }
    status = verify_rows(db, keys);
    return status == ES_EXIT_OK && tiles != NULL ? verify_files(db, tiles) : status;
}

enum es_exit es_ctl_log_verify(const struct es_ctl_command *self, int argc, char **argv)
{
    const char *vkey_file = NULL;
    const char *tiles = NULL;
    const char *database = NULL;
    const struct es_ctl_option options[] = {
        {"--vkey-file", "FILE", "the log's verifier keys, instead of $ELDERSAFE_LOG_VKEY_FILE",
         &vkey_file, NULL},
        {"--tiles", "DIR", "compare the static files in this directory as well", &tiles, NULL},
        ES_CTL_DATABASE(&database),
    };
    enum es_exit status;
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    struct es_audit_keys keys = {.count = 0};
    if (!es_ctl_parse(self, options, ES_ARRAY_LEN(options), argc, argv, &status)) {
        return status;
    }
    vkey_file = es_ctl_setting(vkey_file, "ELDERSAFE_LOG_VKEY_FILE");
    if (vkey_file != NULL && !es_audit_keys_read(vkey_file, &keys, &error)) {
        es_ctl_error("%s", es_buf_str(&error));
        return ES_EXIT_CONFIG;
    }
    return verify(self, database, &keys, tiles);
}
