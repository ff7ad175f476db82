#include "worker-ledger/log/waker.h"

#include "common/base/mem.h"
#include "common/daemon/ticker.h"
#include "common/observe/log.h"
#include "common/redis/subscribe.h"
#include "worker-ledger/ledger.h"

#include <stdlib.h>

#define REDIS_TIMEOUT_MS 500
#define LISTEN_MS        500 /* how long a stop may have to wait */
#define PAUSE_MS         500 /* between two looks while Redis is away */

struct es_waker {
    struct es_ledger *ledger;
    struct es_redis *redis;
    bool away; /* and that was said */
    struct es_ticker *ticker;
};

static void note_presence(struct es_waker *waker, bool away)
{
    if (away != waker->away) {
        waker->away = away;
        es_log_plain(ES_LOG_INFO, away ? "ledger.redis_away" : "ledger.redis_back");
    }
}

static bool tick(void *waker_)
{
    struct es_waker *waker = waker_;
    enum es_redis_heard heard = es_redis_wait_message(waker->redis, ES_WAKER_CHANNEL, LISTEN_MS);
    note_presence(waker, heard == ES_REDIS_AWAY);
    if (heard == ES_REDIS_MESSAGE) {
        es_ledger_wake(waker->ledger, ES_OUTAGE_SEALER);
    }
    return heard != ES_REDIS_AWAY;
}

struct es_waker *es_waker_start(struct es_ledger *ledger)
{
    struct es_redis_config config = {
        .address = ledger->config.redis,
        .user = ledger->config.redis_user,
        .password = ledger->redis_password,
        .timeout_ms = REDIS_TIMEOUT_MS,
    };
    if (config.address == NULL) {
        return NULL;
    }
    struct es_waker *waker = ES_NEW(struct es_waker);
    waker->ledger = ledger;
    waker->redis = es_redis_new(&config);
    waker->ticker = es_ticker_start(PAUSE_MS, tick, waker);
    return waker;
}

struct es_waker *es_waker_stop(struct es_waker *waker)
{
    if (waker != NULL) {
        es_ticker_stop(waker->ticker);
        es_redis_free(waker->redis);
        free(waker);
    }
    return NULL;
}
