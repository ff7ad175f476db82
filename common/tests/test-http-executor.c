/* Requests that are answered on executor threads: workers, admission, the bounded queue, time
 * limits. */
#include "common/base/random.h"
#include "common/http/problem.h"
#include "common/http/server.h"
#include "common/tests/http-served.h"

#include <pthread.h>
#include <stdatomic.h>

/* --- the tier ---------------------------------------------------------------------------- */

struct app {
    atomic_int workers_made;
    atomic_int workers_freed;
    atomic_int settled;
    atomic_int handled;
    atomic_int completed;
    atomic_bool refuse_workers;
};

struct worker {
    pthread_t thread;
    struct app *app;
};

static struct app app;

static void *worker_new(void *app_)
{
    struct app *tier = app_;
    if (tier->refuse_workers) {
        return NULL;
    }
    struct worker *worker = calloc(1, sizeof(*worker));
    worker->thread = pthread_self();
    worker->app = tier;
    tier->workers_made++;
    return worker;
}

static void worker_free(void *worker_)
{
    struct worker *worker = worker_;
    assert_true(pthread_equal(worker->thread, pthread_self()));
    worker->app->workers_freed++;
    free(worker);
}

static void worker_settle(void *worker_)
{
    struct worker *worker = worker_;
    assert_true(pthread_equal(worker->thread, pthread_self()));
    worker->app->settled++;
}

static bool admit(struct es_request *request, const struct es_route *route, void *app_,
                  void *worker)
{
    (void)app_;
    assert_non_null(worker);
    if (route->access == 1 && es_request_header(request, "Authorization") == NULL) {
        es_respond_problem(request, ES_PROBLEM_UNAUTHORIZED, NULL);
        es_respond_header(request, "WWW-Authenticate", "Bearer");
        return false;
    }
    es_request_set_context(request, (void *)(uintptr_t) "admitted");
    return true;
}

static void count_completed(const struct es_request *request, void *app_)
{
    struct app *tier = app_;
    assert_true(es_request_age_us(request) >= 0);
    tier->completed++;
}

static const struct es_http_hooks hooks = {
    .worker_new = worker_new,
    .worker_free = worker_free,
    .worker_settle = worker_settle,
    .admit = admit,
    .completed = count_completed,
};

static void work(struct es_request *request, void *app_, void *worker_)
{
    struct worker *worker = worker_;
    assert_true(pthread_equal(worker->thread, pthread_self()));
    assert_string_equal(es_request_context(request), "admitted");
    answer_number(request, 201, ++((struct app *)app_)->handled);
}

static void wait_at_gate(struct es_request *request, void *app_, void *worker)
{
    (void)worker;
    gate_pass(&gate);
    answer_number(request, 200, ++((struct app *)app_)->handled);
}

static const struct es_route routes[] = {
    {.method = "POST", .path = "/task", .handle = work},
    {.method = "POST", .path = "/members", .handle = work, .access = 1},
    {.method = "POST", .path = "/gate", .handle = wait_at_gate},
};

static struct es_http_server *start_with(struct es_http_config config)
{
    config.listen = "127.0.0.1:0";
    return start_server(&config, routes, ES_ARRAY_LEN(routes), &hooks, &app);
}

static int start(void **state)
{
    (void)state;
    es_random_init();
    app.handled = 0;
    app.completed = 0;
    app.workers_made = 0;
    app.workers_freed = 0;
    app.settled = 0;
    gate_shut(&gate);
    server = start_with((struct es_http_config){.executor_threads = 2, .queue_limit = 2});
    return 0;
}

static int stop_and_count(void **state)
{
    int result = stop(state);
    assert_int_equal(app.workers_made, app.workers_freed);
    return result;
}

/* --- executor ---------------------------------------------------------------------------- */

static void a_handler_runs_with_its_threads_own_worker(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    post(&peer, "/task", "", "");
    hears_number(&peer, 201, "1", false);
    post(&peer, "/task", "", "");
    hears_number(&peer, 201, "2", false);
    peer_close(&peer);
}

static void who_is_not_admitted_is_not_handled(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    post(&peer, "/members", "", "");
    struct peer_answer answer = peer_hear(&peer);
    assert_int_equal(answer.status, 401);
    assert_string_equal(answer_header(&answer, "WWW-Authenticate"), "Bearer");
    answer_done(&answer);
    post(&peer, "/members", "Authorization: Bearer x\r\n", "");
    hears_number(&peer, 201, "1", false);
    peer_close(&peer);
}

