/* Unit tests of the rate limiter: quotas, sharing, Redis coming and going (E59, E94, FE8). */
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/redis/buckets.h"
#include "common/redis/limiter.h"
#include "common/redis/redis.h"
#include "common/tests/server-fixture.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES    65536
#define TIMEOUT_MS 300
#define PATIENT_MS 20000 /* the time-out of what is about none */
#define MANY       1300  /* more than the script takes at once */

static const struct es_rate login = {.name = "login", .quota = 5, .window_s = 60};
static const struct es_rate signal_rate = {.name = "signal", .quota = 1, .window_s = 10};

/* A process of ours: its local buckets and its connection. */
struct process {
    struct es_limiter *limiter;
    struct es_redis *redis;
};

static struct process new_process_within(int64_t timeout_ms)
{
    struct es_redis_config config = {.address = es_test_redis_address(server),
                                     .timeout_ms = timeout_ms};
    return (struct process){es_limiter_new(ENTRIES), es_redis_new(&config)};
}

static struct process new_process(void)
{
    return new_process_within(PATIENT_MS);
}

static void end_process(struct process *process)
{
    process->limiter = es_limiter_free(process->limiter);
    process->redis = es_redis_free(process->redis);
}

static struct es_rate_verdict take(struct process *process, const struct es_rate *rate,
                                   const char *key, bool *ret_shared)
{
    return es_limiter_take(process->limiter, process->redis, rate, key, strlen(key), ret_shared);
}

static int take_until_refused(struct process *process, const struct es_rate *rate, const char *key)
{
    int taken = 0;
    while (take(process, rate, key, NULL).allowed) {
        taken++;
        assert_true(taken < 1000);
    }
    return taken;
}

static void command(struct process *process, const char *format, const char *argument)
{
    redisReply *reply = es_redis_commandf(process->redis, format, argument);
    assert_non_null(reply);
    assert_int_not_equal(reply->type, REDIS_REPLY_ERROR);
    es_redis_reply_free_p(&reply);
}

/* VERDICT is a refusal that ends FULL_S after START_US at the latest, when the last token was taken
 * then or later. */
static void assert_refused_until(const struct es_rate_verdict *verdict, int64_t full_s,
                                 int64_t start_us)
{
    assert_false(verdict->allowed);
    int64_t gone_s = (es_clock_mono_us() - start_us) / ES_US_PER_S;
    assert_in_range(verdict->retry_after_s, full_s - 1 - gone_s, full_s);
}

/* --- one process --------------------------------------------------------------------------- */
static void a_quota_is_exactly_that_many(void **state)
{
    (void)state;
    struct process process = new_process();
    int64_t start_us = es_clock_mono_us();
    for (int64_t left = login.quota - 1; left >= 0; left--) {
        bool shared = false;
        struct es_rate_verdict verdict = take(&process, &login, "10.0.0.1", &shared);
        assert_true(verdict.allowed);
        assert_true(shared);
        assert_int_equal(verdict.remaining, left);
        assert_int_equal(verdict.retry_after_s, 0);
    }
    struct es_rate_verdict refused = take(&process, &login, "10.0.0.1", NULL);
    assert_int_equal(refused.remaining, 0);
    assert_refused_until(&refused, 12, start_us); /* one of five comes back every 12 s */
    assert_true(take(&process, &login, "10.0.0.2", NULL).allowed); /* somebody else */
    end_process(&process);
}

static void what_is_given_back_can_be_taken_again(void **state)
{
    (void)state;
    struct process process = new_process();
    struct process other = new_process();
    static const int64_t keys[MANY] = {7, 7, 8};
    struct es_rate_verdict verdicts[3];
    for (int i = 0; i < 20; i++) {
        es_limiter_take_many(process.limiter, process.redis, &login, keys, 3, verdicts);
        assert_true(verdicts[0].allowed && verdicts[1].allowed && verdicts[2].allowed);
        es_limiter_give_back_many(process.limiter, process.redis, &login, keys, 3);
    }
    assert_int_equal(take_until_refused(&other, &login, "7"), 5);
    assert_int_equal(take_until_refused(&process, &login, "7"), 0);
    assert_int_equal(take_until_refused(&process, &login, "8"), 5);
    es_limiter_give_back_many(other.limiter, other.redis, &login, keys, MANY); /* never taken */
    assert_int_equal(take_until_refused(&other, &login, "0"), 5);
    end_process(&other);
    end_process(&process);
}

