/* Idempotency-Key: the same write sent again gets the first answer, whatever happens in between. */
#include "common/base/random.h"
#include "common/http/problem.h"
#include "common/http/server.h"
#include "common/tests/http-served.h"

#include <pthread.h>
#include <stdatomic.h>

/* --- the tier ---------------------------------------------------------------------------- */

#define MOST_KEYS 16

/* What an idempotent write left behind. */
struct kept {
    char key[64];
    unsigned char mark[32];
    bool done;
    unsigned status;
    char body[64];
};

struct app {
    atomic_int handled;
    pthread_mutex_t lock;
    struct kept kept[MOST_KEYS];
    size_t kept_count;
    bool store_down;
};

static struct app app = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct kept *find_kept(struct app *tier, const char *key)
{
    for (size_t i = 0; i < tier->kept_count; i++) {
        if (strcmp(tier->kept[i].key, key) == 0) {
            return &tier->kept[i];
        }
    }
    return NULL;
}

static enum es_idempotency_state look_up(struct es_request *request, struct app *tier,
                                         const char *key, const unsigned char mark[32])
{
    struct kept *kept = find_kept(tier, key);
    if (kept == NULL) {
        assert_true(tier->kept_count < MOST_KEYS);
        kept = &tier->kept[tier->kept_count++];
        *kept = (struct kept){0};
        assert_true(es_copy_str(kept->key, sizeof(kept->key), key));
        memcpy(kept->mark, mark, sizeof(kept->mark));
        return ES_IDEMPOTENCY_NEW;
    }
    if (memcmp(kept->mark, mark, sizeof(kept->mark)) != 0) {
        return ES_IDEMPOTENCY_MISMATCH;
    }
    if (kept->done && kept->body[0] == '\0') {
        return ES_IDEMPOTENCY_SPENT;
    }
    if (!kept->done) {
        return ES_IDEMPOTENCY_RUNNING;
    }
    struct es_buf body = ES_BUF_INIT; /* moved into the request */
    es_buf_add_str(&body, kept->body);
    es_respond(request, kept->status, "text/plain", &body);
    return ES_IDEMPOTENCY_REPLAY;
}

static enum es_idempotency_state begin(struct es_request *request, const char *key,
                                       const unsigned char mark[32], void *app_, void *worker)
{
    struct app *tier = app_;
    (void)worker;
    if (tier->store_down) {
        return ES_IDEMPOTENCY_UNAVAILABLE;
    }
    pthread_mutex_lock(&tier->lock);
    enum es_idempotency_state state = look_up(request, tier, key, mark);
    pthread_mutex_unlock(&tier->lock);
    return state;
}

static void finish(struct es_request *request, const char *key, bool completed, void *app_,
                   void *worker)
{
    struct app *tier = app_;
    (void)worker;
    pthread_mutex_lock(&tier->lock);
    struct kept *kept = find_kept(tier, key);
    if (completed) {
        kept->done = true;
        kept->status = es_response_status(request);
        assert_true(
            es_copy_str(kept->body, sizeof(kept->body), es_buf_str(es_response_body(request))));
    } else {
        *kept = tier->kept[--tier->kept_count];
    }
    pthread_mutex_unlock(&tier->lock);
}

static const struct es_http_hooks hooks = {
    .idempotency_begin = begin,
    .idempotency_finish = finish,
};

static void work(struct es_request *request, void *app_, void *worker)
{
    (void)worker;
    answer_number(request, 201, ++((struct app *)app_)->handled);
}

/* Zero without a key. */
static void work_fast(struct es_request *request, void *app_, void *worker)
{
    const char *key = NULL;
    unsigned char mark[32];
    if (!es_request_idempotency_key(request, &key, mark)) {
        return;
    }
    if (key == NULL) {
        answer_number(request, 200, 0);
        return;
    }
    enum es_idempotency_state state = begin(request, key, mark, app_, worker);
    if (state == ES_IDEMPOTENCY_NEW) {
        work(request, app_, worker);
        finish(request, key, true, app_, worker);
    }
    es_respond_idempotency(request, state);
}

static void fail_first(struct es_request *request, void *app_, void *worker)
{
    struct app *tier = app_;
    (void)worker;
    if (++tier->handled == 1) {
        es_respond_problem(request, ES_PROBLEM_UNAVAILABLE, NULL);
        return;
    }
    answer_number(request, 200, tier->handled);
}

static void wait_at_gate(struct es_request *request, void *app_, void *worker)
{
    (void)worker;
    gate_pass(&gate);
    answer_number(request, 200, ++((struct app *)app_)->handled);
}

static const struct es_route routes[] = {
    {.method = "POST", .path = "/task", .handle = work, .flags = ES_ROUTE_IDEMPOTENCY_KEY},
    {.method = "POST", .path = "/shaky", .handle = fail_first, .flags = ES_ROUTE_IDEMPOTENCY_KEY},
    {.method = "POST", .path = "/gate", .handle = wait_at_gate, .flags = ES_ROUTE_IDEMPOTENCY_KEY},
    {.method = "POST", .path = "/other", .handle = work, .flags = ES_ROUTE_IDEMPOTENCY_KEY},
    {.method = "POST", .path = "/fast", .fast = work_fast, .flags = ES_ROUTE_IDEMPOTENCY_KEY},
    {.method = "POST", .path = "/secret", .handle = work, .flags = ES_ROUTE_IDEMPOTENCY_KEY},
    {.method = "POST", .path = "/plain", .handle = work},
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
    app.kept_count = 0;
    app.store_down = false;
    gate_shut(&gate);
    server = start_with((struct es_http_config){.executor_threads = 2});
    return 0;
}

