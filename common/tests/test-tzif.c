/*
 * Unit tests of the zone file reader under the day engine: every form of rule, and every way in
 * which a file can be wrong. glibc, which has its own reader, is asked for its opinion on rules.
 */
#include "common/base/tzif.h"

#include "common/base/buf.h"
#include "common/tests/glibc-zone.h"
#include "common/tests/unit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOUR_S  INT64_C(3600)
#define STEP_S  (12 * HOUR_S)
#define FROM_S  INT64_C(946684800)  /* 2000-01-01 */
#define LATER_S INT64_C(4102444800) /* 2100-01-01 */

/* --- rules, as the footers of zone files have them ------------------------------------------- */

static void add_be32(struct es_buf *out, uint32_t value)
{
    const unsigned char bytes[] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
                                   (unsigned char)(value >> 8), (unsigned char)value};
    es_buf_add(out, bytes, sizeof(bytes));
}

/* A header of version 2 with these counts: UTC, standard, leap, time, type, character. */
static void add_header(struct es_buf *out, const uint32_t counts[6])
{
    es_buf_add_str(out, "TZif2");
    es_buf_add_zeros(out, 15);
    for (size_t i = 0; i < 6; i++) {
        add_be32(out, counts[i]);
    }
}

/* The smallest zone file that has a footer: no changes, one type (UTC). */
static struct es_buf file_with_footer(const char *footer)
{
    static const uint32_t counts[] = {0, 0, 0, 0, 1, 1};
    struct es_buf file = ES_BUF_INIT;
    for (int block = 0; block < 2; block++) {
        add_header(&file, counts);
        es_buf_add_zeros(&file, 6 + 1); /* offset 0, no summer, name 0; the name "" */
    }
    es_buf_printf(&file, "\n%s\n", footer);
    return file;
}

static struct es_tzif *parse_footer(const char *footer)
{
    ES_CLEANUP(es_buf_done) struct es_buf file = file_with_footer(footer);
    return es_tzif_parse(file.data, file.length);
}

static void rules_of_every_form_agree_with_glibc_for_a_century(void **state)
{
    (void)state;
    static const char *const rules[] = {
        "UTC0",
        "CET-1CEST,M3.5.0,M10.5.0/3",           /* Copenhagen */
        "EST5EDT,M3.2.0,M11.1.0",               /* New York */
        "IST-1GMT0,M10.5.0,M3.5.0/1",           /* Dublin: winter is the exception */
        "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",      /* Nuuk: changes the evening before */
        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", /* Lord Howe: half an hour, southern summer */
        "EET-2EEST,M3.4.4/50,M10.4.4/50",       /* Gaza: hours beyond the day */
        "<-04>4<-03>,M9.1.6/24,M4.1.6/24",      /* Santiago */
        "AAA3BBB,J60,J300",                     /* never 29 February */
        "AAA3BBB,59,299/1:30:15",               /* counts 29 February */
        "AAA-3BBB-4,J1/0,J365/23",
        "AAA+11:59:59",
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(rules); i++) {
        struct es_tzif *tzif = parse_footer(rules[i]);
        assert_non_null(tzif);
        ask_glibc_about(rules[i]);
        long offset = glibc_local(FROM_S).tm_gmtoff;
        for (int64_t at_s = FROM_S; at_s < LATER_S; at_s += STEP_S) {
            struct es_tzif_span span = es_tzif_at(tzif, at_s);
            long now = glibc_local(at_s).tm_gmtoff;
            assert_int_equal(span.offset_s, now);
            assert_true(span.end_s > at_s);
            if (now != offset) {
                int64_t change_s = find_change(at_s - STEP_S, at_s);
                assert_int_equal(es_tzif_at(tzif, change_s - 1).offset_s, offset);
                assert_int_equal(es_tzif_at(tzif, change_s - 1).end_s, change_s);
                assert_int_equal(es_tzif_at(tzif, change_s).offset_s, now);
                offset = now;
            }
        }
        (void)es_tzif_free(tzif);
    }
}

static void summer_all_year_round_is_understood(void **state)
{
    (void)state;
    /* RFC 8536 section 3.3.1 gives this form; glibc does not read it right, so no comparison. */
    struct es_tzif *tzif = parse_footer("XXX3EDT4,0/0,J365/23");
    assert_non_null(tzif);
    for (int64_t at_s = FROM_S; at_s < LATER_S; at_s += HOUR_S) {
        assert_int_equal(es_tzif_at(tzif, at_s).offset_s, -4 * HOUR_S);
    }
    (void)es_tzif_free(tzif);
}

