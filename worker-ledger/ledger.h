/*
 * What the process eldersafe-ledger owns. One struct es_ledger exists, made by main-ledger.c; its
 * threads get it as their context and own their connections themselves.
 *
 *     sealer    waiting leaves -> checkpoints -> static files      (log/)
 *     anchorer  checkpoints -> transactions -> final, rewards      (anchor/)
 *     wallet    block headers, fee policy, coins                   (wallet/)
 *     waker     Redis messages wake the sealer                     (log/)
 *
 * No thread waits for another: a provider that hangs delays the anchorer or the wallet, never the
 * sealer.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/db/db.h"
#include "common/http/client.h"
#include "common/observe/health.h"
#include "common/observe/metrics.h"
#include "common/tlog/note.h"
#include "worker-ledger/chain/address.h"
#include "worker-ledger/chain/key.h"
#include "worker-ledger/config.h"
#include "worker-ledger/outage.h"
#include "worker-ledger/providers/provider.h"
#include "worker-ledger/wallet/fees.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct es_anchorer;
struct es_endpoint;
struct es_sealer;
struct es_ticker;
struct es_waker;
struct es_wallet;

/* One of the threads, as the others see it. */
struct es_ledger_thread {
    _Atomic int64_t beat_us;  /* when it last showed that it makes progress; monotonic */
    struct es_ticker *ticker; /* guarded by bell_lock; NULL while it does not run */
};

struct es_ledger {
    struct es_ledger_config config;

    /* keys: read once at start, wiped at stop */
    struct es_key *key;
    char address[ES_ADDRESS_TEXT_SIZE]; /* of the chain key */
    unsigned char log_key[ES_NOTE_SECRET_KEY_SIZE];
    struct es_note_key note_key; /* public half of the log key */
    char *arc_key;
    char *woc_key;
    char *node_password;
    char *redis_password;

    /* shared by all threads, each safe by itself */
    struct es_metrics *metrics;
    struct es_health *health;
    struct es_outage *outage;
    struct es_fees *fees;

    struct es_sealer *sealer;
    struct es_anchorer *anchorer;
    struct es_wallet *wallet;
    struct es_waker *waker;
    struct es_endpoint *endpoint;

    pthread_mutex_t bell_lock;
    struct es_ledger_thread threads[ES_OUTAGE_THREADS];
};

/* A connection for one thread; nothing is opened yet. */
struct es_db *es_ledger_db_new(const struct es_ledger *ledger) ES_MUST_CHECK;

/* The providers chosen by the configuration, for one thread. The reader may be one of the others.
 */
struct es_providers {
    struct es_client *client;
    struct es_provider *broadcaster;
    struct es_provider *verifier; /* NULL: none chosen */
    struct es_provider *reader;
};

/* NULL with a line in ERROR when the configuration does not allow it. */
struct es_providers *es_providers_new(const struct es_ledger *ledger,
                                      struct es_buf *error) ES_MUST_CHECK;
struct es_providers *es_providers_free(struct es_providers *providers);

/* Read all key files. On failure one line is appended to ERROR, and what was read stays to be wiped
 * by es_ledger_wipe_keys(). */
bool es_ledger_load_keys(struct es_ledger *ledger, struct es_buf *error) ES_MUST_CHECK;
void es_ledger_wipe_keys(struct es_ledger *ledger);

/* Run TICK(CONTEXT) as THREAD, every PERIOD_MS and whenever it is woken; and end that. Between the
 * two it can be woken, before and after that is harmless. */
void es_ledger_start_thread(struct es_ledger *ledger, enum es_outage_thread thread,
                            int64_t period_ms, bool (*tick)(void *context), void *context);
void es_ledger_stop_thread(struct es_ledger *ledger, enum es_outage_thread thread);

/* Have THREAD look for work at once. From any thread. */
void es_ledger_wake(struct es_ledger *ledger, enum es_outage_thread thread);

/* A thread's tick begins or ends. */
void es_ledger_beat(struct es_ledger *ledger, enum es_outage_thread thread);

/* True while every thread has shown progress within what its calls may take. */
bool es_ledger_alive(void *ledger);
