/* Requests that are answered by somebody else's thread, and how the server stops. */
#include "common/base/random.h"
#include "common/http/problem.h"
#include "common/http/server.h"
#include "common/tests/http-served.h"

#include <pthread.h>
#include <stdatomic.h>

struct app {
    atomic_int handled;
};

static struct app app;

static void wait_at_gate(struct es_request *request, void *app_, void *worker)
{
    (void)worker;
    gate_pass(&gate);
    answer_number(request, 200, ++((struct app *)app_)->handled);
}

/* --- a lane: answers suspended requests in the order and at the time the test says ------- */

#define MOST_PARKED 256

static struct {
    pthread_mutex_t lock;
    struct es_request *requests[MOST_PARKED];
    size_t count;
} parked = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void park(struct es_request *request, void *app_, void *worker)
{
    (void)app_;
    (void)worker;
    es_request_suspend(request);
    pthread_mutex_lock(&parked.lock);
    assert_true(parked.count < MOST_PARKED);
    parked.requests[parked.count++] = request;
    pthread_mutex_unlock(&parked.lock);
}

/* Suspends, then finds that nobody takes it: answers and resumes on the event thread itself. */
static void park_and_change_its_mind(struct es_request *request, void *app_, void *worker)
{
    (void)app_;
    (void)worker;
    es_request_suspend(request);
    es_respond_problem(request, ES_PROBLEM_OVERLOADED, NULL);
    es_request_resume(request);
}

/* Leaves without a word: not even an end of the connection that could be read. */
static void reset(struct peer *peer)
{
    struct linger at_once = {.l_onoff = 1};
    assert_int_equal(setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    peer_close(peer);
}

static size_t parked_count(void)
{
    pthread_mutex_lock(&parked.lock);
    size_t count = parked.count;
    pthread_mutex_unlock(&parked.lock);
    return count;
}

static void *answer_parked(void *context)
{
    (void)context;
    pthread_mutex_lock(&parked.lock);
    for (size_t i = parked.count; i > 0; i--) {
        answer_number(parked.requests[i - 1], 200, (int)i);
        es_request_resume(parked.requests[i - 1]);
    }
    parked.count = 0;
    pthread_mutex_unlock(&parked.lock);
    return NULL;
}

static void answer_all_parked(void)
{
    pthread_t lane;
    assert_int_equal(pthread_create(&lane, NULL, answer_parked, NULL), 0);
    assert_int_equal(pthread_join(lane, NULL), 0);
}

/* --- a lane whose time is dear: it hands requests back for the event thread to answer ------- */

static pthread_t dear_lane;
static atomic_int answered_in_place;

static void answer_in_its_place(struct es_request *request, void *context)
{
    assert_false(pthread_equal(pthread_self(), dear_lane));
    answered_in_place++;
    answer_number(request, 200, *(int *)context);
}

static void *hand_parked_back(void *numbers_)
{
    int *numbers = numbers_;
    pthread_mutex_lock(&parked.lock);
    dear_lane = pthread_self();
    for (size_t i = 0; i < parked.count; i++) {
        numbers[i] = (int)i;
        es_request_resume_to(parked.requests[i], answer_in_its_place, &numbers[i]);
    }
    parked.count = 0;
    pthread_mutex_unlock(&parked.lock);
    return NULL;
}

static void hold_up_the_loop(struct es_request *request, void *app_, void *worker)
{
    (void)app_;
    (void)worker;
    gate_pass(&gate);
    answer_number(request, 200, 0);
}

static const struct es_route routes[] = {
    {.method = "POST", .path = "/hold-up", .fast = hold_up_the_loop},
    {.method = "POST", .path = "/gate", .handle = wait_at_gate},
    {.method = "POST", .path = "/park", .fast = park},
    {.method = "POST", .path = "/unpark", .fast = park_and_change_its_mind},
    {.method = "POST", .path = "/quick", .fast = answer_zero},
};

static struct es_http_server *start_with(struct es_http_config config)
{
    config.listen = "127.0.0.1:0";
    return start_server(&config, routes, ES_ARRAY_LEN(routes), NULL, &app);
}

static int start(void **state)
{
    (void)state;
    es_random_init();
    app.handled = 0;
    gate_shut(&gate);
    server = start_with((struct es_http_config){.event_threads = 2, .stop_timeout_ms = 5000});
    return 0;
}

/* --- suspended requests ------------------------------------------------------------------ */

/* New peers, each with a request that is away. */
static void connect_and_park(struct peer *peers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        peers[i] = connect_peer();
        post(&peers[i], "/park", "", "");
        AWAIT(parked_count() == i + 1);
    }
}

static void another_thread_answers_suspended_requests(void **state)
{
    (void)state;
    struct peer peers[100];
    for (int round = 0; round < 5; round++) {
        for (size_t i = 0; i < ES_ARRAY_LEN(peers); i++) {
            if (round == 0) {
                peers[i] = connect_peer();
            }
            post(&peers[i], "/park", "", "x");
        }
        AWAIT(parked_count() == ES_ARRAY_LEN(peers));
        answer_all_parked();
        for (size_t i = 0; i < ES_ARRAY_LEN(peers); i++) {
            peer_hears_status(&peers[i], 200);
        }
    }
    for (size_t i = 0; i < ES_ARRAY_LEN(peers); i++) {
        peer_close(&peers[i]);
    }
}

