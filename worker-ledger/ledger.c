#include "worker-ledger/ledger.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/daemon/ticker.h"
#include "worker-ledger/db/registry.h"

#include <stdlib.h>

#define CONNECT_TIMEOUT_MS             2000
#define IDLE_IN_TRANSACTION_TIMEOUT_MS 10000

#define PROVIDER_CONNECT_TIMEOUT_MS 3000
#define PROVIDER_ANSWER_MAX         (4U * 1024 * 1024)
#define FAILURES_TO_OPEN            8
#define CIRCUIT_OPEN_MS             10000
#define USER_AGENT                  "eldersafe-ledger"

/* A tick makes some statements and some calls; this many of the slowest ones are not yet a hang. */
#define PULSE_STATEMENTS 2
#define PULSE_CALLS      12

struct es_db *es_ledger_db_new(const struct es_ledger *ledger)
{
    struct es_db_config config = {
        .conninfo = ledger->config.database,
        .application_name = "eldersafe-ledger",
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .statement_timeout_ms = ledger->config.statement_timeout_ms,
        .idle_in_transaction_timeout_ms = IDLE_IN_TRANSACTION_TIMEOUT_MS,
    };
    return es_db_new(&config, es_ledger_statements, es_ledger_statement_count);
}

static struct es_provider *provider_new(const struct es_ledger *ledger, struct es_client *client,
                                        enum es_provider_kind kind)
{
    struct es_provider_config config = {
        .kind = kind,
        .url = es_ledger_provider_url(&ledger->config, kind),
        .key = kind == ES_PROVIDER_WHATSONCHAIN ? ledger->woc_key : ledger->arc_key,
        .user = ledger->config.node_user,
        .password = ledger->node_password,
        .address = ledger->address,
    };
    return es_provider_new(&config, client);
}

/* Its reader may be one of the two that exist already. */
static struct es_provider *reader_of(const struct es_ledger *ledger, struct es_providers *providers)
{
    enum es_provider_kind kind = es_ledger_reader(&ledger->config);
    if (providers->verifier != NULL && es_provider_kind_of(providers->verifier) == kind) {
        return providers->verifier;
    }
    if (es_provider_kind_of(providers->broadcaster) == kind) {
        return providers->broadcaster;
    }
    return provider_new(ledger, providers->client, kind);
}

struct es_providers *es_providers_new(const struct es_ledger *ledger, struct es_buf *error)
{
    struct es_client_config config = {
        .allowed_hosts = ledger->config.allowed_hosts,
        .connect_timeout_ms = PROVIDER_CONNECT_TIMEOUT_MS < ledger->config.provider_timeout_ms
                                  ? PROVIDER_CONNECT_TIMEOUT_MS
                                  : ledger->config.provider_timeout_ms,
        .total_timeout_ms = ledger->config.provider_timeout_ms,
        .max_answer = PROVIDER_ANSWER_MAX,
        .failures_to_open = FAILURES_TO_OPEN,
        .open_ms = CIRCUIT_OPEN_MS,
        .user_agent = USER_AGENT,
    };
    struct es_client *client = es_client_new(&config, error);
    if (client == NULL) {
        return NULL;
    }
    struct es_providers *providers = ES_NEW(struct es_providers);
    enum es_provider_kind verifier = es_ledger_verifier(&ledger->config);
    providers->client = client;
    providers->broadcaster = provider_new(ledger, client, es_ledger_broadcaster(&ledger->config));
    if (verifier != ES_PROVIDER_NONE) {
        providers->verifier = provider_new(ledger, client, verifier);
    }
    providers->reader = reader_of(ledger, providers);
    return providers;
}

struct es_providers *es_providers_free(struct es_providers *providers)
{
    if (providers != NULL) {
        if (providers->reader != providers->broadcaster &&
            providers->reader != providers->verifier) {
            es_provider_free(providers->reader);
        }
        es_provider_free(providers->verifier);
        es_provider_free(providers->broadcaster);
        es_client_free(providers->client);
        free(providers);
    }
    return NULL;
}

static void set_ticker(struct es_ledger *ledger, enum es_outage_thread thread,
                       struct es_ticker *ticker)
{
    pthread_mutex_lock(&ledger->bell_lock);
    ledger->threads[thread].ticker = ticker;
    pthread_mutex_unlock(&ledger->bell_lock);
}

void es_ledger_start_thread(struct es_ledger *ledger, enum es_outage_thread thread,
                            int64_t period_ms, bool (*tick)(void *context), void *context)
{
    es_ledger_beat(ledger, thread);
    set_ticker(ledger, thread, es_ticker_start(period_ms, tick, context));
}

void es_ledger_stop_thread(struct es_ledger *ledger, enum es_outage_thread thread)
{
    struct es_ticker *ticker = ledger->threads[thread].ticker; /* only the main thread sets it */
    set_ticker(ledger, thread, NULL);
    es_ticker_stop(ticker);
}

void es_ledger_wake(struct es_ledger *ledger, enum es_outage_thread thread)
{
    pthread_mutex_lock(&ledger->bell_lock);
    if (ledger->threads[thread].ticker != NULL) {
        es_ticker_wake(ledger->threads[thread].ticker);
    }
    pthread_mutex_unlock(&ledger->bell_lock);
}

void es_ledger_beat(struct es_ledger *ledger, enum es_outage_thread thread)
{
    atomic_store_explicit(&ledger->threads[thread].beat_us, es_clock_mono_us(),
                          memory_order_relaxed);
}

bool es_ledger_alive(void *ledger_)
{
    struct es_ledger *ledger = ledger_;
    int64_t limit_ms = PULSE_STATEMENTS * ledger->config.statement_timeout_ms +
                       PULSE_CALLS * ledger->config.provider_timeout_ms +
                       ledger->config.poll_interval_ms;
    for (size_t i = 0; i < ES_OUTAGE_THREADS; i++) {
        int64_t at_us = atomic_load_explicit(&ledger->threads[i].beat_us, memory_order_relaxed);
        if (es_clock_mono_us() - at_us > limit_ms * ES_US_PER_MS) {
            return false;
        }
    }
    return true;
}