static void rates_do_not_share_buckets(void **state)
{
    (void)state;
    struct process process = new_process();
    const struct es_rate other = {.name = "verify", .quota = 5, .window_s = 60};
    assert_int_equal(take_until_refused(&process, &login, "10.0.1.1"), 5);
    assert_int_equal(take_until_refused(&process, &other, "10.0.1.1"), 5);
    end_process(&process);
}

/* Hammers a full bucket of ten, a tenth of a second each, for half a second. False when fewer were
 * given than that: while this process slept, a full bucket could not fill any more. */
static bool refills_evenly(struct process *process, const char *key)
{
    const struct es_rate quick = {.name = "quick", .quota = 10, .window_s = 1};
    int64_t start_us = es_clock_mono_us();
    int64_t taken = take_until_refused(process, &quick, key);
    assert_true(taken >= quick.quota);
    int64_t emptied_us = es_clock_mono_us();
    int64_t last_us = emptied_us;
    int64_t again = 0;
    while (last_us - emptied_us < ES_US_PER_S / 2) {
        again += take(process, &quick, key, NULL).allowed;
        last_us = es_clock_mono_us();
        (void)poll(NULL, 0, 1);
    }
    assert_true((taken - quick.quota + again) * 100 <= (last_us - start_us) / ES_US_PER_MS + 110);
    return again * 100 >= (last_us - emptied_us) / ES_US_PER_MS - 110;
}

static void a_bucket_refills_evenly(void **state)
{
    (void)state;
    static const char *const keys[TRIES] = {"x", "y", "z"};
    struct process process = new_process();
    bool even = false;
    for (size_t i = 0; i < TRIES && !even; i++) {
        even = refills_evenly(&process, keys[i]);
    }
    assert_true(even);
    end_process(&process);
}

static void every_key_expires_E94(void **state)
{
    (void)state;
    struct process process = new_process();
    command(&process, "FLUSHALL%s", "");
    assert_int_equal(take_until_refused(&process, &login, "ttl"), 5);
    assert_true(take(&process, &signal_rate, "ttl", NULL).allowed);
    static const struct {
        const char *key;
        long long most_ms;
    } cases[] = {{"eldersafe:rate:login:ttl", 60000}, {"eldersafe:rate:signal:ttl", 10000}};
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        redisReply *ttl = es_redis_commandf(process.redis, "PTTL %s", cases[i].key);
        assert_int_equal(ttl->type, REDIS_REPLY_INTEGER);
        assert_in_range(ttl->integer, cases[i].most_ms - 5000, cases[i].most_ms);
        es_redis_reply_free_p(&ttl);
    }
    redisReply *keys = es_redis_commandf(process.redis, "DBSIZE");
    assert_int_equal(keys->integer, ES_ARRAY_LEN(cases)); /* and there are no others */
    es_redis_reply_free_p(&keys);
    end_process(&process);
}

/* --- several processes --------------------------------------------------------------------- */
static void processes_share_a_quota(void **state)
{
    (void)state;
    struct process first = new_process();
    struct process second = new_process();
    int64_t start_us = es_clock_mono_us();
    assert_true(take(&first, &login, "shared", NULL).allowed);
    assert_true(take(&second, &login, "shared", NULL).allowed);
    assert_true(take(&first, &login, "shared", NULL).allowed);
    struct es_rate_verdict verdict = take(&second, &login, "shared", NULL);
    assert_true(verdict.allowed);
    assert_int_equal(verdict.remaining, 1);
    assert_true(take(&second, &login, "shared", NULL).allowed);
    verdict = take(&first, &login, "shared", NULL);
    assert_refused_until(&verdict, 12, start_us);
    end_process(&first);
    end_process(&second);
}

/* --- Redis comes and goes ------------------------------------------------------------------ */
static void a_limit_survives_flushall_and_a_restart_of_redis_E59(void **state)
{
    (void)state;
    struct process process = new_process();
    assert_int_equal(take_until_refused(&process, &login, "survivor"), 5);
    command(&process, "FLUSHALL%s", "");
    assert_false(take(&process, &login, "survivor", NULL).allowed);
    es_test_server_stop(server);
    assert_false(take(&process, &login, "survivor", NULL).allowed);
    es_test_server_start_again(server);
    assert_false(take(&process, &login, "survivor", NULL).allowed);
    end_process(&process);
}

static void without_redis_the_limit_stands_in_this_process_FE8(void **state)
{
    (void)state;
    struct process process = new_process();
    struct process alone = {.limiter = process.limiter, .redis = NULL};
    assert_int_equal(take_until_refused(&alone, &login, "no redis"), 5);
    assert_true(take(&process, &login, "partly", NULL).allowed);
    assert_true(take(&process, &login, "partly", NULL).allowed);
    es_test_server_stop(server);
    bool shared = true;
    assert_true(take(&process, &login, "partly", &shared).allowed);
    assert_false(shared);
    assert_int_equal(take_until_refused(&process, &login, "partly"), 2);
    es_test_server_start_again(server);
    end_process(&process);
}