static void the_event_thread_answers_what_is_handed_back_to_it(void **state)
{
    (void)state;
    struct peer peers[3];
    int numbers[ES_ARRAY_LEN(peers)];
    static const char *const bodies[] = {"0", "1", "2"};
    pthread_t lane;
    connect_and_park(peers, ES_ARRAY_LEN(peers));
    assert_int_equal(pthread_create(&lane, NULL, hand_parked_back, numbers), 0);
    for (size_t i = 0; i < ES_ARRAY_LEN(peers); i++) {
        hears_number(&peers[i], 200, bodies[i], false);
        post(&peers[i], "/quick", "", ""); /* answered by its own handler, as ever */
        hears_number(&peers[i], 200, "0", false);
        peer_close(&peers[i]);
    }
    assert_int_equal(pthread_join(lane, NULL), 0);
}

/* For the metrics and the log: the signal is in the database, whoever still listens. */
static void what_is_handed_back_is_answered_even_when_its_peer_has_gone(void **state)
{
    (void)state;
    struct peer peers[3];
    int numbers[ES_ARRAY_LEN(peers)];
    pthread_t lane;
    answered_in_place = 0;
    connect_and_park(peers, ES_ARRAY_LEN(peers));
    for (size_t i = 0; i < ES_ARRAY_LEN(peers); i++) {
        reset(&peers[i]);
    }
    assert_int_equal(pthread_create(&lane, NULL, hand_parked_back, numbers), 0);
    AWAIT(answered_in_place == ES_ARRAY_LEN(peers));
    assert_int_equal(pthread_join(lane, NULL), 0);
}

static void a_request_may_be_resumed_where_it_was_suspended(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    post(&peer, "/unpark", "", "");
    peer_hears_problem(&peer, 503, "overloaded");
    post(&peer, "/quick", "", "");
    hears_number(&peer, 200, "0", false);
    peer_close(&peer);
}

/* libmicrohttpd takes up to 128 events at a time and, when there were as many, asks for more before
 * it looks at those: if it waited then, it would wait for somebody else's event. */
static void as_many_requests_as_the_loop_takes_at_once_are_answered_at_once(void **state)
{
    (void)state;
    static struct peer peers[128];
    struct es_http_server *single = start_with((struct es_http_config){.event_threads = 1});
    struct peer holder = peer_connect(es_http_server_address(single));
    for (size_t i = 0; i < ES_ARRAY_LEN(peers); i++) {
        peers[i] = peer_connect(es_http_server_address(single));
        post(&peers[i], "/quick", "", "");
        hears_number(&peers[i], 200, "0", false);
    }
    post(&holder, "/hold-up", "", "");
    gate_await(&gate, 1);
    for (size_t i = 0; i < ES_ARRAY_LEN(peers); i++) {
        post(&peers[i], "/quick", "", "");
    }
    gate_open(&gate);
    for (size_t i = 0; i < ES_ARRAY_LEN(peers); i++) {
        hears_number(&peers[i], 200, "0", false);
        peer_close(&peers[i]);
    }
    hears_number(&holder, 200, "0", false);
    peer_close(&holder);
    assert_true(es_http_server_stop(single));
}

/* Half of the clients leave while their requests are away; the others are answered all the same. */
static void clients_that_left_do_not_hold_up_the_others(void **state)
{
    (void)state;
    struct peer peers[60];
    for (size_t round = 0; round < 10; round++) {
        for (size_t i = 0; i < ES_ARRAY_LEN(peers); i++) {
            peers[i] = connect_peer();
            post(&peers[i], "/park", "", "");
        }
        AWAIT(parked_count() == ES_ARRAY_LEN(peers));
        for (size_t i = round % 2; i < ES_ARRAY_LEN(peers); i += 2) {
            reset(&peers[i]);
        }
        answer_all_parked();
        for (size_t i = 1 - round % 2; i < ES_ARRAY_LEN(peers); i += 2) {
            peer_hears_status(&peers[i], 200);
            peer_close(&peers[i]);
        }
    }
    assert_true(es_http_server_alive(server, 5000));
}

/* --- stopping ---------------------------------------------------------------------------- */

struct stopping {
    pthread_t thread;
    struct es_http_server *server;
    bool clean;
    atomic_bool over;
};

static void *run_stop(void *context)
{
    struct stopping *stopping = context;
    stopping->clean = es_http_server_stop(stopping->server);
    stopping->over = true;
    return NULL;
}

static bool accepts(const char *address)
{
    struct peer peer = peer_try_connect(address);
    bool accepted = peer.fd >= 0;
    peer_close(&peer);
    return accepted;
}

