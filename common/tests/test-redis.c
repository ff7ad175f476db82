/* Unit tests of common/redis against a private Redis: commands, pipelines, scripts, outages. */
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/redis/redis.h"
#include "common/tests/server-fixture.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define TIMEOUT_MS  300
#define PATIENT_MS  20000 /* the time-out of what is about none */
#define AT_ONCE_MS  200
#define PATIENCE_MS 30000

static struct es_redis *new_redis_as(const char *user, const char *password)
{
    struct es_redis_config config = {.address = es_test_redis_address(server),
                                     .user = user,
                                     .password = password,
                                     .timeout_ms = PATIENT_MS};
    return es_redis_new(&config);
}

static struct es_redis *new_hasty_redis(void)
{
    struct es_redis_config config = {.address = es_test_redis_address(server),
                                     .timeout_ms = TIMEOUT_MS};
    return es_redis_new(&config);
}

static struct es_redis *new_redis(void)
{
    return new_redis_as(NULL, NULL);
}

/* Whether "PING" is answered. */
static bool answers(struct es_redis *redis)
{
    ES_CLEANUP(es_redis_reply_free_p) redisReply *reply = es_redis_commandf(redis, "PING");
    return reply != NULL && reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "PONG") == 0;
}

static void ask_until_it_answers(struct es_redis *redis)
{
    int64_t start_us = es_clock_mono_us();
    while (!answers(redis)) {
        assert_true(ms_since(start_us) < PATIENCE_MS);
        (void)poll(NULL, 0, 5);
    }
}

static void assert_status(redisReply *reply, const char *text)
{
    assert_non_null(reply);
    assert_int_equal(reply->type, REDIS_REPLY_STATUS);
    assert_string_equal(reply->str, text);
    es_redis_reply_free_p(&reply);
}

static void assert_integer(redisReply *reply, long long value)
{
    assert_non_null(reply);
    assert_int_equal(reply->type, REDIS_REPLY_INTEGER);
    assert_true(reply->integer == value);
    es_redis_reply_free_p(&reply);
}

/* --- commands ------------------------------------------------------------------------------ */
static void commands_carry_any_bytes(void **state)
{
    (void)state;
    struct es_redis *redis = new_redis();
    static const char value[] = {'a', '\0', '\r', '\n', (char)0xff};
    const char *const set[] = {"SET", "key", value};
    const size_t lengths[] = {3, 3, sizeof(value)};
    assert_status(es_redis_command(redis, 3, set, lengths), "OK");
    ES_CLEANUP(es_redis_reply_free_p) redisReply *got = es_redis_commandf(redis, "GET %s", "key");
    assert_int_equal(got->type, REDIS_REPLY_STRING);
    assert_int_equal(got->len, sizeof(value));
    assert_memory_equal(got->str, value, sizeof(value));
    assert_status(es_redis_commandf(redis, "SET %b %lld", "k", (size_t)1, 42LL), "OK");
    assert_integer(es_redis_commandf(redis, "INCR k"), 43);
    redis = es_redis_free(redis);
}

static void an_error_reply_is_a_reply(void **state)
{
    (void)state;
    struct es_redis *redis = new_redis();
    ES_CLEANUP(es_redis_reply_free_p) redisReply *reply = es_redis_commandf(redis, "NOSUCH");
    assert_non_null(reply);
    assert_int_equal(reply->type, REDIS_REPLY_ERROR);
    assert_true(es_redis_up(redis));
    redis = es_redis_free(redis);
}

static void a_megabyte_goes_there_and_back(void **state)
{
    (void)state;
    struct es_redis *redis = new_redis();
    static char large[1 << 20];
    memset(large, 'x', sizeof(large));
    assert_status(es_redis_commandf(redis, "SET large %b", large, sizeof(large)), "OK");
    ES_CLEANUP(es_redis_reply_free_p) redisReply *got = es_redis_commandf(redis, "GET large");
    assert_int_equal(got->len, sizeof(large));
    assert_memory_equal(got->str, large, sizeof(large));
    redis = es_redis_free(redis);
}

static void users_sign_in_and_a_wrong_password_is_down(void **state)
{
    (void)state;
    struct es_redis *admin = new_redis();
    assert_status(es_redis_commandf(admin, "ACL SETUSER core on >secret ~core:* +@all"), "OK");
    struct es_redis *core = new_redis_as("core", "secret");
    assert_status(es_redis_commandf(core, "SET core:a 1"), "OK");
    ES_CLEANUP(es_redis_reply_free_p) redisReply *denied = es_redis_commandf(core, "SET other 1");
    assert_int_equal(denied->type, REDIS_REPLY_ERROR);
    struct es_redis *intruder = new_redis_as("core", "guess");
    assert_false(es_redis_up(intruder));
    assert_null(es_redis_commandf(intruder, "SET core:a 2"));
    core = es_redis_free(core);
    intruder = es_redis_free(intruder);
    admin = es_redis_free(admin);
}

