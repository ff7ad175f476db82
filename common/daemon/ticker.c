#include "common/daemon/ticker.h"

#include "common/base/clock.h"
#include "common/base/mem.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

struct es_ticker {
    bool (*tick)(void *context);
    void *context;
    int64_t period_us;
    pthread_t thread;
    pthread_mutex_t lock; /* guards the two flags */
    pthread_cond_t change;
    bool stopping;
    bool woken;
};

/* Pause for a period, or until woken or stopped. False when it is time to stop. */
static bool pause_ticking(struct es_ticker *ticker, int64_t pause_us)
{
    struct timespec until;
    int64_t at_us = es_clock_mono_us() + pause_us;
    until.tv_sec = at_us / ES_US_PER_S;
    until.tv_nsec = at_us % ES_US_PER_S * 1000;
    pthread_mutex_lock(&ticker->lock);
    int result = 0;
    while (!ticker->stopping && !ticker->woken && result == 0) {
        result = pthread_cond_timedwait(&ticker->change, &ticker->lock, &until);
    }
    bool go_on = !ticker->stopping;
    ticker->woken = false;
    pthread_mutex_unlock(&ticker->lock);
    return go_on;
}

static void *run(void *argument)
{
    struct es_ticker *ticker = argument;
    bool again = false;
    do {
        again = ticker->tick(ticker->context);
    } while (pause_ticking(ticker, again ? 0 : ticker->period_us));
    return NULL;
}

struct es_ticker *es_ticker_start(int64_t period_ms, bool (*tick)(void *context), void *context)
{
    pthread_condattr_t monotonic;
    struct es_ticker *ticker = ES_NEW(struct es_ticker);
    ticker->tick = tick;
    ticker->context = context;
    ticker->period_us = period_ms * ES_US_PER_MS;
    pthread_mutex_init(&ticker->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&ticker->change, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&ticker->thread, NULL, run, ticker) != 0) {
        abort(); /* no thread to be had at start-up: nothing can work */
    }
    return ticker;
}

static void set_flag(struct es_ticker *ticker, bool *flag)
{
    pthread_mutex_lock(&ticker->lock);
    *flag = true;
    pthread_cond_signal(&ticker->change);
    pthread_mutex_unlock(&ticker->lock);
}

void es_ticker_wake(struct es_ticker *ticker)
{
    set_flag(ticker, &ticker->woken);
}

struct es_ticker *es_ticker_stop(struct es_ticker *ticker)
{
    if (ticker != NULL) {
        set_flag(ticker, &ticker->stopping);
        pthread_join(ticker->thread, NULL);
        pthread_cond_destroy(&ticker->change);
        pthread_mutex_destroy(&ticker->lock);
        free(ticker);
    }
    return NULL;
}
