/*
 * Proleptic Gregorian calendar arithmetic: days since 1970-01-01 to and from year, month, day.
 * Source of the formulas: H. Hinnant, "chrono-compatible low-level date algorithms".
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

struct es_civil {
    int32_t year;
    int32_t month; /* 1..12 */
    int32_t day;   /* 1..31 */
};

int32_t es_civil_to_days(struct es_civil date);
struct es_civil es_civil_from_days(int32_t days);

/* "2026-11-21": 10 characters and a NUL. Years 0 to 9999. */
#define ES_DATE_TEXT_SIZE 11
void es_civil_format(int32_t days, char ret_text[ES_DATE_TEXT_SIZE]);

/* Parse "YYYY-MM-DD" exactly; false when it is no date of the calendar. */
bool es_civil_parse(const char *text, int32_t *ret_days) ES_MUST_CHECK;
