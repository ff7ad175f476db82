/*
 * Unit tests of the day engine (N19). The independent source is glibc: its own reader of the same
 * zone files, and its own reader of POSIX rules. It knows one zone at a time, named by TZ, so these
 * tests are single-threaded where they ask it.
 */
#include "common/base/day.h"

#include "common/base/civil.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/tests/glibc-zone.h"
#include "common/tests/unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ZONE_TABLE  "/usr/share/zoneinfo/zone1970.tab"
#define FEWEST_REAL 300 /* zones in that table; it has 312 in 2024 */
#define HOUR_S      INT64_C(3600)
#define DAY_S       INT64_C(86400)
#define STEP_S      (12 * HOUR_S)
#define FROM_S      INT64_C(946684800)  /* 2000-01-01 */
#define UNTIL_S     INT64_C(2240611200) /* 2041-01-01 */

/* --- glibc's opinion ------------------------------------------------------------------------- */

static int32_t glibc_day(const struct tm *local)
{
    return es_civil_to_days(
        (struct es_civil){local->tm_year + 1900, local->tm_mon + 1, local->tm_mday});
}

/* --- every zone, every change ---------------------------------------------------------------- */

struct tally {
    size_t zones;
    size_t changes;
    size_t set_back_across_midnight;
};

static void expect_same(const struct es_zone *zone, int64_t at_s)
{
    struct tm local = glibc_local(at_s);
    if (es_zone_offset_s(zone, at_s * ES_US_PER_S) != local.tm_gmtoff ||
        es_day_of(zone, 0, at_s * ES_US_PER_S) != glibc_day(&local)) {
        fail_msg("%s at %lld", es_zone_name(zone), (long long)at_s);
    }
}

/* Around a change: offset and day agree with glibc to the second; the day goes back only when the
 * clock was set back across midnight, which is what the member's own calendar does there. */
static void check_change(const struct es_zone *zone, int64_t change_s, struct tally *tally)
{
    static const int64_t around_s[] = {-2 * DAY_S, -DAY_S, -HOUR_S, -1, 0, 1, HOUR_S, DAY_S};
    for (size_t i = 0; i < ES_ARRAY_LEN(around_s); i++) {
        expect_same(zone, change_s + around_s[i]);
    }
    int64_t change_us = change_s * ES_US_PER_S;
    assert_int_equal(es_zone_offset_s(zone, change_us - 1),
                     es_zone_offset_s(zone, change_us - ES_US_PER_S));
    if (es_day_of(zone, 0, change_us) < es_day_of(zone, 0, change_us - 1)) {
        assert_true(es_zone_offset_s(zone, change_us) < es_zone_offset_s(zone, change_us - 1));
        tally->set_back_across_midnight++;
    }
    tally->changes++;
}

/* DAY begins where es_day_begins_us() says: it has come then, and at no quarter of an hour in the
 * two days before, nor a microsecond before. */
static void check_beginning(const struct es_zone *zone, int32_t start_minutes, int32_t day)
{
    int64_t begins_us = es_day_begins_us(zone, start_minutes, day);
    assert_true(es_day_of(zone, start_minutes, begins_us) >= day);
    assert_true(es_day_of(zone, start_minutes, begins_us - 1) < day);
    for (int64_t back_s = 900; back_s < 2 * DAY_S; back_s += 900) {
        assert_true(es_day_of(zone, start_minutes, begins_us - back_s * ES_US_PER_S) < day);
    }
}

static void check_zone(const struct es_zone *zone, struct tally *tally)
{
    static const int32_t start_minutes[] = {0, 240, -90};
    ask_glibc_about(es_zone_name(zone));
    long offset = glibc_local(FROM_S).tm_gmtoff;
    for (int64_t at_s = FROM_S + STEP_S; at_s < UNTIL_S; at_s += STEP_S) {
        expect_same(zone, at_s);
        long now = glibc_local(at_s).tm_gmtoff;
        if (now == offset) {
            continue;
        }
        offset = now;
        int64_t change_s = find_change(at_s - STEP_S, at_s);
        check_change(zone, change_s, tally);
        int32_t day = es_day_of(zone, 0, change_s * ES_US_PER_S);
        for (size_t i = 0; i < ES_ARRAY_LEN(start_minutes); i++) {
            check_beginning(zone, start_minutes[i], day - 1);
            check_beginning(zone, start_minutes[i], day);
            check_beginning(zone, start_minutes[i], day + 1);
        }
    }
    tally->zones++;
}

static void N19_every_zone_and_offset_change_2000_to_2040_agrees_with_glibc(void **state)
{
    (void)state;
    struct tally tally = {0};
    char line[1024];
    ES_CLEANUP(es_fclose_p) FILE *table = fopen(ZONE_TABLE, "re");
    assert_non_null(table);
    while (fgets(line, sizeof(line), table) != NULL) {
        char name[64] = {0};
        if (line[0] == '#' || sscanf(line, "%*s %*s %63s", name) != 1) {
            continue;
        }
        struct es_zone *zone = es_zone_load(NULL, name);
        if (zone == NULL) {
            fail_msg("cannot load %s", name);
            return;
        }
        check_zone(zone, &tally);
        (void)es_zone_free(zone);
    }
    print_message("%zu zones, %zu changes, %zu of them back across midnight\n", tally.zones,
                  tally.changes, tally.set_back_across_midnight);
    assert_true(tally.zones >= FEWEST_REAL);
    assert_true(tally.changes > 10 * tally.zones);
    assert_true(tally.set_back_across_midnight > 0);
}

