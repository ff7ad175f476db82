#include "worker-ledger/wallet/fees.h"

#include "common/base/clock.h"
#include "common/base/mem.h"

#include <pthread.h>
#include <stdlib.h>

#define LESSON_LASTS_US (3600 * ES_US_PER_S)
#define RATE_MAX        INT64_C(1000000000)

struct es_fees {
    int64_t cap;
    pthread_mutex_t lock; /* guards the rest */
    int64_t policy;
    int64_t lesson; /* 0: none */
    int64_t lesson_until_us;
};

struct es_fees *es_fees_new(int64_t fallback, int64_t cap)
{
    struct es_fees *fees = ES_NEW(struct es_fees);
    fees->cap = cap;
    fees->policy = fallback;
    pthread_mutex_init(&fees->lock, NULL);
    return fees;
}

struct es_fees *es_fees_free(struct es_fees *fees)
{
    if (fees != NULL) {
        pthread_mutex_destroy(&fees->lock);
        free(fees);
    }
    return NULL;
}

int64_t es_fees_after_refusal(int64_t rate, int64_t refused_rate)
{
    if (rate > refused_rate) {
        return rate;
    }
    return refused_rate >= RATE_MAX ? RATE_MAX : refused_rate + refused_rate / 2 + 1;
}

static int64_t current_rate(struct es_fees *fees)
{
    if (es_clock_mono_us() >= fees->lesson_until_us) {
        fees->lesson = 0;
    }
    return fees->lesson > fees->policy ? fees->lesson : fees->policy;
}

int64_t es_fees_rate(struct es_fees *fees)
{
    pthread_mutex_lock(&fees->lock);
    int64_t rate = current_rate(fees);
    pthread_mutex_unlock(&fees->lock);
    return rate;
}

int64_t es_fees_cap(const struct es_fees *fees)
{
    return fees->cap;
}

void es_fees_learn_policy(struct es_fees *fees, int64_t rate)
{
    pthread_mutex_lock(&fees->lock);
    if (rate != fees->policy) {
        fees->policy = rate;
        fees->lesson = 0;
    }
    pthread_mutex_unlock(&fees->lock);
}

void es_fees_learn_refusal(struct es_fees *fees, int64_t refused_rate)
{
    pthread_mutex_lock(&fees->lock);
    int64_t now = current_rate(fees);
    int64_t next = es_fees_after_refusal(now, refused_rate);
    if (next > now) {
        fees->lesson = next;
        fees->lesson_until_us = es_clock_mono_us() + LESSON_LASTS_US;
    }
    pthread_mutex_unlock(&fees->lock);
}
