#include "common/http/executor.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/http/request.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct thread {
    pthread_t id;
    struct es_executor *executor;
    atomic_int_fast64_t busy_since_us; /* 0: waiting */
};

struct es_executor {
    struct es_executor_config config;
    struct es_http_hooks hooks;
    struct thread *threads;
    unsigned started;

    pthread_mutex_t lock;
    pthread_cond_t work;  /* something to run, or the end */
    pthread_cond_t ready; /* a thread has tried to make its worker */
    struct es_request *first;
    struct es_request **last;
    unsigned tried;
    unsigned failed;
    bool ending;
    atomic_uint_fast64_t depth; /* reserved or queued; written under LOCK */
    atomic_uint_fast64_t refusals;
};

/* The next request; NULL at the end. */
static struct es_request *take(struct es_executor *executor)
{
    pthread_mutex_lock(&executor->lock);
    while (executor->first == NULL && !executor->ending) {
        pthread_cond_wait(&executor->work, &executor->lock);
    }
    struct es_request *request = executor->first;
    if (request != NULL) {
        executor->first = request->next;
        executor->last = executor->first != NULL ? executor->last : &executor->first;
        executor->depth--;
    }
    pthread_mutex_unlock(&executor->lock);
    return request;
}

static void report(struct es_executor *executor, bool has_worker)
{
    pthread_mutex_lock(&executor->lock);
    executor->tried++;
    executor->failed += !has_worker;
    pthread_cond_signal(&executor->ready);
    pthread_mutex_unlock(&executor->lock);
}

static void *run(void *context)
{
    struct thread *self = context;
    struct es_executor *executor = self->executor;
    (void)pthread_setname_np(pthread_self(), "http-executor");
    void *worker = NULL;
    if (executor->hooks.worker_new != NULL) {
        worker = executor->hooks.worker_new(executor->config.app);
    }
    report(executor, worker != NULL || executor->hooks.worker_new == NULL);
    struct es_request *request = NULL;
    while ((request = take(executor)) != NULL) {
        atomic_store_explicit(&self->busy_since_us, es_clock_mono_us(), memory_order_relaxed);
        executor->config.run(request, worker);
        if (executor->hooks.worker_settle != NULL) {
            executor->hooks.worker_settle(worker);
        }
        atomic_store_explicit(&self->busy_since_us, 0, memory_order_relaxed);
    }
    if (worker != NULL && executor->hooks.worker_free != NULL) {
        executor->hooks.worker_free(worker);
    }
    return NULL;
}

static bool start_threads(struct es_executor *executor)
{
    for (unsigned i = 0; i < executor->config.threads; i++) {
        executor->threads[i].executor = executor;
        if (pthread_create(&executor->threads[i].id, NULL, run, &executor->threads[i]) != 0) {
            return false;
        }
        executor->started++;
    }
    pthread_mutex_lock(&executor->lock);
    while (executor->tried < executor->started) {
        pthread_cond_wait(&executor->ready, &executor->lock);
    }
    bool complete = executor->failed == 0;
    pthread_mutex_unlock(&executor->lock);
    return complete;
}

struct es_executor *es_executor_new(const struct es_executor_config *config, struct es_buf *error)
{
    struct es_executor *executor = ES_NEW(struct es_executor);
    executor->config = *config;
    executor->hooks = *config->hooks;
    executor->threads = es_calloc(config->threads, sizeof(*executor->threads));
    executor->last = &executor->first;
    pthread_mutex_init(&executor->lock, NULL);
    pthread_cond_init(&executor->work, NULL);
    pthread_cond_init(&executor->ready, NULL);
    if (!start_threads(executor)) {
        es_buf_add_str(error, "an executor thread or its worker could not be started");
        return es_executor_free(executor);
    }
    return executor;
}

struct es_executor *es_executor_free(struct es_executor *executor)
{
    if (executor == NULL) {
        return NULL;
    }
    pthread_mutex_lock(&executor->lock);
    executor->ending = true;
    pthread_cond_broadcast(&executor->work);
    pthread_mutex_unlock(&executor->lock);
    for (unsigned i = 0; i < executor->started; i++) {
        pthread_join(executor->threads[i].id, NULL);
    }
    pthread_cond_destroy(&executor->ready);
    pthread_cond_destroy(&executor->work);
    pthread_mutex_destroy(&executor->lock);
    free(executor->threads);
    free(executor);
    return NULL;
}

bool es_executor_reserve(struct es_executor *executor)
{
    pthread_mutex_lock(&executor->lock);
    bool place = executor->depth < executor->config.queue_limit;
    executor->depth += place;
    executor->refusals += !place;
    pthread_mutex_unlock(&executor->lock);
    return place;
}

void es_executor_push(struct es_executor *executor, struct es_request *request)
{
    pthread_mutex_lock(&executor->lock);
    request->next = NULL;
    *executor->last = request;
    executor->last = &request->next;
    pthread_cond_signal(&executor->work);
    pthread_mutex_unlock(&executor->lock);
}

uint64_t es_executor_depth(const struct es_executor *executor)
{
    return atomic_load_explicit(&executor->depth, memory_order_relaxed);
}

uint64_t es_executor_refusals(const struct es_executor *executor)
{
    return atomic_load_explicit(&executor->refusals, memory_order_relaxed);
}

bool es_executor_alive(const struct es_executor *executor, int64_t now_us, int64_t limit_us)
{
    for (unsigned i = 0; i < executor->started; i++) {
        int64_t since_us =
            atomic_load_explicit(&executor->threads[i].busy_since_us, memory_order_relaxed);
        if (since_us != 0 && now_us - since_us > limit_us) {
            return false;
        }
    }
    return true;
}
