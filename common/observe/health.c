#include "common/observe/health.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/json/json.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define FRESH_FOR_US ES_US_PER_S
#define NEVER        INT64_MIN

struct es_health {
    const struct es_health_check *checks;
    size_t count;
    pthread_mutex_t probing;   /* held by the thread that runs the probes */
    atomic_llong last_mono_us; /* end of the last run; NEVER before the first */
    atomic_llong last_wall_us;
    atomic_bool stopping;
    atomic_bool up[];
};

struct es_health *es_health_new(const struct es_health_check *checks, size_t count)
{
    struct es_health *health = es_calloc(1, sizeof(*health) + count * sizeof(health->up[0]));
    health->checks = checks;
    health->count = count;
    (void)pthread_mutex_init(&health->probing, NULL);
    atomic_init(&health->last_mono_us, NEVER);
    return health;
}

struct es_health *es_health_free(struct es_health *health)
{
    if (health != NULL) {
        (void)pthread_mutex_destroy(&health->probing);
        free(health);
    }
    return NULL;
}

static bool is_stale(struct es_health *health)
{
    int64_t last_us = atomic_load(&health->last_mono_us);
    return last_us == NEVER || es_clock_mono_us() - last_us >= FRESH_FOR_US;
}

static void run_probes(struct es_health *health)
{
    for (size_t i = 0; i < health->count; i++) {
        atomic_store(&health->up[i], health->checks[i].probe(health->checks[i].context));
    }
    atomic_store(&health->last_wall_us, es_clock_now_us());
    atomic_store(&health->last_mono_us, es_clock_mono_us());
}

/* Every check passed that is needed, or (NEEDED false) every check whatever it is. */
static bool all_up(struct es_health *health, bool needed)
{
    bool all = atomic_load(&health->last_mono_us) != NEVER && !atomic_load(&health->stopping);
    for (size_t i = 0; i < health->count; i++) {
        bool counts = health->checks[i].needed || !needed;
        all = all && (atomic_load(&health->up[i]) || !counts);
    }
    return all;
}

bool es_health_ready(struct es_health *health)
{
    if (is_stale(health) && pthread_mutex_trylock(&health->probing) == 0) {
        if (is_stale(health)) { /* a run may have ended between the two lines above */
            run_probes(health);
        }
        (void)pthread_mutex_unlock(&health->probing);
    }
    return all_up(health, true);
}

void es_health_render(struct es_health *health, struct es_buf *out)
{
    struct es_json_writer writer = es_json_writer_make(out);
    const char *status = !all_up(health, true)    ? "down"
                         : !all_up(health, false) ? "degraded"
                                                  : "ok";
    es_json_begin_object(&writer);
    es_json_put_text(&writer, "status", status);
    es_json_key(&writer, "checks");
    es_json_begin_object(&writer);
    for (size_t i = 0; i < health->count; i++) {
        es_json_put_text(&writer, health->checks[i].name,
                         atomic_load(&health->up[i]) ? "up" : "down");
    }
    es_json_end_object(&writer);
    es_json_put_bool(&writer, "stopping", atomic_load(&health->stopping));
    if (atomic_load(&health->last_mono_us) != NEVER) {
        es_json_put_time(&writer, "checked_at", atomic_load(&health->last_wall_us));
    }
    es_json_end_object(&writer);
}

void es_health_set_stopping(struct es_health *health)
{
    atomic_store(&health->stopping, true);
}
