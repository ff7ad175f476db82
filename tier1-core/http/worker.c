/* What an executor thread owns: its connections. */
#include "common/base/mem.h"
#include "tier1-core/app.h"
#include "tier1-core/http/hooks.h"

#include <stdlib.h>

void *worker_new(void *app)
{
    struct worker *worker = ES_NEW(struct worker);
    worker->app = app;
    worker->db = app_db_new(app, false);
    worker->redis = app_redis_new(app);
    return worker;
}

void worker_free(void *worker_)
{
    struct worker *worker = worker_;
    if (worker != NULL) {
        es_redis_free(worker->redis);
        es_db_free(worker->db);
        free(worker);
    }
}

void worker_settle(void *worker_)
{
    struct worker *worker = worker_;
    es_db_end_request(worker->db);
}
