#include "tier1-core/lanes/hint.h"

#include "common/base/mem.h"
#include "common/daemon/ticker.h"
#include "tier1-core/app.h"

#include <stdatomic.h>
#include <stdlib.h>

struct hint {
    struct es_redis *redis;
    struct es_ticker *ticker;
    atomic_bool due;
};

/* The mark is taken before the word is said: leaves that are committed meanwhile leave another. */
static bool tell(void *context)
{
    struct hint *hint = context;
    if (atomic_exchange(&hint->due, false)) {
        redisReply *reply = es_redis_commandf(hint->redis, "PUBLISH %s leaves", HINT_CHANNEL);
        es_redis_reply_free_p(&reply); /* the ledger's timer does without */
    }
    return false;
}

struct hint *hint_start(struct app *app)
{
    struct es_redis *redis = app_redis_new(app);
    if (redis == NULL) {
        return NULL;
    }
    struct hint *hint = ES_NEW(struct hint);
    hint->redis = redis;
    hint->ticker = es_ticker_start(HINT_PERIOD_MS, tell, hint);
    return hint;
}

struct hint *hint_stop(struct hint *hint)
{
    if (hint != NULL) {
        es_ticker_stop(hint->ticker);
        es_redis_free(hint->redis);
        free(hint);
    }
    return NULL;
}

void hint_give(struct hint *hint)
{
    if (hint != NULL) {
        atomic_store(&hint->due, true);
    }
}
