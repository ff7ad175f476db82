/* Unit tests of common/bus's stream against a private Redis: order, groups, claims, trimming, and
 * entries that are not ours. */
#include "common/base/random.h"
#include "common/bus/due.h"
#include "common/bus/link.h"
#include "common/bus/stream.h"
#include "common/observe/log.h"
#include "common/tests/servers.h"
#include "common/tests/unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_MS 1000
#define KEPT_LIMIT 100000 /* entries the stream holds at most, as stream.c says */

static struct es_test_server *server;
static struct es_redis *redis;
static struct es_stream_batch batch;

static const struct es_stream_group group = {.group = "test", .consumer = "one"};
static const struct es_stream_group other_consumer = {.group = "test", .consumer = "two"};
static const struct es_stream_group other_group = {.group = "slow", .consumer = "one"};

/* Run a command and yield its integer reply, or -1. */
static long long ask(const char *command)
{
    ES_CLEANUP(es_redis_reply_free_p) redisReply *reply = es_redis_commandf(redis, command);
    assert_non_null(reply);
    return reply->type == REDIS_REPLY_INTEGER ? reply->integer : -1;
}

static void publish(int64_t first, size_t count)
{
    int64_t event_ids[ES_STREAM_MAX_BATCH];
    const char *topics[ES_STREAM_MAX_BATCH];
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    for (size_t i = 0; i < count; i++) {
        event_ids[i] = first + (int64_t)i;
        topics[i] = "test.work";
    }
    assert_true(es_stream_publish(redis, event_ids, topics, count, &error));
}

static size_t read_as(const struct es_stream_group *who, size_t count)
{
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    assert_true(es_stream_read(redis, who, count, 1, &batch, &error));
    return batch.count;
}

/* The first read of a group finds that there is none and makes it. */
static void join(const struct es_stream_group *who)
{
    assert_int_equal(read_as(who, 1), 0);
}

static void acknowledge_batch(const struct es_stream_group *who)
{
    const char *ids[ES_STREAM_MAX_BATCH];
    for (size_t i = 0; i < batch.count; i++) {
        ids[i] = batch.entries[i].id;
    }
    es_stream_acknowledge(redis, who, ids, batch.count);
}

static int empty_redis(void **state)
{
    (void)state;
    (void)ask("FLUSHALL");
    return 0;
}

static void entries_come_in_the_order_they_were_published(void **state)
{
    (void)state;
    publish(1, ES_STREAM_MAX_BATCH);
    publish(1 + ES_STREAM_MAX_BATCH, 10);
    join(&group);
    assert_int_equal(read_as(&group, ES_STREAM_MAX_BATCH), ES_STREAM_MAX_BATCH);
    for (size_t i = 0; i < batch.count; i++) {
        assert_int_equal(batch.entries[i].event_id, 1 + i);
        assert_string_equal(batch.entries[i].topic, "test.work");
    }
    assert_int_equal(read_as(&other_consumer, ES_STREAM_MAX_BATCH), 10);
    assert_int_equal(batch.entries[0].event_id, 1 + ES_STREAM_MAX_BATCH);
}

static void a_group_is_made_again_when_it_is_gone(void **state)
{
    (void)state;
    join(&group);
    publish(1, 3);
    assert_int_equal(read_as(&group, 10), 3);
    (void)ask("FLUSHALL");
    join(&group);
    publish(4, 2);
    assert_int_equal(read_as(&group, 10), 2);
    assert_int_equal(batch.entries[0].event_id, 4);
}

static void only_what_was_left_lying_can_be_claimed(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    join(&group);
    publish(1, 3);
    assert_int_equal(read_as(&group, 1), 1);
    acknowledge_batch(&group);
    assert_int_equal(read_as(&group, 1), 1);
    assert_true(es_stream_claim(redis, &other_consumer, 10, 60000, &batch, &error));
    assert_int_equal(batch.count, 0); /* not idle for long enough */
    assert_true(es_stream_claim(redis, &other_consumer, 10, 0, &batch, &error));
    assert_int_equal(batch.count, 1); /* not the one acknowledged, nor the one nobody was given */
    assert_int_equal(batch.entries[0].event_id, 2);
    acknowledge_batch(&other_consumer);
    assert_true(es_stream_claim(redis, &group, 10, 0, &batch, &error));
    assert_int_equal(batch.count, 0);
}

static void entries_of_another_form_are_marked_not_believed(void **state)
{
    (void)state;
    static const char *const forged[] = {
        "XADD " ES_BUS_STREAM " * event_id 0 topic test.work",
        "XADD " ES_BUS_STREAM " * event_id -7 topic test.work",
        "XADD " ES_BUS_STREAM " * event_id 07 topic test.work",
        "XADD " ES_BUS_STREAM " * event_id 9223372036854775808 topic test.work",
        "XADD " ES_BUS_STREAM " * topic test.work",
        "XADD " ES_BUS_STREAM " * x y",
    };
    join(&group);
    for (size_t i = 0; i < ES_ARRAY_LEN(forged); i++) {
        (void)ask(forged[i]);
    }
    (void)ask("XADD " ES_BUS_STREAM " * event_id 5 topic "
              "a.topic_that_is_longer_than_any_topic_that_the_outbox_would_ever_accept_in_a_row");
    assert_int_equal(read_as(&group, 10), ES_ARRAY_LEN(forged) + 1);
    for (size_t i = 0; i < ES_ARRAY_LEN(forged); i++) {
        assert_int_equal(batch.entries[i].event_id, 0);
        assert_true(strlen(batch.entries[i].id) > 2); /* so that it can be acknowledged */
    }
    assert_string_equal(batch.entries[ES_ARRAY_LEN(forged)].topic, "");
}

