/* Unit tests of the ticker: when ticks come, what wakes it, and that stopping never cuts one off.
 */
#include "common/base/clock.h"
#include "common/daemon/ticker.h"
#include "common/tests/unit.h"

#include <pthread.h>
#include <time.h>

#define HOUR_MS     3600000 /* a pause that no test lives to see the end of */
#define PATIENCE_US (10 * ES_US_PER_S)
#define LONG_TICK   (&(struct timespec){.tv_nsec = 50000000})

/* What a ticker of these tests does: it counts, and a test may hold it in the middle of a tick. */
struct work {
    pthread_mutex_t lock;
    pthread_cond_t change;
    int begun;
    int ended;
    int at_once; /* so many ticks ask for the next one at once */
    bool held;
};

#define WORK_INIT                                                                                  \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER                      \
    }

static bool count_tick(void *context)
{
    struct work *work = context;
    pthread_mutex_lock(&work->lock);
    work->begun++;
    pthread_cond_broadcast(&work->change);
    while (work->held) {
        pthread_cond_wait(&work->change, &work->lock);
    }
    work->ended++;
    bool again = work->ended <= work->at_once;
    pthread_mutex_unlock(&work->lock);
    return again;
}

static bool take_long(void *context)
{
    struct work *work = context;
    pthread_mutex_lock(&work->lock);
    work->begun++;
    pthread_cond_broadcast(&work->change);
    pthread_mutex_unlock(&work->lock);
    (void)nanosleep(LONG_TICK, NULL);
    pthread_mutex_lock(&work->lock);
    work->ended++;
    pthread_mutex_unlock(&work->lock);
    return true;
}

static void await_ticks(struct work *work, int count)
{
    int64_t until_us = es_clock_mono_us() + PATIENCE_US;
    struct timespec until = {.tv_sec = until_us / ES_US_PER_S,
                             .tv_nsec = until_us % ES_US_PER_S * 1000};
    int waited = 0;
    pthread_mutex_lock(&work->lock);
    while (work->begun < count && waited == 0) {
        waited = pthread_cond_clockwait(&work->change, &work->lock, CLOCK_MONOTONIC, &until);
    }
    int begun = work->begun;
    pthread_mutex_unlock(&work->lock);
    assert_true(begun >= count);
}

static void let_go(struct work *work)
{
    pthread_mutex_lock(&work->lock);
    work->held = false;
    pthread_cond_broadcast(&work->change);
    pthread_mutex_unlock(&work->lock);
}

static void the_first_tick_comes_at_once_and_the_others_after_a_period(void **state)
{
    (void)state;
    struct work work = WORK_INIT;
    int64_t since_us = es_clock_mono_us();
    struct es_ticker *ticker = es_ticker_start(20, count_tick, &work);
    await_ticks(&work, 4);
    assert_true(es_clock_mono_us() - since_us >= 3 * 20 * ES_US_PER_MS);
    assert_null(es_ticker_stop(ticker));
    struct work rare = WORK_INIT;
    ticker = es_ticker_start(HOUR_MS, count_tick, &rare);
    await_ticks(&rare, 1);
    assert_null(es_ticker_stop(ticker)); /* in the middle of that hour */
    assert_int_equal(rare.ended, 1);
}

static void a_tick_that_found_more_to_do_is_followed_at_once(void **state)
{
    (void)state;
    struct work work = WORK_INIT;
    work.at_once = 4;
    struct es_ticker *ticker = es_ticker_start(HOUR_MS, count_tick, &work);
    await_ticks(&work, 5);
    assert_null(es_ticker_stop(ticker));
    assert_int_equal(work.ended, 5);
}

static void waking_ends_the_pause(void **state)
{
    (void)state;
    struct work work = WORK_INIT;
    struct es_ticker *ticker = es_ticker_start(HOUR_MS, count_tick, &work);
    for (int ticks = 1; ticks <= 10; ticks++) {
        await_ticks(&work, ticks);
        es_ticker_wake(ticker);
    }
    await_ticks(&work, 11);
    assert_null(es_ticker_stop(ticker));
}

/* What it is woken for may have come just after the running tick looked. */
static void waking_during_a_tick_is_not_lost(void **state)
{
    (void)state;
    struct work work = WORK_INIT;
    work.held = true;
    struct es_ticker *ticker = es_ticker_start(HOUR_MS, count_tick, &work);
    await_ticks(&work, 1);
    es_ticker_wake(ticker);
    let_go(&work);
    await_ticks(&work, 2);
    assert_null(es_ticker_stop(ticker));
}

static void stopping_waits_for_the_running_tick(void **state)
{
    (void)state;
    struct work work = WORK_INIT;
    struct es_ticker *ticker = es_ticker_start(0, take_long, &work);
    await_ticks(&work, 2); /* it always finds more to do, and is stopped all the same */
    assert_null(es_ticker_stop(ticker));
    assert_int_equal(work.ended, work.begun);
}

static void nothing_can_be_stopped(void **state)
{
    (void)state;
    assert_null(es_ticker_stop(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_tick_comes_at_once_and_the_others_after_a_period),
        cmocka_unit_test(a_tick_that_found_more_to_do_is_followed_at_once),
        cmocka_unit_test(waking_ends_the_pause),
        cmocka_unit_test(waking_during_a_tick_is_not_lost),
        cmocka_unit_test(stopping_waits_for_the_running_tick),
        cmocka_unit_test(nothing_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
