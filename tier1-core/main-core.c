/*
 * eldersafe-core: the daemon of the critical path. Serves app. and api.: sign-in, life signals,
 * member pages; the only process that holds the token-signing key.
 *
 * Threads: event threads of the HTTP server (requests, tokens), signal lanes (group commit),
 * executor threads (everything else), and one each for revocations, the outbox relay, the word to
 * the ledger, the probe, outages and housekeeping. The steps below are the whole start-up order;
 * they stop in reverse.
 */
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/bus/relay.h"
#include "common/daemon/daemon.h"
#include "common/daemon/database.h"
#include "common/observe/endpoint.h"
#include "common/observe/log.h"
#include "tier1-core/app.h"
#include "tier1-core/housekeeping.h"
#include "tier1-core/keys.h"
#include "tier1-core/lanes/lanes.h"
#include "tier1-core/metrics.h"
#include "tier1-core/outage.h"
#include "tier1-core/probe.h"
#include "tier1-core/revocations.h"
#include "tier1-core/routes.h"

#define LIMITER_ENTRIES 262144 /* 4 MiB: several times the keys of a busy 10 s window */
#define ALIVE_LIMIT_MS  10000
#define LISTEN_NAME     "core"

static enum es_exit start_keys(void *app, struct es_buf *error)
{
    return keys_load(app, error) ? ES_EXIT_OK : ES_EXIT_CONFIG;
}

static void stop_keys(void *app)
{
    keys_wipe(app);
}

/* What all threads share and no thread owns. */
static enum es_exit start_shared(void *app_, struct es_buf *error)
{
    struct app *app = app_;
    if (!app_load_zones(app, NULL, error)) {
        return ES_EXIT_FAILED;
    }
    app->token_cache = es_token_cache_new((size_t)app->config.token_cache);
    app->limiter = es_limiter_new(LIMITER_ENTRIES);
    app->metrics = es_metrics_new(core_metrics, CORE_METRIC_COUNT);
    app->outage = outage_start(app);
    return ES_EXIT_OK;
}

static void stop_shared(void *app_)
{
    struct app *app = app_;
    app->outage = outage_stop(app->outage);
    app->metrics = es_metrics_free(app->metrics);
    app->limiter = es_limiter_free(app->limiter);
    app->token_cache = es_token_cache_free(app->token_cache);
    app->zones = es_zones_free(app->zones);
}

static enum es_exit start_database(void *app, struct es_buf *error)
{
    struct es_db *db = app_db_new(app, false);
    enum es_exit status = es_daemon_open_database(db, error);
    es_db_free(db);
    return status;
}

static enum es_exit start_revocations(void *app_, struct es_buf *error)
{
    struct app *app = app_;
    app->revocations = revocations_start(app, error);
    return app->revocations != NULL ? ES_EXIT_OK : ES_EXIT_FAILED;
}

static void stop_revocations(void *app_)
{
    struct app *app = app_;
    app->revocations = revocations_stop(app->revocations);
}

static enum es_exit start_lanes(void *app_, struct es_buf *error)
{
    (void)error;
    struct app *app = app_;
    app->lanes = lanes_start(app);
    return ES_EXIT_OK;
}

static void stop_lanes(void *app_)
{
    struct app *app = app_;
    app->lanes = lanes_stop(app->lanes);
}

static enum es_exit start_relay(void *app_, struct es_buf *error)
{
    (void)error;
    struct app *app = app_;
    app->relay = es_relay_start(&(struct es_relay_config){
        .db = app_db_config(app, false),
        .redis = app_redis_config(app),
    });
    return ES_EXIT_OK;
}

static void stop_relay(void *app_)
{
    struct app *app = app_;
    app->relay = es_relay_stop(app->relay);
}

static enum es_exit start_housekeeping(void *app_, struct es_buf *error)
{
    (void)error;
    struct app *app = app_;
    app->housekeeping = housekeeping_start(app);
    return ES_EXIT_OK;
}

static void stop_housekeeping(void *app_)
{
    struct app *app = app_;
    app->housekeeping = housekeeping_stop(app->housekeeping);
}

