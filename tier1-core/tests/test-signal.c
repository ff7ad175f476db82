/* Unit tests of domain/signal: channels, times, and the event text that a leaf commits to. */
#include "common/base/civil.h"
#include "common/base/clock.h"
#include "common/tests/unit.h"
#include "tier1-core/domain/signal.h"

#include <string.h>

static const unsigned char subject[SIGNAL_SUBJECT_SIZE] = {
    0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

static struct signal_facts facts_at(const char *received, const char *made)
{
    struct signal_facts facts = {.subject = subject, .channel = SIGNAL_APP};
    assert_true(es_clock_parse(received, &facts.received_us));
    assert_true(es_clock_parse(made, &facts.at_us));
    return facts;
}

static int32_t day(const char *text)
{
    int32_t days = 0;
    assert_true(es_civil_parse(text, &days));
    return days;
}

static void event_text_is_frozen_as_leaf_v1(void **state)
{
    (void)state;
    char event[SIGNAL_EVENT_SIZE];
    struct signal_facts facts = facts_at("2026-11-21T07:02:11.123Z", "2026-11-21T07:02:11.123Z");
    size_t length = signal_event(&facts, day("2026-11-21"), event);
    assert_string_equal(event,
                        "{\"v\":1,\"type\":\"signal\","
                        "\"subject\":\"00112233445566778899aabbccddeeff\",\"day\":\"2026-11-21\","
                        "\"slot\":0,\"channel\":\"app\",\"evidence\":\"strong\","
                        "\"received_at\":\"2026-11-21T07:02:11.123Z\"}");
    assert_int_equal(length, strlen(event));
}

static void event_of_an_offline_signal_tells_both_times(void **state)
{
    (void)state;
    char event[SIGNAL_EVENT_SIZE];
    struct signal_facts facts = facts_at("2026-11-21T07:02:11Z", "2026-11-20T22:59:59.999Z");
    facts.channel = SIGNAL_PHONE;
    (void)signal_event(&facts, day("2026-11-20"), event);
    assert_non_null(strstr(event, "\"channel\":\"phone\""));
    assert_non_null(strstr(event, "\"received_at\":\"2026-11-21T07:02:11.000Z\","
                                  "\"made_at\":\"2026-11-20T22:59:59.999Z\"}"));
}

static void longest_event_fits(void **state)
{
    (void)state;
    char event[SIGNAL_EVENT_SIZE];
    struct signal_facts facts = facts_at("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.998Z");
    facts.channel = SIGNAL_EMAIL;
    size_t length = signal_event(&facts, day("9999-12-31"), event);
    assert_true(length < SIGNAL_EVENT_SIZE);
    assert_int_equal(event[length - 1], '}');
}

static void E86_only_the_four_channels_exist(void **state)
{
    (void)state;
    static const char *const known[] = {"app", "sms", "email", "phone"};
    enum signal_channel channel = SIGNAL_APP;
    for (size_t i = 0; i < ES_ARRAY_LEN(known); i++) {
        assert_true(signal_channel_parse(known[i], &channel));
        assert_string_equal(signal_channel_name(channel), known[i]);
    }
    assert_false(signal_channel_parse("pigeon", &channel));
    assert_false(signal_channel_parse("", &channel));
    assert_false(signal_channel_parse("APP", &channel));
}

static void a_signal_may_be_late_but_not_too_late_nor_early(void **state)
{
    (void)state;
    const int64_t now_us = 1795244531 * ES_US_PER_S;
    const int64_t day_s = 86400;
    assert_int_equal(signal_check_time(now_us, now_us, day_s), SIGNAL_TIME_OK);
    assert_int_equal(signal_check_time(now_us - day_s * ES_US_PER_S, now_us, day_s),
                     SIGNAL_TIME_OK);
    assert_int_equal(signal_check_time(now_us - day_s * ES_US_PER_S - 1, now_us, day_s),
                     SIGNAL_TIME_TOO_OLD);
    assert_int_equal(signal_check_time(now_us + 60 * ES_US_PER_S, now_us, day_s), SIGNAL_TIME_OK);
    assert_int_equal(signal_check_time(now_us + 121 * ES_US_PER_S, now_us, day_s),
                     SIGNAL_TIME_FUTURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(event_text_is_frozen_as_leaf_v1),
        cmocka_unit_test(event_of_an_offline_signal_tells_both_times),
        cmocka_unit_test(longest_event_fits),
        cmocka_unit_test(E86_only_the_four_channels_exist),
        cmocka_unit_test(a_signal_may_be_late_but_not_too_late_nor_early),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