static void an_error_of_redis_is_told_in_its_own_words(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    static const int64_t event_id = 1;
    static const char *const topic = "test.work";
    (void)ask("SET " ES_BUS_STREAM " x");
    assert_false(es_stream_publish(redis, &event_id, &topic, 1, &error));
    assert_non_null(strstr(es_buf_str(&error), "WRONGTYPE"));
    es_buf_clear(&error);
    assert_false(es_stream_read(redis, &group, 1, 1, &batch, &error));
    assert_non_null(strstr(es_buf_str(&error), "WRONGTYPE"));
    es_stream_trim(redis); /* has nothing to say about it */
}

static void c19_only_what_every_group_has_acknowledged_is_trimmed(void **state)
{
    (void)state;
    join(&group);
    join(&other_group);
    for (int64_t first = 1; first <= 1000; first += 200) {
        publish(first, 200);
    }
    while (read_as(&group, ES_STREAM_MAX_BATCH) > 0) {
        acknowledge_batch(&group);
    }
    es_stream_trim(redis);
    assert_int_equal(ask("XLEN " ES_BUS_STREAM), 1000); /* the other group has seen nothing */
    assert_int_equal(read_as(&other_group, 250), 250);
    es_stream_trim(redis);
    assert_int_equal(ask("XLEN " ES_BUS_STREAM), 1000); /* and has acknowledged nothing */
    acknowledge_batch(&other_group);
    es_stream_trim(redis);
    long long left = ask("XLEN " ES_BUS_STREAM);
    assert_true(left >= 750 && left < 1000);
    assert_int_equal(read_as(&other_group, 1), 1);
    assert_int_equal(batch.entries[0].event_id, 251);
}

static void c19_a_forgotten_group_cannot_fill_redis(void **state)
{
    (void)state;
    join(&group);
    for (int64_t first = 1; first <= KEPT_LIMIT + 5000; first += 200) {
        publish(first, 200);
    }
    es_stream_trim(redis);
    long long left = ask("XLEN " ES_BUS_STREAM);
    assert_true(left >= KEPT_LIMIT && left < KEPT_LIMIT + 200);
}

static void without_a_stream_there_is_nothing_to_trim(void **state)
{
    (void)state;
    es_stream_trim(redis);
    assert_int_equal(ask("EXISTS " ES_BUS_STREAM), 0);
}

static void something_is_due_once_a_period(void **state)
{
    (void)state;
    struct es_due due = {0};
    assert_true(es_due(&due, 3600 * INT64_C(1000000)));
    assert_false(es_due(&due, 3600 * INT64_C(1000000)));
    due = (struct es_due){0};
    assert_true(es_due(&due, 0));
    assert_true(es_due(&due, 0));
}

static size_t lines_in(const char *path)
{
    size_t lines = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (int c = fgetc(file); c != EOF; c = fgetc(file)) {
        lines += c == '\n' ? 1 : 0;
    }
    (void)fclose(file);
    return lines;
}

static void a_lost_server_is_told_once_and_its_return_once(void **state)
{
    (void)state;
    char path[] = "/tmp/eldersafe-test-link-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_true(es_log_open("test", ES_LOG_DEBUG, path));
    struct es_link link = {.lost = "test.lost", .back = "test.back"};
    static const bool seen[] = {true, true, false, false, false, true, true, false, true};
    for (size_t i = 0; i < ES_ARRAY_LEN(seen); i++) {
        assert_int_equal(es_link_note(&link, seen[i], "test", "reason"), seen[i]);
    }
    es_log_close();
    assert_int_equal(lines_in(path), 4);
    (void)unlink(path);
}

static int start(void **state)
{
    (void)state;
    es_random_init();
    server = es_test_redis_start();
    redis = es_redis_new(&(struct es_redis_config){.address = es_test_redis_address(server),
                                                   .timeout_ms = TIMEOUT_MS});
    return 0;
}

static int end(void **state)
{
    (void)state;
    redis = es_redis_free(redis);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(entries_come_in_the_order_they_were_published, empty_redis),
        cmocka_unit_test_setup(a_group_is_made_again_when_it_is_gone, empty_redis),
        cmocka_unit_test_setup(only_what_was_left_lying_can_be_claimed, empty_redis),
        cmocka_unit_test_setup(entries_of_another_form_are_marked_not_believed, empty_redis),
        cmocka_unit_test_setup(an_error_of_redis_is_told_in_its_own_words, empty_redis),
        cmocka_unit_test_setup(c19_only_what_every_group_has_acknowledged_is_trimmed, empty_redis),
        cmocka_unit_test_setup(c19_a_forgotten_group_cannot_fill_redis, empty_redis),
        cmocka_unit_test_setup(without_a_stream_there_is_nothing_to_trim, empty_redis),
        cmocka_unit_test(something_is_due_once_a_period),
        cmocka_unit_test(a_lost_server_is_told_once_and_its_return_once),
    };
    return cmocka_run_group_tests(tests, start, end);
}
