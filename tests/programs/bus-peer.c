/*
 * A process of the bus and nothing else, for tests/integration/bus.test.js: either a relay, or a
 * consumer whose effect is a row of bus_test.effects (a table the test makes). An event with
 * "crash":true ends the process in the middle of its handler.
 */
#include "common/base/random.h"
#include "common/bus/consumer.h"
#include "common/bus/relay.h"
#include "common/crypto/keyfile.h"
#include "common/daemon/daemon.h"
#include "common/daemon/store-options.h"
#include "common/observe/endpoint.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_MS   1500
#define STATEMENT_TIMEOUT_MS 5000
#define REDIS_TIMEOUT_MS     1000

enum part { RELAY, CONSUMER };

struct peer {
    const char *database;
    const char *redis;
    const char *redis_user;
    const char *redis_password_file;
    int part;
    const char *name; /* written with each effect */
    int64_t event_tries;
    char *redis_password;
    struct es_relay *relay;
    struct es_consumer *consumer;
    struct es_metrics *metrics;
    struct es_health *health;
    struct es_endpoint *endpoint;
};

static const char *const parts[] = {[RELAY] = "relay", [CONSUMER] = "consumer", NULL};

#define OPTION(field) .offset = offsetof(struct peer, field)
static const struct es_config_option options[] = {
    ES_DATABASE_OPTION(struct peer, "eldersafe_core or eldersafe_notify"),
    ES_REDIS_OPTIONS(struct peer, "empty: none"),
    {.name = "PART",
     .type = ES_CONFIG_CHOICE,
     .choices = parts,
     OPTION(part),
     .help = "what to be"},
    {.name = "NAME",
     .type = ES_CONFIG_TEXT,
     .fallback = "peer",
     OPTION(name),
     .help = "name in effects"},
    {.name = "EVENT_TRIES",
     .type = ES_CONFIG_INT,
     .fallback = "5",
     .min = 1,
     .max = 100,
     OPTION(event_tries),
     .help = "tries before parking"},
};

/* --- the effect ---------------------------------------------------------------------------- */
static const struct es_db_statement effect_statement = {
    .name = "peer_effect",
    .sql = "INSERT INTO bus_test.effects (event_id, peer, aggregate, number)"
           " VALUES ($1, $2, $3->>'aggregate', ($3->>'number')::integer)",
    .params = "itj",
};
static const struct es_db_statement *const statements[] = {&effect_statement};

static enum es_db_result take_work(struct es_db *db, const struct es_event *event, void *context,
                                   struct es_buf *reason)
{
    const struct peer *peer = context;
    (void)reason;
    if (strstr(event->payload, "\"crash\": true") != NULL) {
        _exit(ES_EXIT_FAULT);
    }
    return es_db_run(db, &effect_statement, NULL, event->event_id, peer->name, event->payload);
}

static const struct es_consumer_topic topics[] = {{"test.work", take_work}};

/* --- metrics: gauges, read when somebody looks ---------------------------------------------- */
enum metric {
    PUBLISHED,
    UNPUBLISHED,
    OLDEST_UNPUBLISHED_MS,
    LEADING,
    TAKEN,
    FAILED,
    PARKED,
    WAITING,
    METRIC_COUNT
};

static const struct es_metric metrics[METRIC_COUNT] = {
    [PUBLISHED] = {.name = "peer_published", .type = ES_METRIC_GAUGE, .help = "Events published."},
    [UNPUBLISHED] = {.name = "peer_unpublished",
                     .type = ES_METRIC_GAUGE,
                     .help = "Events that wait for the relay."},
    [OLDEST_UNPUBLISHED_MS] = {.name = "peer_oldest_unpublished_ms",
                               .type = ES_METRIC_GAUGE,
                               .help = "Age of the oldest."},
    [LEADING] = {.name = "peer_leading", .type = ES_METRIC_GAUGE, .help = "1: this relay leads."},
    [TAKEN] = {.name = "peer_taken", .type = ES_METRIC_GAUGE, .help = "Events taken in."},
    [FAILED] = {.name = "peer_failed", .type = ES_METRIC_GAUGE, .help = "Tries that failed."},
    [PARKED] = {.name = "peer_parked", .type = ES_METRIC_GAUGE, .help = "Events parked."},
    [WAITING] = {.name = "peer_waiting", .type = ES_METRIC_GAUGE, .help = "Events not taken in."},
};