static enum es_exit start_server(void *app_, struct es_buf *error)
{
    struct app *app = app_;
    const struct core_config *config = &app->config;
    const struct es_http_config http = {
        .listen = config->listen,
        .listen_name = LISTEN_NAME,
        .event_threads = (unsigned)config->event_threads,
        .executor_threads = (unsigned)config->executor_threads,
        .queue_limit = (unsigned)config->executor_queue,
        .max_connections = (unsigned)config->max_connections,
        .connection_memory = (size_t)config->connection_memory,
        .header_timeout_ms = config->header_timeout_ms,
        .body_timeout_ms = config->body_timeout_ms,
        .idle_timeout_ms = config->idle_timeout_ms,
        .request_timeout_ms = config->request_timeout_ms,
        .stop_timeout_ms = config->stop_timeout_ms,
        .trust_proxy = config->trust_proxy,
    };
    app->server =
        es_http_server_start(&http, core_routes, core_route_count, &core_hooks, app, error);
    if (app->server == NULL) {
        return ES_EXIT_FAILED;
    }
    es_daemon_announce("listen", es_http_server_address(app->server));
    return ES_EXIT_OK;
}

static void stop_server(void *app_)
{
    struct app *app = app_;
    es_health_set_stopping(app->health);
    if (!es_http_server_stop(app->server)) {
        es_log_plain(ES_LOG_WARN, "server.stopped_with_requests_cut_off");
    }
    app->server = NULL;
}

static enum es_exit start_probe(void *app_, struct es_buf *error)
{
    (void)error;
    struct app *app = app_;
    app->probe = probe_start(app);
    return ES_EXIT_OK;
}

static void stop_probe(void *app_)
{
    struct app *app = app_;
    app->probe = probe_stop(app->probe);
}

static bool is_alive(void *app_)
{
    const struct app *app = app_;
    return lanes_alive(app->lanes, ALIVE_LIMIT_MS) && es_relay_alive(app->relay) &&
           es_http_server_alive(app->server, app->config.request_timeout_ms + ALIVE_LIMIT_MS);
}

static void refresh_outbox(const struct app *app)
{
    struct es_relay_status relay = es_relay_status(app->relay);
    es_metric_set(app->metrics, METRIC_RELAY_LEADING, relay.leading);
    es_metric_set(app->metrics, METRIC_OUTBOX_UNPUBLISHED, relay.unpublished);
    es_metric_set(app->metrics, METRIC_OUTBOX_OLDEST, relay.oldest_ms / ES_MS_PER_S);
    es_metric_set(app->metrics, METRIC_OUTBOX_PUBLISHED, relay.published);
}

/* Gauges are read when somebody looks. */
static void refresh_gauges(void *app_)
{
    const struct app *app = app_;
    struct es_http_counts counts;
    es_http_server_counts(app->server, &counts);
    es_metric_set(app->metrics, METRIC_CONNECTIONS, (int64_t)counts.connections);
    es_metric_set(app->metrics, METRIC_QUEUE_REFUSALS, (int64_t)counts.queue_refusals);
    es_metric_set(app->metrics, METRIC_FRAMING_REFUSALS, (int64_t)counts.framing_refusals);
    es_metric_set(app->metrics, METRIC_LANE_WAITING, lanes_waiting(app->lanes));
    refresh_outbox(app);
}

static enum es_exit start_endpoint(void *app_, struct es_buf *error)
{
    struct app *app = app_;
    const char *listen = es_daemon_settings()->metrics_listen;
    if (listen == NULL) {
        return ES_EXIT_OK;
    }
    app->endpoint = es_endpoint_start(
        &(struct es_endpoint_config){
            .listen = listen,
            .metrics = app->metrics,
            .health = app->health,
            .refresh = refresh_gauges,
            .alive = is_alive,
            .context = app,
        },
        error);
    if (app->endpoint == NULL) {
        return ES_EXIT_FAILED;
    }
    es_daemon_announce("metrics", es_endpoint_address(app->endpoint));
    return ES_EXIT_OK;
}

static void stop_endpoint(void *app_)
{
    struct app *app = app_;
    app->endpoint = es_endpoint_stop(app->endpoint);
}

static const struct es_daemon_step steps[] = {
    {"keys", start_keys, stop_keys},
    {"shared state", start_shared, stop_shared},
    {"database", start_database, NULL},
    {"revocations", start_revocations, stop_revocations},
    {"signal lanes", start_lanes, stop_lanes},
    {"outbox relay", start_relay, stop_relay},
    {"housekeeping", start_housekeeping, stop_housekeeping},
    {"probe", start_probe, stop_probe},
    {"HTTP server", start_server, stop_server},
    {"metrics", start_endpoint, stop_endpoint},
};

int main(int argc, char **argv)
{
    static struct app app;
    es_random_init();
    return es_daemon_main(
        &(struct es_daemon){
            .name = "eldersafe-core",
            .summary = "sign-in, life signals and member pages (tier 1)",
            .options = core_options,
            .option_count = core_option_count,
            .config = &app.config,
            .steps = steps,
            .step_count = ES_ARRAY_LEN(steps),
            .alive = is_alive,
            .check_config = core_check_config,
        },
        &app, argc, argv);
}
