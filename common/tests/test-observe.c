/* Unit tests of common/observe: metrics, health, and the endpoint that serves them. */
#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/observe/endpoint.h"
#include "common/observe/health.h"
#include "common/observe/metrics.h"
#include "common/tests/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS     8
#define ROUNDS      20000
#define PATIENCE_S  20
#define PROBED_LONG (2 * ES_US_PER_S)

/* --- metrics --------------------------------------------------------------------------------- */

enum { SIGNALS_OK, SIGNALS_REFUSED, QUEUE, LATENCY, LATENCY_SLOW, COUNT };

static const double bounds[] = {0.001, 0.1, 1, 2.5e9};

static const struct es_metric table[COUNT] = {
    [SIGNALS_OK] = {"signals_total", ES_METRIC_COUNTER, "Signals by result.", "result=\"ok\"", NULL,
                    0},
    [SIGNALS_REFUSED] = {"signals_total", ES_METRIC_COUNTER, "Signals by result.",
                         "result=\"refused\"", NULL, 0},
    [QUEUE] = {"queue_depth", ES_METRIC_GAUGE, "Waiting\\now,\nin requests.", NULL, NULL, 0},
    [LATENCY] = {"latency_seconds", ES_METRIC_HISTOGRAM, "Time.", NULL, bounds, 4},
    [LATENCY_SLOW] = {"slow_seconds", ES_METRIC_HISTOGRAM, "Time.", "tier=\"1\"", bounds, 1},
};

static void expect_in(const struct es_buf *text, const char *part)
{
    if (strstr(es_buf_str(text), part) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", part, es_buf_str(text));
    }
}

static void the_text_has_help_and_type_once_and_cumulative_buckets(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    struct es_metrics *metrics = es_metrics_new(table, COUNT);
    es_metric_add(metrics, SIGNALS_OK, 3);
    es_metric_add(metrics, SIGNALS_OK, 4);
    es_metric_set(metrics, QUEUE, -5);
    static const double observed[] = {0.0005, 0.001, 0.0011, 0.5, 7e9};
    for (size_t i = 0; i < ES_ARRAY_LEN(observed); i++) {
        es_metric_observe(metrics, LATENCY, observed[i]);
    }
    es_metrics_render(metrics, &text);
    static const char expected[] = "# HELP eldersafe_signals_total Signals by result.\n"
                                   "# TYPE eldersafe_signals_total counter\n"
                                   "eldersafe_signals_total{result=\"ok\"} 7\n"
                                   "eldersafe_signals_total{result=\"refused\"} 0\n"
                                   "# HELP eldersafe_queue_depth Waiting\\\\now,\\nin requests.\n"
                                   "# TYPE eldersafe_queue_depth gauge\n"
                                   "eldersafe_queue_depth -5\n"
                                   "# HELP eldersafe_latency_seconds Time.\n"
                                   "# TYPE eldersafe_latency_seconds histogram\n"
                                   "eldersafe_latency_seconds_bucket{le=\"0.001\"} 2\n"
                                   "eldersafe_latency_seconds_bucket{le=\"0.1\"} 3\n"
                                   "eldersafe_latency_seconds_bucket{le=\"1\"} 4\n"
                                   "eldersafe_latency_seconds_bucket{le=\"2.5e+09\"} 4\n"
                                   "eldersafe_latency_seconds_bucket{le=\"+Inf\"} 5\n"
                                   "eldersafe_latency_seconds_sum 7000000000.5026\n"
                                   "eldersafe_latency_seconds_count 5\n"
                                   "# HELP eldersafe_slow_seconds Time.\n"
                                   "# TYPE eldersafe_slow_seconds histogram\n"
                                   "eldersafe_slow_seconds_bucket{tier=\"1\",le=\"0.001\"} 0\n"
                                   "eldersafe_slow_seconds_bucket{tier=\"1\",le=\"+Inf\"} 0\n"
                                   "eldersafe_slow_seconds_sum{tier=\"1\"} 0\n"
                                   "eldersafe_slow_seconds_count{tier=\"1\"} 0\n";
    assert_true(es_starts_with(es_buf_str(&text), expected));
    assert_int_equal(es_metric_value(metrics, SIGNALS_OK), 7);
    assert_int_equal(es_metric_value(metrics, LATENCY), 5);
    (void)es_metrics_free(metrics);
}