static void refresh(void *app)
{
    const struct peer *peer = app;
    if (peer->relay != NULL) {
        struct es_relay_status status = es_relay_status(peer->relay);
        es_metric_set(peer->metrics, PUBLISHED, status.published);
        es_metric_set(peer->metrics, UNPUBLISHED, status.unpublished);
        es_metric_set(peer->metrics, OLDEST_UNPUBLISHED_MS, status.oldest_ms);
        es_metric_set(peer->metrics, LEADING, status.leading ? 1 : 0);
    }
    if (peer->consumer != NULL) {
        struct es_consumer_status status = es_consumer_status(peer->consumer);
        es_metric_set(peer->metrics, TAKEN, status.taken);
        es_metric_set(peer->metrics, FAILED, status.failed);
        es_metric_set(peer->metrics, PARKED, status.parked);
        es_metric_set(peer->metrics, WAITING, status.waiting);
    }
}

/* --- life ---------------------------------------------------------------------------------- */
static bool is_alive(void *app)
{
    const struct peer *peer = app;
    return peer->relay != NULL ? es_relay_alive(peer->relay) : es_consumer_alive(peer->consumer);
}

static struct es_db_config db_config(const struct peer *peer)
{
    return (struct es_db_config){
        .conninfo = peer->database,
        .application_name = "bus-peer",
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
    };
}

static struct es_redis_config redis_config(const struct peer *peer)
{
    return (struct es_redis_config){
        .address = peer->redis,
        .user = peer->redis_user,
        .password = peer->redis_password,
        .timeout_ms = REDIS_TIMEOUT_MS,
    };
}

static void start_relay(struct peer *peer)
{
    peer->relay = es_relay_start(&(struct es_relay_config){
        .db = db_config(peer),
        .redis = redis_config(peer),
    });
}

static void start_consumer(struct peer *peer)
{
    const struct es_redis_config redis = redis_config(peer);
    peer->consumer = es_consumer_start(&(struct es_consumer_config){
        .group = "test",
        .db = db_config(peer),
        .redis = peer->redis != NULL ? &redis : NULL,
        .statements = statements,
        .statement_count = ES_ARRAY_LEN(statements),
        .topics = topics,
        .topic_count = ES_ARRAY_LEN(topics),
        .context = peer,
        .failures_to_park = (int32_t)peer->event_tries,
    });
}

static enum es_exit start_part(void *app, struct es_buf *error)
{
    struct peer *peer = app;
    if (peer->redis_password_file != NULL &&
        !es_keyfile_read_text(peer->redis_password_file, &peer->redis_password, error)) {
        return ES_EXIT_CONFIG;
    }
    if (peer->part == RELAY) {
        start_relay(peer);
    } else {
        start_consumer(peer);
    }
    return ES_EXIT_OK;
}

static void stop_part(void *app)
{
    struct peer *peer = app;
    peer->relay = es_relay_stop(peer->relay);
    peer->consumer = es_consumer_stop(peer->consumer);
    es_secret_free_p(&peer->redis_password);
}

static enum es_exit start_endpoint(void *app, struct es_buf *error)
{
    struct peer *peer = app;
    peer->metrics = es_metrics_new(metrics, METRIC_COUNT);
    peer->health = es_health_new(NULL, 0);
    peer->endpoint = es_endpoint_start(
        &(struct es_endpoint_config){
            .listen = es_daemon_settings()->metrics_listen,
            .metrics = peer->metrics,
            .health = peer->health,
            .refresh = refresh,
            .alive = is_alive,
            .context = peer,
        },
        error);
    if (peer->endpoint == NULL) {
        return ES_EXIT_FAILED;
    }
    es_daemon_announce("metrics", es_endpoint_address(peer->endpoint));
    return ES_EXIT_OK;
}

static void stop_endpoint(void *app)
{
    struct peer *peer = app;
    peer->endpoint = es_endpoint_stop(peer->endpoint);
    peer->health = es_health_free(peer->health);
    peer->metrics = es_metrics_free(peer->metrics);
}

static const struct es_daemon_step steps[] = {
    {"part", start_part, stop_part},
    {"metrics", start_endpoint, stop_endpoint},
};

int main(int argc, char **argv)
{
    static struct peer peer;
    es_random_init();
    return es_daemon_main(
        &(struct es_daemon){
            .name = "bus-peer",
            .summary = "a relay or consumer for tests",
            .options = options,
            .option_count = ES_ARRAY_LEN(options),
            .config = &peer,
            .steps = steps,
            .step_count = ES_ARRAY_LEN(steps),
            .alive = is_alive,
        },
        &peer, argc, argv);
}
