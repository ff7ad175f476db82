/* What tests share that stop and freeze a private server: the server, how it runs again before each
 * test, and how long things took. */
#pragma once

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/tests/servers.h"
#include "common/tests/unit.h"

/* How often a bound on time may be missed before it counts: a busy machine misses it once, though
 * not each time. */
#define TRIES 3

static struct es_test_server *server;

/* Set-up of a test program that needs Redis alone. */
static inline int start_redis(void **state)
{
    (void)state;
    es_random_init();
    server = es_test_redis_start();
    return 0;
}

/* Set-up of a test: whatever the one before left behind, the server runs. */
static inline int restore(void **state)
{
    (void)state;
    es_test_server_restore(server);
    return 0;
}

static inline int64_t ms_since(int64_t start_us)
{
    return (es_clock_mono_us() - start_us) / ES_US_PER_MS;
}
