#include "common/base/tz-rule.h"

#include "common/base/civil.h"

#define SECONDS_PER_MINUTE 60
#define SECONDS_PER_HOUR   3600
#define SECONDS_PER_DAY    86400
#define DAYS_PER_WEEK      7
#define WEEKDAY_OF_DAY_0   4 /* 1970-01-01 was a Thursday */
#define LAST_WEEK          5
#define SHORTEST_NAME      3
#define MOST_OFFSET_HOURS  24
#define MOST_RULE_HOURS    167 /* RFC 8536 section 3.3.1 */
#define DEFAULT_CHANGE_S   (2 * SECONDS_PER_HOUR)
#define DEFAULT_SUMMER_S   SECONDS_PER_HOUR

struct cursor {
    const char *at;
    const char *end;
};

static bool accept(struct cursor *cursor, char character)
{
    if (cursor->at == cursor->end || *cursor->at != character) {
        return false;
    }
    cursor->at++;
    return true;
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "CET", or "<+0330>" where digits and signs are allowed. The name itself is of no use to us. */
static bool skip_name(struct cursor *cursor)
{
    bool quoted = accept(cursor, '<');
    const char *start = cursor->at;
    while (cursor->at < cursor->end &&
           (is_letter(*cursor->at) ||
            (quoted && (is_digit(*cursor->at) || *cursor->at == '+' || *cursor->at == '-')))) {
        cursor->at++;
    }
    bool long_enough = cursor->at - start >= SHORTEST_NAME;
    return long_enough && (!quoted || accept(cursor, '>'));
}

static bool accept_number(struct cursor *cursor, int32_t smallest, int32_t largest,
                          int32_t *ret_value)
{
    const char *start = cursor->at;
    int32_t value = 0;
    while (cursor->at < cursor->end && is_digit(*cursor->at) && value <= largest) {
        value = value * 10 + (*cursor->at - '0');
        cursor->at++;
    }
    *ret_value = value;
    return cursor->at > start && value >= smallest && value <= largest;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool accept_time(struct cursor *cursor, int32_t most_hours, int32_t *ret_seconds)
{
    int32_t hours = 0;
    int32_t minutes = 0;
    int32_t seconds = 0;
    bool negative = accept(cursor, '-');
    (void)(negative || accept(cursor, '+'));
    if (!accept_number(cursor, 0, most_hours, &hours)) {
        return false;
    }
    if (accept(cursor, ':')) {
        if (!accept_number(cursor, 0, 59, &minutes)) {
            return false;
        }
        if (accept(cursor, ':') && !accept_number(cursor, 0, 59, &seconds)) {
            return false;
        }
    }
    int32_t total = hours * SECONDS_PER_HOUR + minutes * SECONDS_PER_MINUTE + seconds;
    *ret_seconds = negative ? -total : total;
    return true;
}

static bool accept_date(struct cursor *cursor, struct es_tz_date *ret_date)
{
    struct es_tz_date date = {.form = ES_TZ_DAY_OF_YEAR, .local_s = DEFAULT_CHANGE_S};
    bool valid = false;
    if (!accept(cursor, ',')) {
        return false;
    }
    if (accept(cursor, 'M')) {
        date.form = ES_TZ_WEEKDAY;
        valid = accept_number(cursor, 1, 12, &date.month) && accept(cursor, '.') &&
                accept_number(cursor, 1, LAST_WEEK, &date.week) && accept(cursor, '.') &&
                accept_number(cursor, 0, DAYS_PER_WEEK - 1, &date.day);
    } else if (accept(cursor, 'J')) {
        date.form = ES_TZ_JULIAN;
        valid = accept_number(cursor, 1, 365, &date.day);
    } else {
        valid = accept_number(cursor, 0, 365, &date.day);
    }
    if (valid && accept(cursor, '/')) {
        valid = accept_time(cursor, MOST_RULE_HOURS, &date.local_s);
    }
    *ret_date = date;
    return valid;
}

/* What follows the standard offset: name, offset and the two dates. */
static bool accept_summer(struct cursor *cursor, struct es_tz_rule *rule)
{
    int32_t west_s = 0;
    if (!skip_name(cursor)) {
        return false;
    }
    rule->changes = true;
    rule->summer_offset_s = rule->standard_offset_s + DEFAULT_SUMMER_S;
    if (cursor->at < cursor->end && *cursor->at != ',') {
        if (!accept_time(cursor, MOST_OFFSET_HOURS, &west_s)) {
            return false;
        }
        rule->summer_offset_s = -west_s;
    }
    return accept_date(cursor, &rule->summer_begins) && accept_date(cursor, &rule->summer_ends);
}

bool es_tz_rule_parse(const char *text, size_t length, struct es_tz_rule *ret_rule)
{
    struct cursor cursor = {text, text + length};
    struct es_tz_rule rule = {.changes = false};
    int32_t west_s = 0;
    if (!skip_name(&cursor) || !accept_time(&cursor, MOST_OFFSET_HOURS, &west_s)) {
        return false;
    }
    rule.standard_offset_s = -west_s; /* POSIX counts west, we east */
    if (cursor.at < cursor.end && !accept_summer(&cursor, &rule)) {
        return false;
    }
    if (cursor.at != cursor.end) {
        return false;
    }
    *ret_rule = rule;
    return true;
}

static bool is_leap_year(int32_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* The WEEK-th WEEKDAY of a month; week 5 is the last one. */
static int32_t weekday_of_month(int32_t year, const struct es_tz_date *date)
{
    int32_t first = es_civil_to_days((struct es_civil){year, date->month, 1});
    int32_t next_month = date->month < 12
                             ? es_civil_to_days((struct es_civil){year, date->month + 1, 1})
                             : es_civil_to_days((struct es_civil){year + 1, 1, 1});
    int32_t weekday = (first + WEEKDAY_OF_DAY_0) % DAYS_PER_WEEK;
    weekday = weekday < 0 ? weekday + DAYS_PER_WEEK : weekday;
    int32_t day = first + (date->day - weekday + DAYS_PER_WEEK) % DAYS_PER_WEEK +
                  (date->week - 1) * DAYS_PER_WEEK;
    return day < next_month ? day : day - DAYS_PER_WEEK;
}

/* The day DATE falls on in YEAR, as days since 1970. */
static int32_t day_of(const struct es_tz_date *date, int32_t year)
{
    int32_t new_year = es_civil_to_days((struct es_civil){year, 1, 1});
    switch (date->form) {
    case ES_TZ_JULIAN: /* 29 February is not counted: day 60 is always 1 March */
        return new_year + date->day - 1 + (date->day >= 60 && is_leap_year(year));
    case ES_TZ_DAY_OF_YEAR:
        return new_year + date->day;
    case ES_TZ_WEEKDAY:
        return weekday_of_month(year, date);
    }
    return new_year;
}

/* The instant of DATE in YEAR, where local time is OFFSET_S until then. */
static int64_t instant_of(const struct es_tz_date *date, int32_t year, int32_t offset_s)
{
    return (int64_t)day_of(date, year) * SECONDS_PER_DAY + date->local_s - offset_s;
}

int32_t es_tz_rule_at(const struct es_tz_rule *rule, int64_t at_s, int64_t *ret_end_s)
{
    *ret_end_s = INT64_MAX;
    if (!rule->changes) {
        return rule->standard_offset_s;
    }
    int32_t year = es_civil_from_days((int32_t)(at_s / SECONDS_PER_DAY)).year;
    int32_t offset_s = rule->standard_offset_s;
    int64_t latest_s = INT64_MIN;
    /* A change named for one year may, by its hours, fall into the next or the one before. */
    for (int32_t y = year - 2; y <= year + 2; y++) {
        const struct {
            int64_t at_s;
            int32_t offset_s;
        } changes[] = {
            {instant_of(&rule->summer_ends, y, rule->summer_offset_s), rule->standard_offset_s},
            {instant_of(&rule->summer_begins, y, rule->standard_offset_s), rule->summer_offset_s},
        };
        for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
            /* Summer that begins as it ends goes on: that is how "all year" is written. */
            bool later =
                changes[i].at_s > latest_s ||
                (changes[i].at_s == latest_s && changes[i].offset_s == rule->summer_offset_s);
            if (changes[i].at_s <= at_s && later) {
                latest_s = changes[i].at_s;
                offset_s = changes[i].offset_s;
            }
            if (changes[i].at_s > at_s && changes[i].at_s < *ret_end_s) {
                *ret_end_s = changes[i].at_s;
            }
        }
    }
    return offset_s;
}
