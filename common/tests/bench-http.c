/*
 * A server with one route of each kind, to measure what common/http itself costs:
 *
 *     make build/release/common/tests/bench-http
 *     build/release/common/tests/bench-http 127.0.0.1:9000 1 &
 *     wrk -t1 -c64 -d5 http://127.0.0.1:9000/plain      answered on the event thread
 *     wrk -t1 -c64 -d5 http://127.0.0.1:9000/lane       suspended, answered by one other thread
 *     wrk -t1 -c64 -d5 http://127.0.0.1:9000/task       answered by an executor thread
 *
 * Arguments: address, event threads. Ends on SIGINT or SIGTERM and prints its peak memory.
 */
#include "common/base/compiler.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/http/server.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define ANSWER                                                                                     \
    "{\"signal_id\":\"123456789\",\"day\":\"2026-11-21\",\"streak\":12,\"balance\":\"12\","        \
    "\"receipt\":\"/api/signals/123456789/receipt\"}"
#define MOST_WAITING 16384

/* The one other thread: takes all that waits and answers it, as executor threads do. */
struct lane {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct es_request *waiting[MOST_WAITING];
    size_t count;
    bool ending;
};

static void answer(struct es_request *request)
{
    struct es_buf body = ES_BUF_INIT; /* moved into the request */
    es_buf_add_str(&body, ANSWER);
    es_respond_json(request, 200, &body);
}

static void *run_lane(void *context)
{
    static struct es_request *batch[MOST_WAITING];
    struct lane *lane = context;
    pthread_mutex_lock(&lane->lock);
    while (!lane->ending) {
        size_t count = lane->count;
        for (size_t i = 0; i < count; i++) {
            batch[i] = lane->waiting[i];
        }
        lane->count = 0;
        pthread_mutex_unlock(&lane->lock);
        for (size_t i = 0; i < count; i++) {
            answer(batch[i]);
            es_request_resume(batch[i]);
        }
        pthread_mutex_lock(&lane->lock);
        while (lane->count == 0 && !lane->ending) {
            pthread_cond_wait(&lane->work, &lane->lock);
        }
    }
    pthread_mutex_unlock(&lane->lock);
    return NULL;
}

static void plain(struct es_request *request, void *app, void *worker)
{
    (void)app;
    (void)worker;
    answer(request);
}

static void to_lane(struct es_request *request, void *app, void *worker)
{
    (void)worker;
    struct lane *lane = app;
    es_request_suspend(request);
    pthread_mutex_lock(&lane->lock);
    lane->waiting[lane->count++] = request;
    pthread_cond_signal(&lane->work);
    pthread_mutex_unlock(&lane->lock);
}

static const struct es_route routes[] = {
    {.method = "GET", .path = "/plain", .fast = plain},
    {.method = "GET", .path = "/lane", .fast = to_lane},
    {.method = "GET", .path = "/task", .handle = plain},
};

static void end_lane(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    lane->ending = true;
    pthread_cond_signal(&lane->work);
    pthread_mutex_unlock(&lane->lock);
    pthread_join(lane->thread, NULL);
}

int main(int argc, char **argv)
{
    static struct lane lane = {
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .work = PTHREAD_COND_INITIALIZER,
    };
    uint64_t threads = 1;
    sigset_t signals;
    int received = 0;
    struct rusage usage;
    if (argc != 3 || !es_parse_u64(argv[2], &threads)) {
        (void)fprintf(stderr, "usage: bench-http ADDRESS EVENT-THREADS\n");
        return EXIT_FAILURE;
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    es_random_init();
    if (pthread_create(&lane.thread, NULL, run_lane, &lane) != 0) {
        return EXIT_FAILURE;
    }
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    struct es_http_config config = {
        .listen = argv[1],
        .event_threads = (unsigned)threads,
        .executor_threads = 2,
        .queue_limit = MOST_WAITING,
        .max_connections = MOST_WAITING,
    };
    struct es_http_server *server =
        es_http_server_start(&config, routes, ES_ARRAY_LEN(routes), NULL, &lane, &error);
    if (server == NULL) {
        (void)fprintf(stderr, "%s\n", es_buf_str(&error));
        return EXIT_FAILURE;
    }
    (void)printf("listening on %s\n", es_http_server_address(server));
    (void)fflush(stdout);
    (void)sigwait(&signals, &received);
    bool clean = es_http_server_stop(server);
    end_lane(&lane);
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)printf("stopped %s, peak memory %ld KiB\n", clean ? "cleanly" : "by force",
                 usage.ru_maxrss);
    return EXIT_SUCCESS;
}
