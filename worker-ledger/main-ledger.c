/*
 * eldersafe-ledger: seals leaves into the log, puts each checkpoint's root on the chain, rewards.
 * The only process that holds the chain key and the log-signing key; it listens to nobody but, on
 * loopback, those who ask for its metrics.
 *
 * Several may run at once: all they share is in PostgreSQL. The steps below are the whole start-up
 * order; they stop in reverse. ledger.h says what each thread does.
 */
#include "common/base/random.h"
#include "common/daemon/daemon.h"
#include "common/daemon/database.h"
#include "common/observe/endpoint.h"
#include "common/observe/log.h"
#include "common/tlog/checkpoint.h"
#include "worker-ledger/anchor/anchorer.h"
#include "worker-ledger/db/log.h"
#include "worker-ledger/ledger.h"
#include "worker-ledger/log/sealer.h"
#include "worker-ledger/log/waker.h"
#include "worker-ledger/metrics.h"
#include "worker-ledger/wallet/wallet.h"

#include <string.h>

static enum es_exit start_keys(void *ledger, struct es_buf *error)
{
    return es_ledger_load_keys(ledger, error) ? ES_EXIT_OK : ES_EXIT_CONFIG;
}

static void stop_keys(void *ledger)
{
    es_ledger_wipe_keys(ledger);
}

static bool probe_database(void *ledger)
{
    return es_outage_is_up(((struct es_ledger *)ledger)->outage);
}

static enum es_exit start_shared(void *ledger_, struct es_buf *error)
{
    (void)error;
    struct es_ledger *ledger = ledger_;
    static struct es_health_check checks[] = {
        {.name = "postgresql", .needed = true, .probe = probe_database}};
    checks[0].context = ledger;
    pthread_mutex_init(&ledger->bell_lock, NULL);
    ledger->metrics = es_metrics_new(es_ledger_metrics, ES_LEDGER_METRIC_COUNT);
    ledger->outage = es_outage_new(ledger->metrics);
    ledger->fees = es_fees_new(ledger->config.fee_fallback, ledger->config.fee_cap);
    ledger->health = es_health_new(checks, ES_ARRAY_LEN(checks));
    return ES_EXIT_OK;
}

static void stop_shared(void *ledger_)
{
    struct es_ledger *ledger = ledger_;
    ledger->health = es_health_free(ledger->health);
    ledger->fees = es_fees_free(ledger->fees);
    ledger->outage = es_outage_free(ledger->outage);
    ledger->metrics = es_metrics_free(ledger->metrics);
    pthread_mutex_destroy(&ledger->bell_lock);
}

/* Verifiers have pinned the key that signed so far. */
static enum es_exit check_log_key(const struct es_ledger *ledger, struct es_db *db,
                                  struct es_buf *error)
{
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct es_checkpoint checkpoint;
    const char *note = NULL;
    enum es_db_result result = es_log_last_note(db, arena, &note);
    if (result == ES_DB_NO_ROW) {
        return ES_EXIT_OK;
    }
    if (result != ES_DB_OK) {
        es_buf_printf(error, "the log cannot be opened: %s", es_db_error(db));
        return ES_EXIT_FAILED;
    }
    if (es_checkpoint_open(note, strlen(note), &ledger->note_key, 1, &checkpoint, NULL) !=
        ES_NOTE_GOOD) {
        es_buf_add_str(error, "ELDERSAFE_LOG_KEY_FILE: the last checkpoint in this database was "
                              "signed with another key");
        return ES_EXIT_CONFIG;
    }
    return ES_EXIT_OK;
}

/* The log is made on the first start; another name than the one it got then would be another log.
 */
static enum es_exit open_log(const struct es_ledger *ledger, struct es_db *db, struct es_buf *error)
{
    bool same = false;
    if (es_log_create(db, ledger->config.log_origin, &same) != ES_DB_OK) {
        es_buf_printf(error, "the log cannot be opened: %s", es_db_error(db));
        return ES_EXIT_FAILED;
    }
    if (!same) {
        es_buf_add_str(error, "ELDERSAFE_LOG_ORIGIN: the log in this database has another origin");
        return ES_EXIT_CONFIG;
    }
    return check_log_key(ledger, db, error);
}