static void what_others_took_is_remembered_when_redis_goes_FE8(void **state)
{
    (void)state;
    struct process first = new_process();
    struct process second = new_process();
    for (int i = 0; i < 4; i++) {
        assert_true(take(&first, &login, "learned", NULL).allowed);
    }
    assert_true(take(&second, &login, "learned", NULL).allowed); /* hears: none is left */
    es_test_server_stop(server);
    assert_false(take(&second, &login, "learned", NULL).allowed);
    es_test_server_start_again(server);
    end_process(&first);
    end_process(&second);
}

static void a_frozen_redis_does_not_stop_anybody(void **state)
{
    (void)state;
    bool in_time = false;
    for (int i = 0; i < TRIES && !in_time; i++) {
        struct process process = new_process_within(TIMEOUT_MS);
        assert_true(take(&process, &login, "frozen", NULL).allowed);
        es_test_server_freeze(server);
        int64_t start_us = es_clock_mono_us();
        for (int n = 0; n < 100; n++) {
            char key[16];
            (void)snprintf(key, sizeof(key), "frozen %d", n);
            assert_true(take(&process, &login, key, NULL).allowed);
        }
        /* One time-out, and perhaps a second attempt when the first pause is over. */
        in_time = ms_since(start_us) < 3 * TIMEOUT_MS;
        es_test_server_thaw(server);
        end_process(&process);
    }
    assert_true(in_time);
}

/* --- many keys ----------------------------------------------------------------------------- */
static size_t count_allowed(const struct es_rate_verdict *verdicts, size_t count)
{
    size_t allowed = 0;
    for (size_t i = 0; i < count; i++) {
        allowed += verdicts[i].allowed;
    }
    return allowed;
}

static void many_keys_are_judged_each_for_itself(void **state)
{
    (void)state;
    struct process first = new_process();
    struct process second = new_process();
    static int64_t keys[MANY];
    static struct es_rate_verdict verdicts[MANY];
    for (int64_t i = 0; i < MANY; i++) {
        keys[i] = i - 3; /* negative ones, too */
    }
    keys[700] = keys[20]; /* the same member twice in one batch */
    int64_t start_us = es_clock_mono_us();
    es_limiter_take_many(first.limiter, first.redis, &signal_rate, keys, MANY, verdicts);
    assert_int_equal(count_allowed(verdicts, MANY), MANY - 1);
    assert_true(verdicts[20].allowed);
    assert_refused_until(&verdicts[700], 10, start_us);
    es_limiter_take_many(second.limiter, second.redis, &signal_rate, keys, MANY, verdicts);
    assert_int_equal(count_allowed(verdicts, MANY), 0); /* all of them are taken elsewhere */
    assert_refused_until(&verdicts[0], 10, start_us);
    es_limiter_take_many(second.limiter, second.redis, &signal_rate, keys, 0, verdicts);
    end_process(&first);
    end_process(&second);
}

static void many_keys_survive_a_forgotten_script(void **state)
{
    (void)state;
    struct process first = new_process();
    struct process second = new_process();
    static int64_t keys[MANY];
    static struct es_rate_verdict verdicts[MANY];
    for (int64_t i = 0; i < MANY; i++) {
        keys[i] = 100000 + i;
    }
    command(&first, "SCRIPT FLUSH%s", "");
    es_limiter_take_many(first.limiter, first.redis, &signal_rate, keys, MANY, verdicts);
    assert_int_equal(count_allowed(verdicts, MANY), MANY);
    command(&first, "SCRIPT FLUSH%s", "");
    es_limiter_take_many(second.limiter, second.redis, &signal_rate, keys, MANY, verdicts);
    assert_int_equal(count_allowed(verdicts, MANY), 0); /* so Redis was asked, both times */
    end_process(&first);
    end_process(&second);
}

static void many_keys_without_redis_are_limited_here(void **state)
{
    (void)state;
    struct process process = new_process();
    static int64_t keys[MANY];
    static struct es_rate_verdict verdicts[MANY];
    for (int64_t i = 0; i < MANY; i++) {
        keys[i] = 200000 + i;
    }
    es_test_server_stop(server);
    es_limiter_take_many(process.limiter, process.redis, &signal_rate, keys, MANY, verdicts);
    assert_int_equal(count_allowed(verdicts, MANY), MANY);
    es_limiter_take_many(process.limiter, process.redis, &signal_rate, keys, MANY, verdicts);
    assert_int_equal(count_allowed(verdicts, MANY), 0);
    es_test_server_start_again(server);
    end_process(&process);
}