static void every_process_tells_memory_files_and_bugs(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    struct es_metrics *metrics = es_metrics_new(table, COUNT);
    es_metrics_render(metrics, &text);
    static const char *const names[] = {
        "process_resident_memory_bytes", "process_open_fds",           "process_max_fds",
        "process_cpu_seconds_total",     "process_start_time_seconds", "eldersafe_log_broken_total",
        "eldersafe_log_lost_total",
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(names); i++) {
        ES_CLEANUP(es_buf_done) struct es_buf line = ES_BUF_INIT;
        es_buf_printf(&line, "\n%s ", names[i]);
        expect_in(&text, es_buf_str(&line));
    }
    expect_in(&text, "\neldersafe_build_info{version=\"");
    double resident = strtod(strstr(es_buf_str(&text), "\nprocess_resident_memory_bytes ") +
                                 strlen("\nprocess_resident_memory_bytes "),
                             NULL);
    assert_true(resident > 1e5 && resident < 1e12);
    assert_int_equal(text.data[text.length - 1], '\n');
    (void)es_metrics_free(metrics);
}

static void what_is_no_number_is_not_observed(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    struct es_metrics *metrics = es_metrics_new(table, COUNT);
    es_metric_observe(metrics, LATENCY, (double)NAN);
    assert_int_equal(es_metric_value(metrics, LATENCY), 0);
    es_metric_observe(metrics, LATENCY, (double)INFINITY);
    es_metrics_render(metrics, &text);
    expect_in(&text, "latency_seconds_sum +Inf\n");
    expect_in(&text, "latency_seconds_bucket{le=\"+Inf\"} 1\n");
    (void)es_metrics_free(metrics);
}

static void use_wrong_index(struct es_metrics *metrics)
{
    es_metric_add(metrics, COUNT, 1);
}

static void use_wrong_type(struct es_metrics *metrics)
{
    es_metric_observe(metrics, QUEUE, 1);
}

