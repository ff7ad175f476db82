/*
 * eldersafe-auditor: recomputes every root, balance and streak from the rows with SQL of its own,
 * and says what does not agree (worker-ledger/auditor/audit.h lists the checks). Read only.
 *
 * With --once the exit status is 0 when all is well, 1 with findings and 2 when the audit could not
 * be run; 64 and above mean what they mean for every daemon (common/daemon/daemon.h).
 */
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/daemon/daemon.h"
#include "common/daemon/database.h"
#include "common/observe/log.h"
#include "worker-ledger/auditor/app.h"

#include <stdio.h>

#define CONNECT_TIMEOUT_MS 5000
#define IDLE_TIMEOUT_MS    600000 /* between two pages we compute; the role allows 10 s */
#define ONCE_FINDINGS      1
#define ONCE_NOT_RUN       2

static enum es_exit start_keys(void *auditor, struct es_buf *error)
{
    return es_auditor_load_keys(auditor, error) ? ES_EXIT_OK : ES_EXIT_CONFIG;
}

static bool probe_audit(void *auditor)
{
    return atomic_load(&((struct es_auditor *)auditor)->reached);
}

static enum es_exit start_shared(void *auditor_, struct es_buf *error)
{
    (void)error;
    struct es_auditor *auditor = auditor_;
    static struct es_health_check checks[] = {
        {.name = "audit", .needed = true, .probe = probe_audit}};
    checks[0].context = auditor;
    atomic_store(&auditor->reached, true); /* until a run cannot be finished */
    auditor->metrics = es_metrics_new(es_auditor_metrics, ES_AUDITOR_METRIC_COUNT);
    auditor->health = es_health_new(checks, ES_ARRAY_LEN(checks));
    return ES_EXIT_OK;
}

static void stop_shared(void *auditor_)
{
    struct es_auditor *auditor = auditor_;
    auditor->health = es_health_free(auditor->health);
    auditor->metrics = es_metrics_free(auditor->metrics);
}

static enum es_exit start_database(void *auditor_, struct es_buf *error)
{
    struct es_auditor *auditor = auditor_;
    struct es_db_config config = {
        .conninfo = auditor->config.database,
        .application_name = "eldersafe-auditor",
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .statement_timeout_ms = auditor->config.statement_timeout_s * 1000,
        .idle_in_transaction_timeout_ms = IDLE_TIMEOUT_MS,
    };
    auditor->db = es_db_new(&config, es_audit_statements, es_audit_statement_count);
    enum es_exit status = es_daemon_open_database(auditor->db, error);
    if (status != ES_EXIT_OK) {
        auditor->db = es_db_free(auditor->db);
    }
    return status;
}

static void stop_database(void *auditor_)
{
    struct es_auditor *auditor = auditor_;
    auditor->marks = es_audit_marks_free(auditor->marks);
    auditor->db = es_db_free(auditor->db);
}

static enum es_exit start_audits(void *auditor_, struct es_buf *error)
{
    (void)error;
    struct es_auditor *auditor = auditor_;
    auditor->ticker = es_ticker_start(auditor->config.interval_s * 1000, es_auditor_tick, auditor);
    return ES_EXIT_OK;
}

static void stop_audits(void *auditor_)
{
    struct es_auditor *auditor = auditor_;
    auditor->ticker = es_ticker_stop(auditor->ticker);
}

static enum es_exit start_endpoint(void *auditor_, struct es_buf *error)
{
    struct es_auditor *auditor = auditor_;
    const char *listen = es_daemon_settings()->metrics_listen;
    if (listen == NULL || auditor->once) {
        return ES_EXIT_OK;
    }
    auditor->endpoint = es_endpoint_start(&(struct es_endpoint_config){.listen = listen,
                                                                       .metrics = auditor->metrics,
                                                                       .health = auditor->health},
                                          error);
    if (auditor->endpoint == NULL) {
        return ES_EXIT_FAILED;
    }
    es_daemon_announce("metrics", es_endpoint_address(auditor->endpoint));
    return ES_EXIT_OK;
}

static void stop_endpoint(void *auditor_)
{
    struct es_auditor *auditor = auditor_;
    auditor->endpoint = es_endpoint_stop(auditor->endpoint);
}

static const struct es_daemon_step steps[] = {
    {"keys", start_keys, NULL},
    {"shared state", start_shared, stop_shared},
    {"database", start_database, stop_database},
    {"metrics", start_endpoint, stop_endpoint},
    {"audits", start_audits, stop_audits},
};

/* STATUS is the daemon's. */
static int status_of_once(const struct es_auditor *auditor, int status)
{
    if (status != ES_EXIT_OK && status != ES_EXIT_FAILED) {
        return status;
    }
    switch (atomic_load(&auditor->outcome)) {
    case ES_AUDITOR_CLEAN:
        return status == ES_EXIT_OK ? ES_EXIT_OK : ONCE_NOT_RUN;
    case ES_AUDITOR_FINDINGS:
        return ONCE_FINDINGS;
    case ES_AUDITOR_UNKNOWN:
        break;
    }
    return status == ES_EXIT_OK ? ES_EXIT_OK : ONCE_NOT_RUN; /* --help ends well, too */
}

int main(int argc, char **argv)
{
    static struct es_auditor auditor;
    const struct es_daemon_flag flags[] = {
        {"--once", "audit everything once, print findings, and end with 0, 1 or 2", &auditor.once},
        {"--json", "with --once: findings and summary as lines of JSON", &auditor.json},
    };
    es_random_init();
    int status = es_daemon_main(
        &(struct es_daemon){
            .name = "eldersafe-auditor",
            .summary = "recomputes roots, balances and streaks; read only",
            .options = es_auditor_options,
            .option_count = es_auditor_option_count,
            .config = &auditor.config,
            .steps = steps,
            .step_count = ES_ARRAY_LEN(steps),
            .flags = flags,
            .flag_count = ES_ARRAY_LEN(flags),
        },
        &auditor, argc, argv);
    (void)fflush(stdout);
    return auditor.once ? status_of_once(&auditor, status) : status;
}