/* --- zone files ------------------------------------------------------------------------------ */

static void only_names_of_places_are_loaded(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "UTC",
        "/etc/passwd",
        "../../etc/passwd",
        "Europe/../Europe/Copenhagen",
        "Europe/./Copenhagen",
        "Europe//Copenhagen",
        "Europe/Copenhagen/",
        "/Europe/Copenhagen",
        "Europe/Copenhagen ",
        "Europe/Kobenhavn",
        "Europe",
        "America/Argentina",       /* a folder */
        "right/Europe/Copenhagen", /* counts leap seconds */
        "a/b/c/d",
        "Europe/CopenhagenCopenhagenCopenhagenCopenhagenCopenhagenCopenhagen",
    };
    static const char *const accepted[] = {"Europe/Copenhagen", "America/Argentina/Salta",
                                           "Etc/GMT+1", "America/Port-au-Prince",
                                           "Asia/Ho_Chi_Minh"};
    for (size_t i = 0; i < ES_ARRAY_LEN(refused); i++) {
        assert_null(es_zone_load(NULL, refused[i]));
    }
    for (size_t i = 0; i < ES_ARRAY_LEN(accepted); i++) {
        struct es_zone *zone = es_zone_load(NULL, accepted[i]);
        assert_non_null(zone);
        assert_string_equal(es_zone_name(zone), accepted[i]);
        (void)es_zone_free(zone);
    }
    assert_null(es_zone_load("/nonexistent", "Europe/Copenhagen"));
    assert_null(es_zone_free(NULL));
}

/* --- days ------------------------------------------------------------------------------------ */

static int64_t at(const char *text)
{
    int64_t at_us = 0;
    assert_true(es_clock_parse(text, &at_us));
    return at_us;
}

static int32_t date(const char *text)
{
    int32_t days = 0;
    assert_true(es_civil_parse(text, &days));
    return days;
}

static void N19_days_in_copenhagen_have_23_to_25_hours(void **state)
{
    (void)state;
    struct es_zone *zone = es_zone_load(NULL, ES_DAY_DEFAULT_ZONE);
    static const struct {
        const char *day;
        const char *begins;
        int64_t hours;
    } cases[] = {
        {"2026-03-28", "2026-03-27T23:00:00Z", 24}, {"2026-03-29", "2026-03-28T23:00:00Z", 23},
        {"2026-10-25", "2026-10-24T22:00:00Z", 25}, {"2026-10-26", "2026-10-25T23:00:00Z", 24},
        {"2059-10-26", "2059-10-25T22:00:00Z", 25}, /* by the rule, after the table */
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        int32_t day = date(cases[i].day);
        int64_t begins_us = es_day_begins_us(zone, 0, day);
        assert_int_equal(begins_us, at(cases[i].begins));
        assert_int_equal(es_day_begins_us(zone, 0, day + 1) - begins_us,
                         cases[i].hours * HOUR_S * ES_US_PER_S);
        assert_int_equal(es_day_of(zone, 0, begins_us - 1), day - 1);
    }
    (void)es_zone_free(zone);
}

static void N19_a_day_that_starts_at_four_counts_the_night_to_the_day_before(void **state)
{
    (void)state;
    struct es_zone *zone = es_zone_load(NULL, ES_DAY_DEFAULT_ZONE);
    assert_int_equal(es_day_of(zone, 240, at("2026-11-21T02:59:59.999Z")), date("2026-11-20"));
    assert_int_equal(es_day_of(zone, 240, at("2026-11-21T03:00:00Z")), date("2026-11-21"));
    assert_int_equal(es_day_begins_us(zone, 240, date("2026-11-21")), at("2026-11-21T03:00:00Z"));
    (void)es_zone_free(zone);
}

static void N19_a_day_that_was_skipped_begins_when_the_next_one_does(void **state)
{
    (void)state;
    struct es_zone *samoa = es_zone_load(NULL, "Pacific/Apia"); /* had no 30 December 2011 */
    int64_t next_us = at("2011-12-30T10:00:00Z");
    assert_int_equal(es_day_of(samoa, 0, next_us - 1), date("2011-12-29"));
    assert_int_equal(es_day_of(samoa, 0, next_us), date("2011-12-31"));
    assert_int_equal(es_day_begins_us(samoa, 0, date("2011-12-30")), next_us);
    assert_int_equal(es_day_begins_us(samoa, 0, date("2011-12-31")), next_us);
    (void)es_zone_free(samoa);
}

