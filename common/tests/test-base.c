/* Unit tests of common/base: arena, buffers, readers, text, clock, calendar, amounts, waiting. */
#include "common/base/amount.h"
#include "common/base/arena.h"
#include "common/base/backoff.h"
#include "common/base/buf.h"
#include "common/base/civil.h"
#include "common/base/clock.h"
#include "common/base/host.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/base/reader.h"
#include "common/base/text.h"
#include "common/base/wait.h"
#include "common/tests/unit.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void arena_keeps_every_allocation_apart(void **state)
{
    (void)state;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(64);
    char *texts[50];
    for (int i = 0; i < 50; i++) {
        texts[i] = es_arena_printf(arena, "text number %d", i);
    }
    unsigned char *large = es_arena_alloc(arena, 10000);
    memset(large, 0xFF, 10000);
    for (int i = 0; i < 50; i++) {
        char expected[32];
        (void)snprintf(expected, sizeof(expected), "text number %d", i);
        assert_string_equal(texts[i], expected);
    }
}

static void arena_memory_is_zero_again_after_reset(void **state)
{
    (void)state;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(256);
    memset(es_arena_alloc(arena, 200), 0xAA, 200);
    memset(es_arena_alloc(arena, 5000), 0xAA, 5000);
    es_arena_reset(arena);
    const unsigned char *again = es_arena_alloc(arena, 200);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(again[i], 0);
    }
}

static void steal_leaves_null_behind(void **state)
{
    (void)state;
    char *owner = es_strdup("mine");
    ES_CLEANUP(es_free_p) char *taker = ES_STEAL(owner);
    assert_null(owner);
    assert_string_equal(taker, "mine");
}

static void buffer_builds_text_and_numbers(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf buf = ES_BUF_INIT;
    assert_string_equal(es_buf_str(&buf), "");
    es_buf_add_str(&buf, "a");
    es_buf_printf(&buf, "%s-%d", "b", 7);
    es_buf_add_hex(&buf, "\x01\xFF", 2);
    es_buf_add_base64url(&buf, "\xFF\xFE", 2);
    assert_string_equal(es_buf_str(&buf), "ab-701ff__4");
    es_buf_clear(&buf);
    es_buf_add_le32(&buf, 0x01020304);
    es_buf_add_le64(&buf, 0x0102030405060708);
    es_buf_add_be64(&buf, 0x0102030405060708);
    assert_memory_equal(buf.data, "\4\3\2\1\10\7\6\5\4\3\2\1\1\2\3\4\5\6\7\10", 20);
}

static void reader_refuses_to_pass_the_end(void **state)
{
    (void)state;
    struct es_reader reader = es_reader_make("\x01\x02\x03\x04\x05", 5);
    assert_int_equal(es_reader_le32(&reader), 0x04030201);
    assert_int_equal(es_reader_le32(&reader), 0);
    assert_true(reader.failed);
    assert_false(es_reader_done(&reader));
    assert_null(es_reader_bytes(&reader, 1));
}

static void reader_takes_only_the_shortest_varint(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        uint64_t value;
        bool valid;
    } cases[] = {
        {"\xFC", 1, 0xFC, true},
        {"\xFD\xFD\x00", 3, 0xFD, true},
        {"\xFD\xFC\x00", 3, 0, false},
        {"\xFE\x00\x00\x01\x00", 5, 0x10000, true},
        {"\xFE\xFF\xFF\x00\x00", 5, 0, false},
        {"\xFF\x00\x00\x00\x00\x01\x00\x00\x00", 9, UINT64_C(0x100000000), true},
        {"\xFF\xFF\xFF\xFF\xFF\x00\x00\x00\x00", 9, 0, false},
        {"\xFD\x01", 2, 0, false},
        {"", 0, 0, false},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        struct es_reader reader = es_reader_make(cases[i].bytes, cases[i].length);
        uint64_t value = es_reader_varint(&reader);
        assert_int_equal(es_reader_done(&reader), cases[i].valid);
        assert_true(value == cases[i].value);
    }
}

