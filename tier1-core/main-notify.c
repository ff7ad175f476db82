/*
 * eldersafe-notify: brings messages to members. Takes events that ask for a letter from the bus,
 * keeps them in the vault, and hands them to the mail channel; the only process that can open a
 * member's contact data.
 *
 * Threads: one consumer of the bus, the senders, and the endpoint for metrics. The steps below are
 * the whole start-up order; they stop in reverse.
 */
#include "common/base/random.h"
#include "common/bus/consumer.h"
#include "common/crypto/keyfile.h"
#include "common/daemon/daemon.h"
#include "common/daemon/database.h"
#include "common/observe/endpoint.h"
#include "common/observe/log.h"
#include "tier1-core/notify/app.h"
#include "tier1-core/notify/intake.h"
#include "tier1-core/notify/messages.h"
#include "tier1-core/notify/metrics.h"
#include "tier1-core/notify/sender.h"
#include "tier1-core/notify/vault.h"

#include <curl/curl.h>

static bool read_secret(const char *path, char **ret_text, struct es_buf *error)
{
    return path == NULL || es_keyfile_read_text(path, ret_text, error);
}

static void stop_secrets(void *app)
{
    struct notify *notify = app;
    notify->vault = vault_free(notify->vault);
    es_secret_free_p(&notify->redis_password);
    es_secret_free_p(&notify->smtp_password);
    es_secret_free_p(&notify->sendgrid_key);
}

static enum es_exit start_secrets(void *app, struct es_buf *error)
{
    struct notify *notify = app;
    const struct notify_config *config = &notify->config;
    notify->vault = vault_new(config->vault_key_file, error);
    if (notify->vault == NULL ||
        !read_secret(config->redis_password_file, &notify->redis_password, error) ||
        !read_secret(config->smtp_password_file, &notify->smtp_password, error) ||
        !read_secret(config->sendgrid_key_file, &notify->sendgrid_key, error)) {
        stop_secrets(app);
        return ES_EXIT_CONFIG;
    }
    return ES_EXIT_OK;
}

static void stop_shared(void *app)
{
    struct notify *notify = app;
    notify->health = es_health_free(notify->health);
    notify->metrics = es_metrics_free(notify->metrics);
    notify->zone = es_zone_free(notify->zone);
    curl_global_cleanup();
}

static bool probe_database(void *app)
{
    const struct notify *notify = app;
    return senders_database_up(notify->senders) && es_consumer_status(notify->consumer).database_up;
}

static bool probe_redis(void *app)
{
    const struct notify *notify = app;
    return es_consumer_status(notify->consumer).redis_up;
}

/* What all threads share and no thread owns. */
static enum es_exit start_shared(void *app, struct es_buf *error)
{
    static struct es_health_check checks[] = {
        {.name = "postgresql", .needed = true, .probe = probe_database},
        {.name = "redis", .needed = false, .probe = probe_redis},
    };
    struct notify *notify = app;
    notify->zone = es_zone_load(NULL, ES_DAY_DEFAULT_ZONE);
    if (notify->zone == NULL || !mailbox_parse(notify->config.mail_from, &notify->from) ||
        curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        es_buf_add_str(error, "the time zone " ES_DAY_DEFAULT_ZONE " (package tzdata) or libcurl "
                              "cannot be used\n");
        notify->zone = es_zone_free(notify->zone);
        return ES_EXIT_FAILED;
    }
    notify->metrics = es_metrics_new(notify_metrics, NOTIFY_METRIC_COUNT);
    for (size_t i = 0; i < ES_ARRAY_LEN(checks); i++) {
        checks[i].context = notify;
    }
    size_t count = notify->config.redis != NULL ? ES_ARRAY_LEN(checks) : 1;
    notify->health = es_health_new(checks, count);
    return ES_EXIT_OK;
}

static enum es_exit start_database(void *app, struct es_buf *error)
{
    struct es_db_config config = notify_db_config(app);
    struct es_db *db = es_db_new(&config, messages_statements, messages_statement_count);
    enum es_exit status = es_daemon_open_database(db, error);
    es_db_free(db);
    return status;
}