/* How often TEXT stands in the heap of this process, in memory that was freed as well. */
static size_t times_in_heap(const char *text)
{
    char line[512];
    unsigned long begin = 0;
    unsigned long end = 0;
    size_t count = 0;
    ES_CLEANUP(es_fclose_p) FILE *maps = fopen("/proc/self/maps", "re");
    while (end == 0 && fgets(line, sizeof(line), maps) != NULL) {
        if (strstr(line, "[heap]") != NULL) {
            assert_int_equal(sscanf(line, "%lx-%lx", &begin, &end), 2);
        }
    }
    const char *heap = (const char *)begin; /* NOLINT: an address is what the kernel tells */
    for (size_t i = 0; i + strlen(text) <= end - begin; i++) {
        count += memcmp(heap + i, text, strlen(text)) == 0;
    }
    return count;
}

static void a_password_stands_in_memory_once(void **state)
{
    (void)state;
    static const char password[] = "a password that nothing else in here contains";
    struct es_redis *admin = new_redis();
    assert_status(es_redis_commandf(admin, "ACL SETUSER one on >%s ~* +@all", password), "OK");
    size_t before = times_in_heap(password);
    struct es_redis *redis = new_redis_as("one", password);
    assert_status(es_redis_commandf(redis, "SET a 1"), "OK");
    assert_in_range(times_in_heap(password), 0, before + 1); /* the next connection needs it */
    redis = es_redis_free(redis);
    assert_in_range(times_in_heap(password), 0, before);
    admin = es_redis_free(admin);
}

/* --- pipelines ----------------------------------------------------------------------------- */
static void append(struct es_redis *redis, const char *value)
{
    const char *const argv[] = {"ECHO", value};
    assert_true(es_redis_append(redis, 2, argv, NULL));
}

static void assert_echo(struct es_redis *redis, const char *value)
{
    ES_CLEANUP(es_redis_reply_free_p) redisReply *reply = es_redis_next_reply(redis);
    assert_non_null(reply);
    assert_string_equal(reply->str, value);
}

static void replies_come_in_order(void **state)
{
    (void)state;
    struct es_redis *redis = new_redis();
    append(redis, "one");
    append(redis, "two");
    assert_echo(redis, "one");
    append(redis, "three"); /* going on while replies are owed is fine */
    assert_echo(redis, "two");
    assert_echo(redis, "three");
    assert_null(es_redis_next_reply(redis)); /* nothing is owed: nothing is waited for */
    assert_true(answers(redis));
    redis = es_redis_free(redis);
}

static void an_abandoned_pipeline_leaves_nothing_for_the_next_command(void **state)
{
    (void)state;
    struct es_redis *redis = new_redis();
    append(redis, "old");
    append(redis, "older");
    assert_echo(redis, "old");
    assert_true(answers(redis)); /* and not "older" */
    append(redis, "new");
    assert_echo(redis, "new");
    redis = es_redis_free(redis);
}

static void a_lost_pipeline_fails_to_its_end_and_leaves_nothing(void **state)
{
    (void)state;
    struct es_redis *redis = new_redis();
    append(redis, "one");
    append(redis, "two");
    es_test_server_kill(server);
    assert_null(es_redis_next_reply(redis));
    es_test_server_start_again(server);
    (void)poll(NULL, 0, 100); /* the pause after a failure is over: still none of these replies */
    assert_null(es_redis_next_reply(redis));
    ask_until_it_answers(redis);
    append(redis, "new");
    assert_echo(redis, "new");
    redis = es_redis_free(redis);
}

/* --- scripts ------------------------------------------------------------------------------- */
static const struct es_redis_script count_script = {
    .name = "count", .source = "return redis.call('INCRBY', KEYS[1], ARGV[1])"};

static redisReply *count(struct es_redis *redis, const char *by)
{
    const char *const argv[] = {"counter", by};
    return es_redis_eval(redis, &count_script, 1, 2, argv, NULL);
}