static void integers_are_parsed_whole_or_not_at_all(void **state)
{
    (void)state;
    static const char *const refused[] = {"",
                                          " 1",
                                          "1 ",
                                          "+1",
                                          "01",
                                          "-0",
                                          "0x1",
                                          "1e3",
                                          "--1",
                                          "9223372036854775808",
                                          "-9223372036854775809"};
    int64_t value = 42;
    for (size_t i = 0; i < ES_ARRAY_LEN(refused); i++) {
        assert_false(es_parse_i64(refused[i], &value));
    }
    assert_int_equal(value, 42);
    assert_true(es_parse_i64("-9223372036854775808", &value) && value == INT64_MIN);
    assert_true(es_parse_i64("9223372036854775807", &value) && value == INT64_MAX);
    uint64_t large = 0;
    assert_true(es_parse_u64("18446744073709551615", &large) && large == UINT64_MAX);
    assert_false(es_parse_u64("18446744073709551616", &large));
}

static void integers_are_written_as_they_are_read(void **state)
{
    (void)state;
    static const int64_t values[] = {0, 7, -7, 10, 99, 100, -1000, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < ES_ARRAY_LEN(values); i++) {
        char text[ES_I64_TEXT_SIZE];
        int64_t back = 42;
        size_t length = es_format_i64(values[i], text);
        assert_int_equal(length, strlen(text));
        assert_true(es_parse_i64(text, &back));
        assert_int_equal(back, values[i]);
    }
    ES_CLEANUP(es_buf_done) struct es_buf buf = ES_BUF_INIT;
    es_buf_add_i64(&buf, INT64_MIN);
    es_buf_add_i64(&buf, 0);
    assert_string_equal(es_buf_str(&buf), "-92233720368547758080");
}

static void hex_is_exact(void **state)
{
    (void)state;
    unsigned char bytes[2] = {0};
    assert_true(es_parse_hex("0aFF", bytes, 2));
    assert_memory_equal(bytes, "\x0A\xFF", 2);
    assert_false(es_parse_hex("0aF", bytes, 2));
    assert_false(es_parse_hex("0aFF0", bytes, 2));
    assert_false(es_parse_hex("0aGF", bytes, 2));
}

static void base64url_is_exact(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "A\x80\x41\x41", "A+AA", "A/AA", "AA==", "A A", "AB", "A",
    };
    unsigned char bytes[8] = {0};
    size_t length = 42;
    for (size_t i = 0; i < ES_ARRAY_LEN(refused); i++) {
        assert_false(
            es_parse_base64url(refused[i], strlen(refused[i]), bytes, sizeof(bytes), &length));
    }
    assert_int_equal(length, 42);
    assert_true(es_parse_base64url("_-8A", 4, bytes, sizeof(bytes), &length));
    assert_int_equal(length, 3);
    assert_memory_equal(bytes, "\xFF\xEF\x00", 3);
    assert_false(es_parse_base64url("AAAAAAAAAAAAAAAA", 16, bytes, sizeof(bytes), &length));
}

static void utf8_is_checked_to_the_letter(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        bool valid;
    } cases[] = {
        {"S\xC3\xB8ren", 6, true},      {"\xF0\x9F\x91\xB5", 4, true},
        {"\xC0\x80", 2, false},         {"\xED\xA0\x80", 3, false},
        {"\xF4\x90\x80\x80", 4, false}, {"\xE2\x82", 2, false},
        {"a\x00z", 3, false},           {"\x80", 1, false},
        {"\xC3\x28", 2, false},         {"\xF0\x8F\xBF\xBF", 4, false},
        {"\xF4\x8F\xBF\xBF", 4, true},  {"", 0, true},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        assert_int_equal(es_utf8_valid(cases[i].bytes, cases[i].length), cases[i].valid);
    }
}

static void text_is_trimmed_and_lowered(void **state)
{
    (void)state;
    char text[] = " \tAnna@Example.DK\r\n";
    assert_string_equal(es_ascii_lower(es_trim(text)), "anna@example.dk");
}

static void calendar_goes_both_ways(void **state)
{
    (void)state;
    for (int32_t days = -800000; days < 800000; days += 17) {
        assert_int_equal(es_civil_to_days(es_civil_from_days(days)), days);
    }
    assert_int_equal(es_civil_to_days((struct es_civil){2026, 11, 21}), 20778);
    int32_t days = 0;
    assert_true(es_civil_parse("2028-02-29", &days));
    assert_false(es_civil_parse("2027-02-29", &days));
    assert_false(es_civil_parse("2027-2-9", &days));
    assert_false(es_civil_parse("2027-13-01", &days));
    char text[ES_DATE_TEXT_SIZE];
    es_civil_format(days, text);
    assert_string_equal(text, "2028-02-29");
}