static enum es_exit start_senders(void *app, struct es_buf *error)
{
    struct notify *notify = app;
    notify->senders = senders_start(notify, error);
    return notify->senders != NULL ? ES_EXIT_OK : ES_EXIT_CONFIG;
}

static void stop_senders(void *app)
{
    struct notify *notify = app;
    notify->senders = senders_stop(notify->senders);
}

static void wake_senders(void *app)
{
    const struct notify *notify = app;
    senders_wake(notify->senders);
}

static enum es_exit start_consumer(void *app, struct es_buf *error)
{
    (void)error;
    struct notify *notify = app;
    const struct es_redis_config redis = {
        .address = notify->config.redis,
        .user = notify->config.redis_user,
        .password = notify->redis_password,
    };
    notify->consumer = es_consumer_start(&(struct es_consumer_config){
        .group = NOTIFY_GROUP,
        .db = notify_db_config(notify),
        .redis = notify->config.redis != NULL ? &redis : NULL,
        .statements = messages_statements,
        .statement_count = messages_statement_count,
        .topics = intake_topics,
        .topic_count = intake_topic_count,
        .context = notify,
        .committed = wake_senders,
        .failures_to_park = (int32_t)notify->config.event_tries,
    });
    return ES_EXIT_OK;
}

static void stop_consumer(void *app)
{
    struct notify *notify = app;
    senders_claim_no_more(notify->senders); /* what is at hand goes out while the consumer ends */
    notify->consumer = es_consumer_stop(notify->consumer);
}

static bool is_alive(void *app)
{
    const struct notify *notify = app;
    return senders_alive(notify->senders) && es_consumer_alive(notify->consumer);
}

/* What the consumer counts for itself is copied when somebody looks. */
static void refresh(void *app)
{
    const struct notify *notify = app;
    struct es_consumer_status status = es_consumer_status(notify->consumer);
    const struct {
        enum notify_metric metric;
        int64_t value;
    } counters[] = {
        {METRIC_EVENTS_TAKEN, status.taken},
        {METRIC_EVENTS_FAILED, status.failed},
        {METRIC_EVENTS_PARKED, status.parked},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(counters); i++) {
        es_metric_add(notify->metrics, counters[i].metric,
                      counters[i].value - es_metric_value(notify->metrics, counters[i].metric));
    }
    es_metric_set(notify->metrics, METRIC_EVENTS_WAITING, status.waiting);
    es_metric_set(notify->metrics, METRIC_EVENTS_OLDEST_MS, status.oldest_ms);
    es_metric_set(notify->metrics, METRIC_REDIS_UP, status.redis_up ? 1 : 0);
}

static enum es_exit start_endpoint(void *app, struct es_buf *error)
{
    struct notify *notify = app;
    const char *listen = es_daemon_settings()->metrics_listen;
    if (listen == NULL) {
        return ES_EXIT_OK;
    }
    notify->endpoint = es_endpoint_start(
        &(struct es_endpoint_config){
            .listen = listen,
            .metrics = notify->metrics,
            .health = notify->health,
            .refresh = refresh,
            .alive = is_alive,
            .context = notify,
        },
        error);
    if (notify->endpoint == NULL) {
        return ES_EXIT_FAILED;
    }
    es_daemon_announce("metrics", es_endpoint_address(notify->endpoint));
    return ES_EXIT_OK;
}

static void stop_endpoint(void *app)
{
    struct notify *notify = app;
    notify->endpoint = es_endpoint_stop(notify->endpoint);
}

static const struct es_daemon_step steps[] = {
    {"secrets", start_secrets, stop_secrets},    {"shared state", start_shared, stop_shared},
    {"database", start_database, NULL},          {"senders", start_senders, stop_senders},
    {"consumer", start_consumer, stop_consumer}, {"metrics", start_endpoint, stop_endpoint},
};

int main(int argc, char **argv)
{
    static struct notify notify;
    es_random_init();
    return es_daemon_main(
        &(struct es_daemon){
            .name = "eldersafe-notify",
            .summary = "mail to members (tier 1)",
            .options = notify_options,
            .option_count = notify_option_count,
            .config = &notify.config,
            .steps = steps,
            .step_count = ES_ARRAY_LEN(steps),
            .alive = is_alive,
            .check_config = notify_check_config,
        },
        &notify, argc, argv);
}
