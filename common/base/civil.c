#include "common/base/civil.h"

#include "common/base/text.h"

#include <string.h>

#define DAYS_PER_ERA  146097 /* 400 years */
#define DAYS_TO_1970  719468 /* from 0000-03-01 */
#define YEARS_PER_ERA 400
#define LAST_YEAR     9999

int32_t es_civil_to_days(struct es_civil date)
{
    int32_t year = date.year - (date.month <= 2);
    int32_t era = (year >= 0 ? year : year - (YEARS_PER_ERA - 1)) / YEARS_PER_ERA;
    int32_t year_of_era = year - era * YEARS_PER_ERA;
    int32_t month_from_march = (date.month + 9) % 12;
    int32_t day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
    int32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_1970;
}

struct es_civil es_civil_from_days(int32_t days)
{
    int32_t shifted = days + DAYS_TO_1970;
    int32_t era = (shifted >= 0 ? shifted : shifted - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    int32_t day_of_era = shifted - era * DAYS_PER_ERA;
    int32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int32_t month_from_march = (5 * day_of_year + 2) / 153;
    int32_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    return (struct es_civil){
        .year = year_of_era + era * YEARS_PER_ERA + (month <= 2),
        .month = month,
        .day = day_of_year - (153 * month_from_march + 2) / 5 + 1,
    };
}

void es_civil_format(int32_t days, char ret_text[ES_DATE_TEXT_SIZE])
{
    struct es_civil date = es_civil_from_days(days);
    unsigned year = (unsigned)date.year % (LAST_YEAR + 1);
    char *at = es_put_two_digits(ret_text, year / 100);
    at = es_put_two_digits(at, year % 100);
    *at++ = '-';
    at = es_put_two_digits(at, (unsigned)date.month);
    *at++ = '-';
    at = es_put_two_digits(at, (unsigned)date.day);
    *at = '\0';
}

static bool digits(const char *text, size_t count, int32_t *ret_value)
{
    int32_t value = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (text[i] - '0');
    }
    *ret_value = value;
    return true;
}

bool es_civil_parse(const char *text, int32_t *ret_days)
{
    struct es_civil date;
    if (strlen(text) != ES_DATE_TEXT_SIZE - 1 || text[4] != '-' || text[7] != '-' ||
        !digits(text, 4, &date.year) || !digits(text + 5, 2, &date.month) ||
        !digits(text + 8, 2, &date.day) || date.month < 1 || date.month > 12 || date.day < 1) {
        return false;
    }
    int32_t days = es_civil_to_days(date);
    struct es_civil back = es_civil_from_days(days);
    if (back.month != date.month || back.day != date.day) {
        return false; /* 31 April and the like */
    }
    *ret_days = days;
    return true;
}