static void malformed_rules_are_refused(void **state)
{
    (void)state;
    static const char *const rules[] = {
        "U0",
        "UTC",
        "UTC25",
        "UTC0 ",
        "<UTC0",
        "<A>0",
        "UTC0EST",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.0.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,J0,J365",
        "CET-1CEST,J1,J366",
        "CET-1CEST,366,1",
        "CET-1CEST,M3.5.0/168,M10.5.0",
        "CET-1CEST,M3.5.0/2:60,M10.5.0",
        "CET-1CEST,M3.5.0/,M10.5.0",
        "CET-1CEST,M3.5.0,M10.5.0,",
        "CET-1CEST,M3.5.0,M10.5.0\nX",
        "CET--1",
        ":CET",
        "CET-1CEST,99999999999999999999,1",
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(rules); i++) {
        struct es_tzif *tzif = parse_footer(rules[i]);
        if (tzif != NULL) {
            fail_msg("accepted: %s", rules[i]);
        }
    }
}

/* --- zone files ------------------------------------------------------------------------------ */

static void a_zone_file_cut_anywhere_is_refused(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf file = file_with_footer("CET-1CEST,M3.5.0,M10.5.0/3");
    struct es_tzif *whole = es_tzif_parse(file.data, file.length);
    assert_non_null(whole);
    (void)es_tzif_free(whole);
    for (size_t length = 0; length < file.length; length++) {
        assert_null(es_tzif_parse(file.data, length));
    }
    es_buf_add_byte(&file, 'x');
    assert_null(es_tzif_parse(file.data, file.length));
}

#define UTC_TYPE    "\0\0\0\0\0\0"
#define NO_NAME     "\0"
#define FLAG        "\0"
#define AT_1        "\0\0\0\0\0\0\0\1"
#define FIRST_TYPE  "\0"
#define SECOND_TYPE "\1"
#define LEAP_SECOND "\0\0\0\0\0\0\0\0\0\0\0\0"

/* The second block of a zone file: its counts (UTC, standard, leap, time, type, character), its
 * bytes, and whether they fit together. */
static const struct {
    uint32_t counts[6];
    const char *body;
    size_t length;
    bool valid;
} body_cases[] = {
    {{0, 0, 0, 0, 1, 1}, UTC_TYPE NO_NAME, 7, true},
    {{1, 1, 0, 0, 1, 1}, UTC_TYPE NO_NAME FLAG FLAG, 9, true},
    {{0, 0, 0, 1, 1, 1}, AT_1 FIRST_TYPE UTC_TYPE NO_NAME, 16, true},
    {{0, 0, 0, 0, 0, 1}, NO_NAME, 1, false},                    /* no type */
    {{0, 0, 0, 0, 1, 0}, UTC_TYPE, 6, false},                   /* no name */
    {{2, 0, 0, 0, 1, 1}, UTC_TYPE NO_NAME FLAG FLAG, 9, false}, /* two flags for one type */
    {{0, 0, 1, 0, 1, 1}, UTC_TYPE NO_NAME LEAP_SECOND, 19, false},
    {{0, 0, 0, 1, 1, 1}, AT_1 SECOND_TYPE UTC_TYPE NO_NAME, 16, false}, /* there is one type */
    {{0, 0, 0, 2, 1, 1}, AT_1 AT_1 FIRST_TYPE FIRST_TYPE UTC_TYPE NO_NAME, 25, false},
    {{0, 0, 0, 0, 1, 1}, "\0\1\x6D\xB0\0\0" NO_NAME, 7, false}, /* 26 hours */
    {{0, 0, 0, 0, 1, 1}, "\x80\0\0\0\0\0" NO_NAME, 7, false},   /* -2^31 s */
    {{0, 0, 0, UINT32_MAX, 1, 1}, UTC_TYPE NO_NAME, 7, false},
    {{0, 0, 0, 0, UINT32_MAX, 1}, UTC_TYPE NO_NAME, 7, false},
};

static void zone_files_that_do_not_fit_together_are_refused(void **state)
{
    (void)state;
    static const uint32_t v1[] = {0, 0, 0, 0, 1, 1};
    for (size_t i = 0; i < ES_ARRAY_LEN(body_cases); i++) {
        ES_CLEANUP(es_buf_done) struct es_buf file = ES_BUF_INIT;
        add_header(&file, v1);
        es_buf_add_zeros(&file, 7);
        add_header(&file, body_cases[i].counts);
        es_buf_add(&file, body_cases[i].body, body_cases[i].length);
        es_buf_add_str(&file, "\nUTC0\n");
        struct es_tzif *tzif = es_tzif_parse(file.data, file.length);
        assert_int_equal(tzif != NULL, body_cases[i].valid);
        (void)es_tzif_free(tzif);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_of_every_form_agree_with_glibc_for_a_century),
        cmocka_unit_test(summer_all_year_round_is_understood),
        cmocka_unit_test(malformed_rules_are_refused),
        cmocka_unit_test(a_zone_file_cut_anywhere_is_refused),
        cmocka_unit_test(zone_files_that_do_not_fit_together_are_refused),
    };
    return cmocka_run_group_tests_name("tzif", tests, NULL, NULL);
}