static void the_tier_hears_of_every_answer(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    post(&peer, "/task", "", "");
    hears_number(&peer, 201, "1", false);
    post(&peer, "/nothing", "", "");
    peer_hears_problem(&peer, 404, "not_found");
    AWAIT(app.completed == 2);
    AWAIT(app.settled == 1); /* the 404 had no worker */
    peer_close(&peer);
}

static void a_full_queue_is_503_and_says_when_to_come_again(void **state)
{
    (void)state;
    struct peer peers[5];
    for (size_t i = 0; i < 4; i++) { /* two run, two wait */
        peers[i] = connect_peer();
        post(&peers[i], "/gate", "", "");
        if (i < 2) {
            gate_await(&gate, (int)i + 1);
        }
    }
    struct es_http_counts counts = {0};
    AWAIT((es_http_server_counts(server, &counts), counts.queue_depth == 2));
    peers[4] = connect_peer();
    post(&peers[4], "/gate", "", "");
    struct peer_answer answer = peer_hear(&peers[4]);
    assert_int_equal(answer.status, 503);
    assert_string_equal(answer_header(&answer, "Retry-After"), "2");
    assert_non_null(strstr(es_buf_str(&answer.body), "\"error\":\"overloaded\""));
    answer_done(&answer);
    es_http_server_counts(server, &counts);
    assert_int_equal(counts.queue_refusals, 1);
    gate_open(&gate);
    for (size_t i = 0; i < 4; i++) {
        peer_hears_status(&peers[i], 200);
        peer_close(&peers[i]);
    }
    peer_close(&peers[4]);
    assert_int_equal(app.handled, 4);
}

/* One thread, held at the gate: what waits behind it too long is not run any more. */
static void a_request_that_waited_too_long_is_503_and_not_run(void **state)
{
    (void)state;
    const int64_t limit_ms = 3000; /* the first is at the gate by then, on a busy machine too */
    struct es_http_server *slow =
        start_with((struct es_http_config){.queue_limit = 2, .request_timeout_ms = limit_ms});
    struct peer first = peer_connect(es_http_server_address(slow));
    post(&first, "/gate", "", "");
    gate_await(&gate, 1);
    struct peer second = peer_connect(es_http_server_address(slow));
    post(&second, "/gate", "", "");
    struct es_http_counts counts = {0};
    AWAIT((es_http_server_counts(slow, &counts), counts.queue_depth == 1));
    int64_t queued_us = es_clock_mono_us();
    AWAIT(es_clock_mono_us() - queued_us > limit_ms * ES_US_PER_MS);
    gate_open(&gate);
    peer_hears_status(&first, 200);
    peer_hears_problem(&second, 503, "overloaded");
    assert_int_equal(app.handled, 1);
    peer_close(&first);
    peer_close(&second);
    assert_true(es_http_server_stop(slow));
}

static void a_worker_that_cannot_be_made_ends_the_start(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    struct es_http_config config = {.listen = "127.0.0.1:0", .executor_threads = 3};
    app.refuse_workers = true;
    assert_null(es_http_server_start(&config, routes, ES_ARRAY_LEN(routes), &hooks, &app, &error));
    app.refuse_workers = false;
    assert_non_null(strstr(es_buf_str(&error), "worker"));
}

static void it_is_alive_until_a_handler_hangs(void **state)
{
    (void)state;
    assert_true(es_http_server_alive(server, 50));
    struct peer peer = connect_peer();
    post(&peer, "/gate", "", "");
    gate_await(&gate, 1);
    AWAIT(!es_http_server_alive(server, 50));
    assert_true(es_http_server_alive(server, 60000));
    gate_open(&gate);
    peer_hears_status(&peer, 200);
    AWAIT(es_http_server_alive(server, 50));
    peer_close(&peer);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, start, stop_and_count)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(a_handler_runs_with_its_threads_own_worker),
        SERVED(who_is_not_admitted_is_not_handled),
        SERVED(the_tier_hears_of_every_answer),
        SERVED(a_full_queue_is_503_and_says_when_to_come_again),
        SERVED(a_request_that_waited_too_long_is_503_and_not_run),
        SERVED(a_worker_that_cannot_be_made_ends_the_start),
        SERVED(it_is_alive_until_a_handler_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