static enum es_exit start_database(void *ledger, struct es_buf *error)
{
    struct es_db *db = es_ledger_db_new(ledger);
    enum es_exit status = es_daemon_open_database(db, error);
    if (status == ES_EXIT_OK) {
        status = open_log(ledger, db, error);
    }
    es_db_free(db);
    return status;
}

static enum es_exit start_wallet(void *ledger_, struct es_buf *error)
{
    struct es_ledger *ledger = ledger_;
    es_log(ES_LOG_INFO, "ledger.address", es_f_text("address", ledger->address));
    ledger->wallet = es_wallet_start(ledger, error);
    return ledger->wallet != NULL ? ES_EXIT_OK : ES_EXIT_CONFIG;
}

static void stop_wallet(void *ledger_)
{
    struct es_ledger *ledger = ledger_;
    ledger->wallet = es_wallet_stop(ledger->wallet);
}

static enum es_exit start_anchorer(void *ledger_, struct es_buf *error)
{
    struct es_ledger *ledger = ledger_;
    ledger->anchorer = es_anchorer_start(ledger, error);
    return ledger->anchorer != NULL ? ES_EXIT_OK : ES_EXIT_CONFIG;
}

static void stop_anchorer(void *ledger_)
{
    struct es_ledger *ledger = ledger_;
    ledger->anchorer = es_anchorer_stop(ledger->anchorer);
}

static enum es_exit start_sealer(void *ledger_, struct es_buf *error)
{
    struct es_ledger *ledger = ledger_;
    ledger->sealer = es_sealer_start(ledger, error);
    return ledger->sealer != NULL ? ES_EXIT_OK : ES_EXIT_CONFIG;
}

static void stop_sealer(void *ledger_)
{
    struct es_ledger *ledger = ledger_;
    ledger->sealer = es_sealer_stop(ledger->sealer);
}

static enum es_exit start_waker(void *ledger_, struct es_buf *error)
{
    (void)error;
    struct es_ledger *ledger = ledger_;
    ledger->waker = es_waker_start(ledger);
    return ES_EXIT_OK;
}

static void stop_waker(void *ledger_)
{
    struct es_ledger *ledger = ledger_;
    ledger->waker = es_waker_stop(ledger->waker);
}

static enum es_exit start_endpoint(void *ledger_, struct es_buf *error)
{
    struct es_ledger *ledger = ledger_;
    const char *listen = es_daemon_settings()->metrics_listen;
    if (listen == NULL) {
        return ES_EXIT_OK;
    }
    ledger->endpoint = es_endpoint_start(
        &(struct es_endpoint_config){
            .listen = listen,
            .metrics = ledger->metrics,
            .health = ledger->health,
            .alive = es_ledger_alive,
            .context = ledger,
        },
        error);
    if (ledger->endpoint == NULL) {
        return ES_EXIT_FAILED;
    }
    es_daemon_announce("metrics", es_endpoint_address(ledger->endpoint));
    return ES_EXIT_OK;
}

static void stop_endpoint(void *ledger_)
{
    struct es_ledger *ledger = ledger_;
    es_health_set_stopping(ledger->health);
    ledger->endpoint = es_endpoint_stop(ledger->endpoint);
}

static const struct es_daemon_step steps[] = {
    {"keys", start_keys, stop_keys},
    {"shared state", start_shared, stop_shared},
    {"database", start_database, NULL},
    {"wallet", start_wallet, stop_wallet},
    {"anchorer", start_anchorer, stop_anchorer},
    {"sealer", start_sealer, stop_sealer},
    {"waker", start_waker, stop_waker},
    {"metrics", start_endpoint, stop_endpoint},
};

int main(int argc, char **argv)
{
    static struct es_ledger ledger;
    es_random_init();
    return es_daemon_main(
        &(struct es_daemon){
            .name = "eldersafe-ledger",
            .summary = "seals the log and anchors it on the chain",
            .options = es_ledger_options,
            .option_count = es_ledger_option_count,
            .config = &ledger.config,
            .steps = steps,
            .step_count = ES_ARRAY_LEN(steps),
            .alive = es_ledger_alive,
            .check_config = es_ledger_check_config,
        },
        &ledger, argc, argv);
}