static void time_is_written_and_read_as_rfc3339(void **state)
{
    (void)state;
    char text[ES_TIME_TEXT_SIZE];
    int64_t at_us = 0;
    assert_true(es_clock_parse("2026-11-21T08:02:11.123456+01:00", &at_us));
    es_clock_format(at_us, text);
    assert_string_equal(text, "2026-11-21T07:02:11.123Z");
    assert_int_equal(at_us % ES_US_PER_S, 123456);
    static const char *const refused[] = {
        "2026-11-21",
        "2026-11-21T07:02:11",
        "2026-11-21 07:02:11Z",
        "2026-11-21T24:02:11Z",
        "2026-11-21T07:60:11Z",
        "2026-02-30T07:00:11Z",
        "2026-11-21T07:02:11.Z",
        "2026-11-21T07:02:11+1:00",
        "2026-11-21T07:02:11Zjunk",
        "1969-12-31T23:59:59Z",
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(refused); i++) {
        assert_false(es_clock_parse(refused[i], &at_us));
    }
}

static void amounts_never_overflow_or_mix(void **state)
{
    (void)state;
    struct es_amount one = es_amount_make(1, ES_CURRENCY_SAT);
    struct es_amount most = es_amount_make(INT64_MAX, ES_CURRENCY_SAT);
    struct es_amount krone = es_amount_make(100, ES_CURRENCY_DKK);
    struct es_amount result = one;
    assert_false(es_amount_add(most, one, &result));
    assert_false(es_amount_add(one, krone, &result));
    assert_false(es_amount_mul(most, 2, &result));
    assert_int_equal(es_amount_minor(result), 1);
    assert_true(es_amount_sub(one, most, &result));
    assert_int_equal(es_amount_minor(result), 1 - INT64_MAX);
    int order = 0;
    assert_false(es_amount_compare(one, krone, &order));
    assert_true(es_amount_compare(one, most, &order) && order == -1);
    char text[ES_AMOUNT_TEXT_SIZE];
    es_amount_format(es_amount_make(INT64_MIN, ES_CURRENCY_SAT), text);
    assert_string_equal(text, "-9223372036854775808");
    assert_true(es_amount_parse(text, ES_CURRENCY_SAT, &result));
    assert_false(es_amount_parse("1.5", ES_CURRENCY_SAT, &result));
}

static void random_can_be_made_repeatable(void **state)
{
    (void)state;
    unsigned char first[16];
    unsigned char second[16];
    es_random_seed_for_tests(7);
    es_random_bytes(first, sizeof(first));
    es_random_bytes(second, sizeof(second));
    assert_memory_not_equal(first, second, sizeof(first));
    es_random_seed_for_tests(7);
    es_random_bytes(second, sizeof(second));
    assert_memory_equal(first, second, sizeof(first));
    assert_true(es_random_below(10) < 10);
}

static void open_pipe(int ret_ends[2])
{
    assert_int_equal(pipe2(ret_ends, O_CLOEXEC), 0);
}

static void waiting_tells_what_a_descriptor_can_do(void **state)
{
    (void)state;
    int ends[2];
    open_pipe(ends);
    assert_int_equal(es_wait_fd(ends[1], POLLOUT, ES_NO_DEADLINE), POLLOUT);
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_int_equal(es_wait_fd(ends[0], POLLIN, ES_NO_DEADLINE), POLLIN);
    assert_int_equal(es_wait_fd(ends[0], POLLIN, 0), POLLIN); /* there already: also when late */
    es_close_p(&ends[1]);
    es_close_p(&ends[0]);
}

static void waiting_ends_at_the_deadline_and_not_before(void **state)
{
    (void)state;
    int ends[2];
    open_pipe(ends);
    int64_t deadline_us = es_clock_mono_us() + 20 * ES_US_PER_MS;
    assert_int_equal(es_wait_fd(ends[0], POLLIN, deadline_us), 0);
    assert_true(es_clock_mono_us() >= deadline_us);
    assert_int_equal(es_wait_fd(ends[0], POLLIN, 0), 0);
    es_close_p(&ends[1]);
    es_close_p(&ends[0]);
}

static void waiting_for_what_is_gone_ends_at_once(void **state)
{
    (void)state;
    int ends[2];
    open_pipe(ends);
    es_close_p(&ends[1]);
    assert_int_equal(es_wait_fd(ends[0], POLLIN, ES_NO_DEADLINE), POLLHUP);
    es_close_p(&ends[0]);
    assert_int_equal(es_wait_fd(-1, POLLIN, ES_NO_DEADLINE), POLLERR);
}