static void stopping_lets_finish_what_runs(void **state)
{
    (void)state;
    struct stopping stopping = {.server =
                                    start_with((struct es_http_config){.executor_threads = 1})};
    char address[64];
    assert_true(es_copy_str(address, sizeof(address), es_http_server_address(stopping.server)));
    struct peer running = peer_connect(address);
    struct peer queued = peer_connect(address);
    struct peer away = peer_connect(address);
    struct peer idle = peer_connect(address);
    post(&idle, "/quick", "", "");
    hears_number(&idle, 200, "0", false);
    post(&running, "/gate", "", "");
    gate_await(&gate, 1);
    post(&queued, "/gate", "", "");
    post(&away, "/park", "", "");
    AWAIT(parked_count() == 1);
    assert_int_equal(pthread_create(&stopping.thread, NULL, run_stop, &stopping), 0);
    AWAIT(!accepts(address));
    assert_true(peer_ended(&idle));
    gate_open(&gate);
    answer_all_parked();
    struct peer *const peers[] = {&running, &queued, &away};
    for (size_t i = 0; i < ES_ARRAY_LEN(peers); i++) {
        struct peer_answer answer = peer_hear(peers[i]);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer_header(&answer, "Connection"), "close");
        answer_done(&answer);
        assert_true(peer_ended(peers[i]));
        peer_close(peers[i]);
    }
    assert_int_equal(pthread_join(stopping.thread, NULL), 0);
    assert_true(stopping.clean);
    peer_close(&idle);
}

/* Past the limit clients are let go, what waits is not run, and the end comes when the last handler
 * gives its request back. */
static void stopping_cuts_off_what_does_not_finish(void **state)
{
    (void)state;
    struct stopping stopping = {.server = start_with((struct es_http_config){
                                    .executor_threads = 1, .stop_timeout_ms = 100})};
    struct peer running = peer_connect(es_http_server_address(stopping.server));
    struct peer queued = peer_connect(es_http_server_address(stopping.server));
    struct peer away = peer_connect(es_http_server_address(stopping.server));
    post(&running, "/gate", "", "");
    gate_await(&gate, 1);
    post(&queued, "/gate", "", "");
    post(&away, "/park", "", "");
    AWAIT(parked_count() == 1);
    struct es_http_counts counts = {0};
    AWAIT((es_http_server_counts(stopping.server, &counts), counts.queue_depth == 1));
    assert_int_equal(pthread_create(&stopping.thread, NULL, run_stop, &stopping), 0);
    assert_true(peer_ended(&running));
    assert_true(peer_ended(&queued));
    assert_true(peer_ended(&away));
    assert_false(stopping.over);
    answer_all_parked();
    gate_open(&gate);
    assert_int_equal(pthread_join(stopping.thread, NULL), 0);
    assert_false(stopping.clean);
    assert_int_equal(app.handled, 1);
    peer_close(&running);
    peer_close(&queued);
    peer_close(&away);
}

/* Clients that come, ask and go until nobody answers any more. */
struct crowd {
    pthread_t threads[4];
    char address[64];
    atomic_int answered;
};

static void *ask_until_the_end(void *context)
{
    static const char request[] = "POST /quick HTTP/1.1\r\nHost: a\r\n\r\n";
    struct crowd *crowd = context;
    struct peer peer = peer_try_connect(crowd->address);
    while (peer.fd >= 0) {
        bool open = true;
        for (int i = 0; open && i < 10; i++) {
            open =
                send(peer.fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0 && peer_fill(&peer);
            crowd->answered += open;
        }
        peer_close(&peer);
        peer = peer_try_connect(crowd->address);
    }
    return NULL;
}

static void a_server_under_load_stops_cleanly_every_time(void **state)
{
    (void)state;
    for (int round = 0; round < 15; round++) {
        struct crowd crowd = {.answered = 0};
        struct es_http_server *busy = start_with((struct es_http_config){.event_threads = 2});
        assert_true(
            es_copy_str(crowd.address, sizeof(crowd.address), es_http_server_address(busy)));
        for (size_t i = 0; i < ES_ARRAY_LEN(crowd.threads); i++) {
            assert_int_equal(pthread_create(&crowd.threads[i], NULL, ask_until_the_end, &crowd), 0);
        }
        AWAIT(crowd.answered > 200);
        assert_true(es_http_server_stop(busy));
        for (size_t i = 0; i < ES_ARRAY_LEN(crowd.threads); i++) {
            assert_int_equal(pthread_join(crowd.threads[i], NULL), 0);
        }
    }
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(another_thread_answers_suspended_requests),
        SERVED(the_event_thread_answers_what_is_handed_back_to_it),
        SERVED(what_is_handed_back_is_answered_even_when_its_peer_has_gone),
        SERVED(a_request_may_be_resumed_where_it_was_suspended),
        SERVED(as_many_requests_as_the_loop_takes_at_once_are_answered_at_once),
        SERVED(clients_that_left_do_not_hold_up_the_others),
        SERVED(stopping_lets_finish_what_runs),
        SERVED(stopping_cuts_off_what_does_not_finish),
        SERVED(a_server_under_load_stops_cleanly_every_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