/* --- the local buckets --------------------------------------------------------------------- */
static void a_full_table_forgets_who_took_least(void **state)
{
    (void)state;
    struct es_buckets *buckets = es_buckets_new(8); /* one set */
    const struct es_gcra gcra = {.interval_us = 1000, .capacity_us = 10000};
    for (uint64_t tag = 1; tag <= 8; tag++) {
        for (uint64_t n = 0; n < tag; n++) { /* tag N has taken N tokens */
            (void)es_buckets_take(buckets, tag, &gcra, 1000000);
        }
    }
    assert_int_equal(es_buckets_take(buckets, 99, &gcra, 1000000), 1000); /* takes 1's place */
    assert_int_equal(es_buckets_take(buckets, 8, &gcra, 1000000), 9000);
    assert_int_equal(es_buckets_take(buckets, 2, &gcra, 1000000), 3000);
    assert_int_equal(es_buckets_take(buckets, 8, &gcra, 1009000), 1000); /* full again by then */
    buckets = es_buckets_free(buckets);
}

static void a_refused_token_is_given_back_here(void **state)
{
    (void)state;
    struct es_buckets *buckets = es_buckets_new(8);
    const struct es_gcra gcra = {.interval_us = 1000, .capacity_us = 3000};
    assert_int_equal(es_buckets_take(buckets, 7, &gcra, 1000000), 1000);
    es_buckets_settle(buckets, 7, &gcra, 1000000, 4000); /* elsewhere all three are taken */
    assert_int_equal(es_buckets_take(buckets, 7, &gcra, 1000000), 4000);
    assert_int_equal(es_buckets_take(buckets, 7, &gcra, 1001000), 3000); /* one came back */
    buckets = es_buckets_free(buckets);
}

#define THREADS          4
#define TAKES_PER_THREAD 2000

struct taker {
    struct es_buckets *buckets;
    int64_t taken;
};

static void *take_in_a_thread(void *context)
{
    struct taker *taker = context;
    const struct es_gcra gcra = {.interval_us = 1000, .capacity_us = 1000 * 1000};
    for (uint64_t i = 0; i < TAKES_PER_THREAD; i++) {
        taker->taken +=
            es_gcra_admits(&gcra, es_buckets_take(taker->buckets, 1 + i % 2, &gcra, 1000000));
    }
    return NULL;
}

static void threads_never_take_more_than_there_is(void **state)
{
    (void)state;
    struct taker takers[THREADS] = {0};
    pthread_t threads[THREADS];
    struct es_buckets *buckets = es_buckets_new(64);
    int64_t taken = 0;
    for (size_t i = 0; i < THREADS; i++) {
        takers[i].buckets = buckets;
        assert_int_equal(pthread_create(&threads[i], NULL, take_in_a_thread, &takers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        taken += takers[i].taken;
    }
    assert_int_equal(taken, 2000); /* two buckets of 1,000 */
    buckets = es_buckets_free(buckets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_quota_is_exactly_that_many, restore),
        cmocka_unit_test_setup(what_is_given_back_can_be_taken_again, restore),
        cmocka_unit_test_setup(rates_do_not_share_buckets, restore),
        cmocka_unit_test_setup(a_bucket_refills_evenly, restore),
        cmocka_unit_test_setup(every_key_expires_E94, restore),
        cmocka_unit_test_setup(processes_share_a_quota, restore),
        cmocka_unit_test_setup(a_limit_survives_flushall_and_a_restart_of_redis_E59, restore),
        cmocka_unit_test_setup(without_redis_the_limit_stands_in_this_process_FE8, restore),
        cmocka_unit_test_setup(what_others_took_is_remembered_when_redis_goes_FE8, restore),
        cmocka_unit_test_setup(a_frozen_redis_does_not_stop_anybody, restore),
        cmocka_unit_test_setup(many_keys_are_judged_each_for_itself, restore),
        cmocka_unit_test_setup(many_keys_survive_a_forgotten_script, restore),
        cmocka_unit_test_setup(many_keys_without_redis_are_limited_here, restore),
        cmocka_unit_test_setup(a_full_table_forgets_who_took_least, restore),
        cmocka_unit_test_setup(a_refused_token_is_given_back_here, restore),
        cmocka_unit_test_setup(threads_never_take_more_than_there_is, restore),
    };
    return cmocka_run_group_tests(tests, start_redis, NULL);
}
