/*
 * Inside common/base only: the footer of a zone file, "CET-1CEST,M3.5.0,M10.5.0/3" (POSIX.1-2017
 * section 8.3, RFC 8536 section 3.3.1).
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* When, in a year, local time changes. */
struct es_tz_date {
    enum { ES_TZ_JULIAN, ES_TZ_DAY_OF_YEAR, ES_TZ_WEEKDAY } form;
    int32_t month;   /* 1..12 */
    int32_t week;    /* 1..5; 5 is the last */
    int32_t day;     /* weekday 0..6 (0 Sunday), or day of the year */
    int32_t local_s; /* seconds after that day's midnight; may be negative or beyond the day */
};

struct es_tz_rule {
    int32_t standard_offset_s; /* east of UTC */
    bool changes;              /* false: standard time all year, nothing below counts */
    int32_t summer_offset_s;
    struct es_tz_date summer_begins; /* in standard time */
    struct es_tz_date summer_ends;   /* in summer time */
};

/* LENGTH characters, exactly. */
bool es_tz_rule_parse(const char *text, size_t length, struct es_tz_rule *ret_rule) ES_MUST_CHECK;

/* The offset at AT_S and the first second after AT_S at which the rule names a change (INT64_MAX
 * when it names none). */
int32_t es_tz_rule_at(const struct es_tz_rule *rule, int64_t at_s, int64_t *ret_end_s);