/* E102: base 100 ms, cap 1,000 ms: 100, 200, 400, 800, and from then on 1,000. */
static void backoff_doubles_up_to_its_cap_and_spreads_over_the_upper_half(void **state)
{
    (void)state;
    static const struct {
        unsigned attempt;
        int64_t whole_ms;
    } cases[] = {{0, 100}, {1, 100},  {2, 200},  {3, 400},
                 {4, 800}, {5, 1000}, {6, 1000}, {UINT_MAX, 1000}};
    es_random_seed_for_tests(102);
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        int64_t whole = cases[i].whole_ms;
        int tenths[5] = {0}; /* how often each tenth of the whole between its half and itself */
        for (int draw = 0; draw < 1000; draw++) {
            int64_t wait = es_backoff_ms(100, 1000, cases[i].attempt);
            assert_in_range(wait, whole / 2, whole);
            int64_t tenth = (wait - whole / 2) * 10 / whole;
            tenths[tenth < 5 ? tenth : 4]++;
        }
        for (size_t tenth = 0; tenth < ES_ARRAY_LEN(tenths); tenth++) {
            assert_in_range(tenths[tenth], 120, 280); /* 200 each, give or take six deviations */
        }
    }
}

static void backoff_without_a_wait_does_not_wait(void **state)
{
    (void)state;
    assert_int_equal(es_backoff_ms(0, 1000, 9), 0);
    assert_int_equal(es_backoff_ms(1000, 0, 1), 0);
}

static void loopback_is_this_machine_and_nobody_whose_name_begins_like_it(void **state)
{
    (void)state;
    static const char *const ours[] = {
        "smtp://127.0.0.1:587",   "smtp://127.9.8.7",  "http://localhost", "http://LOCALHOST/x",
        "http://app.localhost:1", "http://[::1]:8001", "http://[::1]/",    "smtp://localhost?x",
    };
    static const char *const others[] = {
        "smtp://127.mail.example:587",
        "http://localhost.example.org",
        "http://127.0.0.1.org",
        "http://127.0.0.1@mail.example",
        "http://localhost:1@a.example",
        "http://128.0.0.1",
        "http://[::1].example",
        "http://[::2]",
        "http://notlocalhost",
        "http://a.example/127.0.0.1",
        "http://a.example#.localhost",
        "http://127.1",
        "http://",
        "127.0.0.1",
        "http://[",
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(ours); i++) {
        print_message("    %s\n", ours[i]);
        assert_true(es_url_is_loopback(ours[i]));
    }
    for (size_t i = 0; i < ES_ARRAY_LEN(others); i++) {
        print_message("    %s\n", others[i]);
        assert_false(es_url_is_loopback(others[i]));
    }
    assert_true(es_host_is_loopback("::1"));
    assert_false(es_host_is_loopback("::"));
    assert_false(es_host_is_loopback(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_keeps_every_allocation_apart),
        cmocka_unit_test(arena_memory_is_zero_again_after_reset),
        cmocka_unit_test(steal_leaves_null_behind),
        cmocka_unit_test(buffer_builds_text_and_numbers),
        cmocka_unit_test(reader_refuses_to_pass_the_end),
        cmocka_unit_test(reader_takes_only_the_shortest_varint),
        cmocka_unit_test(integers_are_parsed_whole_or_not_at_all),
        cmocka_unit_test(integers_are_written_as_they_are_read),
        cmocka_unit_test(hex_is_exact),
        cmocka_unit_test(base64url_is_exact),
        cmocka_unit_test(utf8_is_checked_to_the_letter),
        cmocka_unit_test(text_is_trimmed_and_lowered),
        cmocka_unit_test(loopback_is_this_machine_and_nobody_whose_name_begins_like_it),
        cmocka_unit_test(calendar_goes_both_ways),
        cmocka_unit_test(time_is_written_and_read_as_rfc3339),
        cmocka_unit_test(amounts_never_overflow_or_mix),
        cmocka_unit_test(random_can_be_made_repeatable),
        cmocka_unit_test(backoff_doubles_up_to_its_cap_and_spreads_over_the_upper_half),
        cmocka_unit_test(backoff_without_a_wait_does_not_wait),
        cmocka_unit_test(waiting_tells_what_a_descriptor_can_do),
        cmocka_unit_test(waiting_ends_at_the_deadline_and_not_before),
        cmocka_unit_test(waiting_for_what_is_gone_ends_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
