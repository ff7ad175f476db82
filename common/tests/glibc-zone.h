/* glibc's opinion on time zones, the independent source of the day engine's tests. It knows one
 * zone at a time, named by TZ, so a test is single-threaded where it asks. */
#pragma once

#include "common/tests/unit.h"

#include <stdlib.h>
#include <time.h>

static inline void ask_glibc_about(const char *zone)
{
    assert_int_equal(setenv("TZ", zone, 1), 0);
    tzset();
}

static inline struct tm glibc_local(int64_t at_s)
{
    time_t at = at_s;
    struct tm local;
    assert_non_null(localtime_r(&at, &local));
    return local;
}

/* The instant in (LOW, HIGH] at which glibc's offset changes; it is not that of LOW at HIGH. */
static inline int64_t find_change(int64_t low_s, int64_t high_s)
{
    long before = glibc_local(low_s).tm_gmtoff;
    while (high_s - low_s > 1) {
        int64_t middle_s = low_s + (high_s - low_s) / 2;
        if (glibc_local(middle_s).tm_gmtoff == before) {
            low_s = middle_s;
        } else {
            high_s = middle_s;
        }
    }
    return high_s;
}