/* --- idempotency keys -------------------------------------------------------------------- */

static void the_same_key_and_request_get_the_first_answer_again(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    post(&peer, "/task", "Idempotency-Key: \"k-1\"\r\n", "{}");
    hears_number(&peer, 201, "1", false);
    post(&peer, "/task", "Idempotency-Key: \"k-1\"\r\n", "{}");
    hears_number(&peer, 201, "1", true);
    post(&peer, "/task", "Idempotency-Key: k-1\r\n", "{}"); /* the same without quotes */
    hears_number(&peer, 201, "1", true);
    assert_int_equal(app.handled, 1);
    peer_close(&peer);
}

static void the_same_key_with_another_request_is_422(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    post(&peer, "/task", "Idempotency-Key: k\r\n", "{}");
    hears_number(&peer, 201, "1", false);
    post(&peer, "/task", "Idempotency-Key: k\r\n", "{ }");
    peer_hears_problem(&peer, 422, "idempotency_key_reused");
    post(&peer, "/other", "Idempotency-Key: k\r\n", "{}");
    peer_hears_problem(&peer, 422, "idempotency_key_reused");
    peer_close(&peer);
}

static void the_same_key_while_it_runs_is_409(void **state)
{
    (void)state;
    struct peer first = connect_peer();
    struct peer second = connect_peer();
    post(&first, "/gate", "Idempotency-Key: k\r\n", "");
    gate_await(&gate, 1);
    post(&second, "/gate", "Idempotency-Key: k\r\n", "");
    peer_hears_problem(&second, 409, "conflict");
    gate_open(&gate);
    hears_number(&first, 200, "1", false);
    post(&second, "/gate", "Idempotency-Key: k\r\n", "");
    hears_number(&second, 200, "1", true);
    peer_close(&first);
    peer_close(&second);
}

static void an_answer_that_may_not_be_kept_is_409_the_second_time(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    post(&peer, "/secret", "Idempotency-Key: k\r\n", "");
    hears_number(&peer, 201, "1", false);
    app.kept[0].body[0] = '\0';
    post(&peer, "/secret", "Idempotency-Key: k\r\n", "");
    peer_hears_problem(&peer, 409, "already_done");
    assert_int_equal(app.handled, 1);
    peer_close(&peer);
}

static void a_key_whose_request_failed_may_be_used_again(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    post(&peer, "/shaky", "Idempotency-Key: k\r\n", "");
    peer_hears_problem(&peer, 503, "unavailable");
    post(&peer, "/shaky", "Idempotency-Key: k\r\n", "");
    hears_number(&peer, 200, "2", false);
    peer_close(&peer);
}

static void a_store_that_is_down_is_503(void **state)
{
    (void)state;
    app.store_down = true;
    struct peer peer = connect_peer();
    post(&peer, "/task", "Idempotency-Key: k\r\n", "");
    peer_hears_problem(&peer, 503, "unavailable");
    assert_int_equal(app.handled, 0);
    peer_close(&peer);
}

static void a_key_that_is_none_is_400(void **state)
{
    (void)state;
    static const char *const keys[] = {"\"\"",      "\"a",  "a\"b",   "a b",
                                       "\"a\";p=1", "a, b", "\"a b\""};
    struct peer peer = connect_peer();
    for (size_t i = 0; i < ES_ARRAY_LEN(keys); i++) {
        char field[64];
        (void)snprintf(field, sizeof(field), "Idempotency-Key: %s\r\n", keys[i]);
        print_message("    %s\n", keys[i]);
        post(&peer, "/task", field, "");
        peer_hears_problem(&peer, 400, "bad_request");
    }
    assert_int_equal(app.handled, 0);
    peer_close(&peer);
}

static void a_fast_route_sees_to_its_key_itself(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    post(&peer, "/fast", "", "");
    hears_number(&peer, 200, "0", false);
    post(&peer, "/fast", "Idempotency-Key: \"k\"\r\n", "");
    hears_number(&peer, 201, "1", false);
    post(&peer, "/fast", "Idempotency-Key: k\r\n", "");
    hears_number(&peer, 201, "1", true);
    post(&peer, "/fast", "Idempotency-Key: k\r\n", "{}");
    peer_hears_problem(&peer, 422, "idempotency_key_reused");
    post(&peer, "/fast", "Idempotency-Key: a b\r\n", "");
    peer_hears_problem(&peer, 400, "bad_request");
    assert_int_equal(app.handled, 1);
    peer_close(&peer);
}

static void a_route_that_knows_no_keys_passes_over_them(void **state)
{
    (void)state;
    struct peer peer = connect_peer();
    post(&peer, "/plain", "Idempotency-Key: k\r\n", "");
    hears_number(&peer, 201, "1", false);
    post(&peer, "/plain", "Idempotency-Key: k\r\n", "");
    hears_number(&peer, 201, "2", false);
    peer_close(&peer);
}

#define SERVED(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(the_same_key_and_request_get_the_first_answer_again),
        SERVED(the_same_key_with_another_request_is_422),
        SERVED(the_same_key_while_it_runs_is_409),
        SERVED(an_answer_that_may_not_be_kept_is_409_the_second_time),
        SERVED(a_key_whose_request_failed_may_be_used_again),
        SERVED(a_store_that_is_down_is_503),
        SERVED(a_key_that_is_none_is_400),
        SERVED(a_fast_route_sees_to_its_key_itself),
        SERVED(a_route_that_knows_no_keys_passes_over_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