static void N19_a_clock_set_back_at_midnight_makes_the_day_longer(void **state)
{
    (void)state;
    /* Brazil ended summer time at midnight: 2019-02-17 00:00 became 2019-02-16 23:00. */
    struct es_zone *zone = es_zone_load(NULL, "America/Sao_Paulo");
    int64_t change_us = at("2019-02-17T02:00:00Z");
    assert_int_equal(es_day_of(zone, 0, change_us - 1), date("2019-02-16"));
    assert_int_equal(es_day_of(zone, 0, change_us), date("2019-02-16"));
    assert_int_equal(es_day_begins_us(zone, 0, date("2019-02-17")), at("2019-02-17T03:00:00Z"));
    (void)es_zone_free(zone);
}

static void N19_only_a_clock_set_back_past_midnight_takes_a_day_back(void **state)
{
    (void)state;
    /* Newfoundland did so at one past midnight: 2010-11-07 00:01 became 2010-11-06 23:01. */
    struct es_zone *zone = es_zone_load(NULL, "America/St_Johns");
    int64_t change_us = at("2010-11-07T02:31:00Z");
    assert_int_equal(es_day_of(zone, 0, change_us - 1), date("2010-11-07"));
    assert_int_equal(es_day_of(zone, 0, change_us), date("2010-11-06"));
    assert_int_equal(es_day_of(zone, 0, at("2010-11-07T03:30:00Z")), date("2010-11-07"));
    /* The day begins when it first came, even though it went away again. */
    assert_int_equal(es_day_begins_us(zone, 0, date("2010-11-07")), at("2010-11-07T02:30:00Z"));
    (void)es_zone_free(zone);
}

static void days_before_1970_and_microseconds_are_rounded_down(void **state)
{
    (void)state;
    struct es_zone *zone = es_zone_load(NULL, "Etc/UTC");
    assert_int_equal(es_day_of(zone, 0, 0), 0);
    assert_int_equal(es_day_of(zone, 0, -1), -1);
    assert_int_equal(es_day_of(zone, 0, -DAY_S * ES_US_PER_S), -1);
    assert_int_equal(es_day_of(zone, 0, -DAY_S * ES_US_PER_S - 1), -2);
    assert_int_equal(es_day_begins_us(zone, 0, -1), -DAY_S * ES_US_PER_S);
    (void)es_zone_free(zone);
}

static void the_years_0_to_9999_are_covered(void **state)
{
    (void)state;
    struct es_zone *zone = es_zone_load(NULL, ES_DAY_DEFAULT_ZONE);
    static const char *const days[] = {"0000-01-02", "1600-02-29", "9999-12-30"};
    for (size_t i = 0; i < ES_ARRAY_LEN(days); i++) {
        check_beginning(zone, 0, date(days[i]));
    }
    (void)es_zone_free(zone);
}

/* --- the set of zones ------------------------------------------------------------------------ */

static void *get_zones(void *context)
{
    static const char *const names[] = {"Europe/Copenhagen", "America/New_York", "Asia/Tokyo",
                                        "Europe/Nowhere"};
    for (size_t i = 0; i < 400; i++) {
        const char *name = names[i % ES_ARRAY_LEN(names)];
        const struct es_zone *zone = es_zones_get(context, name);
        bool exists = i % ES_ARRAY_LEN(names) < 3;
        if ((zone != NULL) != exists || (exists && strcmp(es_zone_name(zone), name) != 0) ||
            (exists && es_day_of(zone, 0, 0) < -1)) {
            return context;
        }
    }
    return NULL;
}

static void zones_are_loaded_once_and_shared_by_all_threads(void **state)
{
    (void)state;
    pthread_t threads[8];
    struct es_zones *zones = es_zones_new(NULL);
    for (size_t i = 0; i < ES_ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, get_zones, zones), 0);
    }
    for (size_t i = 0; i < ES_ARRAY_LEN(threads); i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    const struct es_zone *first = es_zones_get(zones, "Asia/Tokyo");
    assert_ptr_equal(es_zones_get(zones, "Asia/Tokyo"), first);
    assert_null(es_zones_free(zones));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(N19_every_zone_and_offset_change_2000_to_2040_agrees_with_glibc),
        cmocka_unit_test(only_names_of_places_are_loaded),
        cmocka_unit_test(N19_days_in_copenhagen_have_23_to_25_hours),
        cmocka_unit_test(N19_a_day_that_starts_at_four_counts_the_night_to_the_day_before),
        cmocka_unit_test(N19_a_day_that_was_skipped_begins_when_the_next_one_does),
        cmocka_unit_test(N19_a_clock_set_back_at_midnight_makes_the_day_longer),
        cmocka_unit_test(N19_only_a_clock_set_back_past_midnight_takes_a_day_back),
        cmocka_unit_test(days_before_1970_and_microseconds_are_rounded_down),
        cmocka_unit_test(the_years_0_to_9999_are_covered),
        cmocka_unit_test(zones_are_loaded_once_and_shared_by_all_threads),
    };
    return cmocka_run_group_tests_name("day", tests, NULL, NULL);
}