static void a_script_runs_whether_redis_knows_it_or_not(void **state)
{
    (void)state;
    struct es_redis *redis = new_redis();
    assert_status(es_redis_commandf(redis, "FLUSHALL"), "OK");
    assert_integer(count(redis, "2"), 2);
    assert_integer(count(redis, "3"), 5);
    assert_status(es_redis_commandf(redis, "SCRIPT FLUSH"), "OK");
    assert_integer(count(redis, "1"), 6); /* once, not twice */
    es_test_server_stop(server);
    es_test_server_start_again(server);
    assert_integer(count(redis, "7"), 7);
    redis = es_redis_free(redis);
}

/* --- outages ------------------------------------------------------------------------------- */
static void a_stopped_redis_costs_microseconds(void **state)
{
    (void)state;
    struct es_redis *redis = new_redis();
    assert_true(es_redis_up(redis));
    es_test_server_stop(server);
    bool at_once = false;
    for (int i = 0; i < TRIES && !at_once; i++) {
        int64_t start_us = es_clock_mono_us();
        for (int n = 0; n < 1000; n++) {
            assert_false(answers(redis));
            assert_false(es_redis_up(redis));
        }
        at_once = ms_since(start_us) < AT_ONCE_MS;
    }
    assert_true(at_once);
    es_test_server_start_again(server);
    ask_until_it_answers(redis);
    assert_true(es_redis_up(redis));
    redis = es_redis_free(redis);
}

static void a_restart_while_idle_is_not_noticed(void **state)
{
    (void)state;
    struct es_redis *redis = new_redis();
    assert_true(answers(redis));
    es_test_server_stop(server);
    es_test_server_start_again(server);
    assert_true(answers(redis));
    redis = es_redis_free(redis);
}

static void a_frozen_redis_costs_one_time_out_and_then_next_to_nothing(void **state)
{
    (void)state;
    struct es_redis *redis = new_hasty_redis();
    bool in_time = false;
    for (int i = 0; i < TRIES && !in_time; i++) {
        ask_until_it_answers(redis);
        es_test_server_freeze(server);
        int64_t start_us = es_clock_mono_us();
        assert_false(answers(redis));
        int64_t first_ms = ms_since(start_us);
        assert_true(first_ms >= TIMEOUT_MS - 1);
        start_us = es_clock_mono_us();
        assert_false(answers(redis));
        assert_false(es_redis_up(redis));
        in_time = first_ms <= TIMEOUT_MS + AT_ONCE_MS && ms_since(start_us) < AT_ONCE_MS;
        es_test_server_thaw(server);
        ask_until_it_answers(redis);
    }
    assert_true(in_time);
    redis = es_redis_free(redis);
}

static void an_address_that_is_none_is_simply_down(void **state)
{
    (void)state;
    static const char *const addresses[] = {"",
                                            "localhost",
                                            "127.0.0.1:",
                                            "127.0.0.1:99999",
                                            "127.0.0.1:x",
                                            "unix:/nonexistent/socket",
                                            "[::1]:1"};
    for (size_t i = 0; i < ES_ARRAY_LEN(addresses); i++) {
        struct es_redis_config config = {.address = addresses[i], .timeout_ms = TIMEOUT_MS};
        struct es_redis *redis = es_redis_new(&config);
        assert_false(es_redis_up(redis));
        assert_null(es_redis_commandf(redis, "PING"));
        redis = es_redis_free(redis);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(commands_carry_any_bytes, restore),
        cmocka_unit_test_setup(an_error_reply_is_a_reply, restore),
        cmocka_unit_test_setup(a_megabyte_goes_there_and_back, restore),
        cmocka_unit_test_setup(users_sign_in_and_a_wrong_password_is_down, restore),
        cmocka_unit_test_setup(a_password_stands_in_memory_once, restore),
        cmocka_unit_test_setup(replies_come_in_order, restore),
        cmocka_unit_test_setup(an_abandoned_pipeline_leaves_nothing_for_the_next_command, restore),
        cmocka_unit_test_setup(a_lost_pipeline_fails_to_its_end_and_leaves_nothing, restore),
        cmocka_unit_test_setup(a_script_runs_whether_redis_knows_it_or_not, restore),
        cmocka_unit_test_setup(a_stopped_redis_costs_microseconds, restore),
        cmocka_unit_test_setup(a_restart_while_idle_is_not_noticed, restore),
        cmocka_unit_test_setup(a_frozen_redis_costs_one_time_out_and_then_next_to_nothing, restore),
        cmocka_unit_test_setup(an_address_that_is_none_is_simply_down, restore),
    };
    return cmocka_run_group_tests(tests, start_redis, NULL);
}