static void a_mistake_in_the_callers_table_ends_the_process(void **state)
{
    (void)state;
    static void (*const mistakes[])(struct es_metrics *) = {use_wrong_index, use_wrong_type};
    for (size_t i = 0; i < ES_ARRAY_LEN(mistakes); i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            (void)signal(SIGABRT, SIG_DFL);
            mistakes[i](es_metrics_new(table, COUNT));
            _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

static void *count_much(void *context)
{
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    for (int i = 0; i < ROUNDS; i++) {
        es_metric_add(context, SIGNALS_OK, 1);
        es_metric_observe(context, LATENCY, 0.5);
        if (i % (ROUNDS / 4) == 0) {
            es_metrics_render(context, &text);
        }
    }
    return NULL;
}

static void nothing_is_lost_when_many_threads_count(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    pthread_t threads[THREADS];
    struct es_metrics *metrics = es_metrics_new(table, COUNT);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_much, metrics), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    es_metrics_render(metrics, &text);
    expect_in(&text, "eldersafe_signals_total{result=\"ok\"} 160000\n");
    expect_in(&text, "eldersafe_latency_seconds_bucket{le=\"0.1\"} 0\n");
    expect_in(&text, "eldersafe_latency_seconds_bucket{le=\"1\"} 160000\n");
    expect_in(&text, "eldersafe_latency_seconds_sum 80000\n");
    expect_in(&text, "eldersafe_latency_seconds_count 160000\n");
    (void)es_metrics_free(metrics);
}

/* --- health ---------------------------------------------------------------------------------- */

/* Something a probe looks at. */
struct dependency {
    atomic_bool up;
    atomic_int probes;
    sem_t *entered; /* when set: posted by a probe that then waits for LEAVE */
    sem_t *leave;
};

static bool probe(void *context)
{
    struct dependency *dependency = context;
    atomic_fetch_add(&dependency->probes, 1);
    if (dependency->entered != NULL) {
        (void)sem_post(dependency->entered);
        (void)sem_wait(dependency->leave);
    }
    return atomic_load(&dependency->up);
}

struct clinic {
    struct dependency postgresql;
    struct dependency redis;
    struct es_health_check checks[2];
    struct es_health *health;
};

static int open_clinic(void **state)
{
    struct clinic *clinic = ES_NEW(struct clinic);
    atomic_store(&clinic->postgresql.up, true);
    atomic_store(&clinic->redis.up, true);
    clinic->checks[0] = (struct es_health_check){"postgresql", true, probe, &clinic->postgresql};
    clinic->checks[1] = (struct es_health_check){"redis", false, probe, &clinic->redis};
    clinic->health = es_health_new(clinic->checks, 2);
    *state = clinic;
    return 0;
}

static int close_clinic(void **state)
{
    struct clinic *clinic = *state;
    (void)es_health_free(clinic->health);
    free(clinic);
    return 0;
}

static void expect_health(struct clinic *clinic, const char *beginning)
{
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    es_health_render(clinic->health, &text);
    if (!es_starts_with(es_buf_str(&text), beginning)) {
        fail_msg("%s is not %s", es_buf_str(&text), beginning);
    }
}

static void E52_before_the_first_run_a_process_is_not_ready(void **state)
{
    expect_health(*state, "{\"status\":\"down\",\"checks\":{\"postgresql\":\"down\",\"redis\":"
                          "\"down\"},\"stopping\":false}");
}

static void E52_health_names_what_is_up(void **state)
{
    struct clinic *clinic = *state;
    assert_true(es_health_ready(clinic->health));
    expect_health(clinic, "{\"status\":\"ok\",\"checks\":{\"postgresql\":\"up\",\"redis\":\"up\"},"
                          "\"stopping\":false,\"checked_at\":\"20");
}

static void FE26_without_redis_a_process_is_degraded_but_ready(void **state)
{
    struct clinic *clinic = *state;
    atomic_store(&clinic->redis.up, false);
    assert_true(es_health_ready(clinic->health));
    expect_health(clinic,
                  "{\"status\":\"degraded\",\"checks\":{\"postgresql\":\"up\",\"redis\":\"down\"}");
}

static void without_postgresql_a_process_is_not_ready(void **state)
{
    struct clinic *clinic = *state;
    atomic_store(&clinic->postgresql.up, false);
    assert_false(es_health_ready(clinic->health));
    expect_health(clinic,
                  "{\"status\":\"down\",\"checks\":{\"postgresql\":\"down\",\"redis\":\"up\"}");
}

static void a_process_that_stops_is_not_ready(void **state)
{
    struct clinic *clinic = *state;
    assert_true(es_health_ready(clinic->health));
    es_health_set_stopping(clinic->health);
    assert_false(es_health_ready(clinic->health));
    expect_health(clinic,
                  "{\"status\":\"down\",\"checks\":{\"postgresql\":\"up\",\"redis\":\"up\"},"
                  "\"stopping\":true");
}

static void E53_ten_thousand_questions_a_second_make_one_probe(void **state)
{
    struct clinic *clinic = *state;
    int64_t start_us = es_clock_mono_us();
    for (int i = 0; i < 10000; i++) {
        assert_true(es_health_ready(clinic->health));
    }
    int64_t seconds = (es_clock_mono_us() - start_us) / ES_US_PER_S;
    assert_true(atomic_load(&clinic->postgresql.probes) <= 1 + seconds);
    /* And after a second, one more: the answer does not stay old. */
    atomic_store(&clinic->postgresql.up, false);
    int64_t deadline_us = es_clock_mono_us() + PROBED_LONG;
    while (es_health_ready(clinic->health) && es_clock_mono_us() < deadline_us) {
        (void)sched_yield();
    }
    assert_false(es_health_ready(clinic->health));
}

static void *ask_once(void *context)
{
    return es_health_ready(context) ? context : NULL;
}

static void nobody_waits_for_a_probe_that_somebody_else_runs(void **state)
{
    struct clinic *clinic = *state;
    sem_t entered;
    sem_t leave;
    pthread_t prober;
    void *was_ready = NULL;
    assert_int_equal(sem_init(&entered, 0, 0), 0);
    assert_int_equal(sem_init(&leave, 0, 0), 0);
    clinic->postgresql.entered = &entered;
    clinic->postgresql.leave = &leave;
    assert_int_equal(pthread_create(&prober, NULL, ask_once, clinic->health), 0);
    assert_int_equal(sem_wait(&entered), 0);
    /* Should its result be old already when the next one asks, that probe waits for nobody. */
    clinic->postgresql.entered = NULL;
    (void)alarm(PATIENCE_S);                       /* who waits here waits for ever */
    assert_false(es_health_ready(clinic->health)); /* answers at once, from before the first run */
    (void)alarm(0);
    int64_t start_us = es_clock_mono_us();
    assert_int_equal(sem_post(&leave), 0);
    assert_int_equal(pthread_join(prober, &was_ready), 0);
    assert_non_null(was_ready);
    assert_true(es_health_ready(clinic->health));
    int64_t seconds = (es_clock_mono_us() - start_us) / ES_US_PER_S;
    assert_in_range(atomic_load(&clinic->postgresql.probes), 1, 1 + seconds);
    (void)sem_destroy(&entered);
    (void)sem_destroy(&leave);
}

/* --- the endpoint ---------------------------------------------------------------------------- */

struct site {
    struct clinic *clinic;
    struct es_metrics *metrics;
    struct es_endpoint *endpoint;
    atomic_bool alive;
    atomic_int refreshes;
};

static bool is_alive(void *context)
{
    return atomic_load(&((struct site *)context)->alive);
}

static void refresh(void *context)
{
    struct site *site = context;
    es_metric_set(site->metrics, QUEUE, 100 + atomic_fetch_add(&site->refreshes, 1));
}

static int open_site(void **state)
{
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    struct site *site = ES_NEW(struct site);
    void *clinic = NULL;
    (void)open_clinic(&clinic);
    site->clinic = clinic;
    site->metrics = es_metrics_new(table, COUNT);
    atomic_store(&site->alive, true);
    const struct es_endpoint_config config = {
        .listen = "127.0.0.1:0",
        .metrics = site->metrics,
        .health = site->clinic->health,
        .refresh = refresh,
        .alive = is_alive,
        .context = site,
    };
    site->endpoint = es_endpoint_start(&config, &error);
    *state = site;
    return site->endpoint != NULL ? 0 : -1;
}

static int close_site(void **state)
{
    struct site *site = *state;
    void *clinic = site->clinic;
    (void)es_endpoint_stop(site->endpoint);
    (void)es_metrics_free(site->metrics);
    (void)close_clinic(&clinic);
    free(site);
    return 0;
}

/* Send REQUEST, and read until the server closes the connection. */
static struct es_buf exchange(const struct site *site, const char *request)
{
    struct es_buf answer = ES_BUF_INIT;
    struct timeval patience = {.tv_sec = PATIENCE_S};
    uint64_t port = 0;
    assert_true(es_starts_with(es_endpoint_address(site->endpoint), "127.0.0.1:"));
    assert_true(es_parse_u64(strrchr(es_endpoint_address(site->endpoint), ':') + 1, &port));
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ES_CLEANUP(es_close_p) int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    char bytes[4096];
    ssize_t got = 0;
    while ((got = recv(fd, bytes, sizeof(bytes), 0)) > 0 || (got < 0 && errno == EINTR)) {
        es_buf_add(&answer, bytes, got > 0 ? (size_t)got : 0);
    }
    assert_int_equal(got, 0);
    return answer;
}

static struct es_buf ask(const struct site *site, const char *method, const char *path)
{
    ES_CLEANUP(es_buf_done) struct es_buf request = ES_BUF_INIT;
    es_buf_printf(&request, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                  method, path);
    return exchange(site, es_buf_str(&request));
}

static void expect_answer(const struct site *site, const char *path, const char *status,
                          const char *type, const char *body)
{
    ES_CLEANUP(es_buf_done) struct es_buf answer = ask(site, "GET", path);
    ES_CLEANUP(es_buf_done) struct es_buf line = ES_BUF_INIT;
    es_buf_printf(&line, "HTTP/1.1 %s", status);
    assert_true(es_starts_with(es_buf_str(&answer), es_buf_str(&line)));
    es_buf_clear(&line);
    es_buf_printf(&line, "\r\nContent-Type: %s\r\n", type);
    expect_in(&answer, es_buf_str(&line));
    es_buf_clear(&line);
    es_buf_printf(&line, "\r\n\r\n%s", body);
    expect_in(&answer, es_buf_str(&line));
    expect_in(&answer, "\r\nX-Content-Type-Options: nosniff\r\n");
    expect_in(&answer, "\r\nX-Frame-Options: DENY\r\n");
    expect_in(&answer, "\r\nContent-Security-Policy: default-src 'none'");
    expect_in(&answer, "\r\nReferrer-Policy: no-referrer\r\n");
    expect_in(&answer, "\r\nCache-Control: no-store\r\n");
    expect_in(&answer, "\r\nX-Request-Id: ");
    assert_null(strcasestr(es_buf_str(&answer), "\r\nServer:"));
}

#define JSON    "application/json"
#define PROBLEM "application/problem+json"

static void metrics_are_served_fresh_with_the_type_that_scrapers_need(void **state)
{
    struct site *site = *state;
    expect_answer(site, "/metrics", "200 OK", "text/plain; version=0.0.4; charset=utf-8",
                  "# HELP eldersafe_signals_total");
    ES_CLEANUP(es_buf_done) struct es_buf second = ask(site, "GET", "/metrics");
    expect_in(&second, "\neldersafe_queue_depth 101\n");
}

static void E52_health_pages_answer_by_status(void **state)
{
    struct site *site = *state;
    expect_answer(site, "/health", "200 OK", JSON, "{\"status\":\"ok\",\"checks\":{");
    expect_answer(site, "/health/ready", "200 OK", JSON, "{\"status\":\"ok\"}");
    expect_answer(site, "/health/live", "200 OK", JSON, "{\"status\":\"ok\"}");
    es_health_set_stopping(site->clinic->health);
    atomic_store(&site->alive, false);
    expect_answer(site, "/health", "503 Service Unavailable", JSON, "{\"status\":\"down\"");
    expect_answer(site, "/health/ready", "503 Service Unavailable", JSON, "{\"status\":\"down\"}");
    expect_answer(site, "/health/live", "503 Service Unavailable", JSON, "{\"status\":\"down\"}");
}

static void other_paths_and_methods_get_404_and_405(void **state)
{
    struct site *site = *state;
    static const char *const paths[] = {"/", "/metrics/", "/health/other", "/Metrics", "/metricsx"};
    for (size_t i = 0; i < ES_ARRAY_LEN(paths); i++) {
        expect_answer(
            site, paths[i], "404 Not Found", PROBLEM,
            "{\"type\":\"about:blank\",\"title\":\"There is nothing here\",\"status\":404,"
            "\"error\":\"not_found\",\"timestamp\":\"");
    }
    static const char *const methods[] = {"POST", "DELETE", "OPTIONS", "PUT"};
    for (size_t i = 0; i < ES_ARRAY_LEN(methods); i++) {
        ES_CLEANUP(es_buf_done) struct es_buf answer = ask(site, methods[i], "/metrics");
        assert_true(es_starts_with(es_buf_str(&answer), "HTTP/1.1 405 "));
        expect_in(&answer, "\r\nAllow: GET, HEAD\r\n");
        expect_in(&answer, "\"error\":\"method_not_allowed\"");
        expect_in(&answer, "\"request_id\":\"");
    }
}

static void head_is_get_without_the_body(void **state)
{
    ES_CLEANUP(es_buf_done) struct es_buf answer = ask(*state, "HEAD", "/metrics");
    assert_true(es_starts_with(es_buf_str(&answer), "HTTP/1.1 200 OK\r\n"));
    expect_in(&answer, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
    assert_string_equal(strstr(es_buf_str(&answer), "\r\n\r\n"), "\r\n\r\n");
}

static void a_request_with_a_body_is_answered_and_its_connection_closed(void **state)
{
    /* No "Connection: close" here: exchange() only ends because the server closes. */
    ES_CLEANUP(es_buf_done)
    struct es_buf answer = exchange(*state, "POST /metrics HTTP/1.1\r\nHost: x\r\n"
                                            "Content-Length: 1000000\r\n\r\nGET /metrics HTTP/1.1");
    assert_true(es_starts_with(es_buf_str(&answer), "HTTP/1.1 405 "));
    assert_null(strstr(es_buf_str(&answer) + 1, "HTTP/1.1 "));
}

static void one_connection_can_ask_twice(void **state)
{
    ES_CLEANUP(es_buf_done)
    struct es_buf answer =
        exchange(*state, "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
                         "GET /health/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const char *second = strstr(es_buf_str(&answer) + 1, "HTTP/1.1 200 OK");
    assert_non_null(second);
}

static void the_endpoint_listens_on_loopback_only_and_says_why_not(void **state)
{
    struct site *site = *state;
    static const char *const refused[] = {
        "0.0.0.0:0",     "[::]:0", "192.0.2.1:0", "localhost:0",   "127.0.0.1", "127.0.0.1:65536",
        "unix:/tmp/x:0", "::1:0",  "[::1:0",      "[127.0.0.1]:0", ":0",        ""};
    struct es_endpoint_config config = {.metrics = site->metrics, .health = site->clinic->health};
    for (size_t i = 0; i < ES_ARRAY_LEN(refused); i++) {
        ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
        config.listen = refused[i];
        assert_null(es_endpoint_start(&config, &error));
        expect_in(&error, "loopback");
    }
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    config.listen = es_endpoint_address(site->endpoint); /* taken */
    assert_null(es_endpoint_start(&config, &error));
    expect_in(&error, "Address already in use");
    config.listen = "127.1.2.3:0"; /* all of 127.0.0.0/8 is loopback */
    struct es_endpoint *other = es_endpoint_start(&config, &error);
    assert_non_null(other);
    assert_true(es_starts_with(es_endpoint_address(other), "127.1.2.3:"));
    assert_null(es_endpoint_stop(other));
    assert_null(es_endpoint_stop(NULL));
}

#define IN_CLINIC(test) cmocka_unit_test_setup_teardown(test, open_clinic, close_clinic)
#define ON_SITE(test)   cmocka_unit_test_setup_teardown(test, open_site, close_site)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_has_help_and_type_once_and_cumulative_buckets),
        cmocka_unit_test(every_process_tells_memory_files_and_bugs),
        cmocka_unit_test(what_is_no_number_is_not_observed),
        cmocka_unit_test(a_mistake_in_the_callers_table_ends_the_process),
        cmocka_unit_test(nothing_is_lost_when_many_threads_count),
        IN_CLINIC(E52_before_the_first_run_a_process_is_not_ready),
        IN_CLINIC(E52_health_names_what_is_up),
        IN_CLINIC(FE26_without_redis_a_process_is_degraded_but_ready),
        IN_CLINIC(without_postgresql_a_process_is_not_ready),
        IN_CLINIC(a_process_that_stops_is_not_ready),
        IN_CLINIC(E53_ten_thousand_questions_a_second_make_one_probe),
        IN_CLINIC(nobody_waits_for_a_probe_that_somebody_else_runs),
        ON_SITE(metrics_are_served_fresh_with_the_type_that_scrapers_need),
        ON_SITE(E52_health_pages_answer_by_status),
        ON_SITE(other_paths_and_methods_get_404_and_405),
        ON_SITE(head_is_get_without_the_body),
        ON_SITE(a_request_with_a_body_is_answered_and_its_connection_closed),
        ON_SITE(one_connection_can_ask_twice),
        ON_SITE(the_endpoint_listens_on_loopback_only_and_says_why_not),
    };
    return cmocka_run_group_tests_name("observe", tests, NULL, NULL);
}
