#include "common/base/clock.h"

#include "common/base/civil.h"
#include "common/base/text.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define SECONDS_PER_DAY INT64_C(86400)

static atomic_llong wall_offset_us;

static int64_t read_us(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now); /* cannot fail for these two clocks */
    return (int64_t)now.tv_sec * ES_US_PER_S + now.tv_nsec / 1000;
}

int64_t es_clock_now_us(void)
{
    return read_us(CLOCK_REALTIME) + atomic_load_explicit(&wall_offset_us, memory_order_relaxed);
}

int64_t es_clock_mono_us(void)
{
    return read_us(CLOCK_MONOTONIC);
}

void es_clock_set_offset_us(int64_t offset_us)
{
    atomic_store(&wall_offset_us, offset_us);
}

void es_clock_format(int64_t at_us, char ret_text[ES_TIME_TEXT_SIZE])
{
    int64_t ms = at_us / ES_US_PER_MS;
    int64_t seconds = ms / 1000;
    int64_t days = seconds / SECONDS_PER_DAY;
    unsigned of_day = (unsigned)(seconds - days * SECONDS_PER_DAY);
    unsigned fraction = (unsigned)(ms % ES_MS_PER_S) % 1000;
    es_civil_format((int32_t)days, ret_text);
    char *at = ret_text + ES_DATE_TEXT_SIZE - 1;
    *at++ = 'T';
    at = es_put_two_digits(at, of_day / 3600 % 24);
    *at++ = ':';
    at = es_put_two_digits(at, of_day / 60 % 60);
    *at++ = ':';
    at = es_put_two_digits(at, of_day % 60);
    *at++ = '.';
    *at++ = (char)('0' + fraction / 100);
    at = es_put_two_digits(at, fraction % 100);
    *at++ = 'Z';
    *at = '\0';
}

/* Two digits at TEXT no greater than MAX, or -1. */
static int two_digits(const char *text, int max)
{
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') {
        return -1;
    }
    int value = (text[0] - '0') * 10 + (text[1] - '0');
    return value <= max ? value : -1;
}

/* ".123" at *AT, moved past it; 0 when there is none, -1 when it is malformed. */
static int64_t parse_fraction_us(const char **at)
{
    int64_t us = 0;
    int count = 0;
    if (**at != '.') {
        return 0;
    }
    for ((*at)++; **at >= '0' && **at <= '9'; (*at)++, count++) {
        us = count < 6 ? us * 10 + (**at - '0') : us;
    }
    for (int i = count; i < 6; i++) {
        us *= 10;
    }
    return count >= 1 && count <= 9 ? us : -1;
}

/* "Z" or "+01:00" at AT, to the end of the text, as seconds east of UTC. */
static bool parse_offset(const char *at, int64_t *ret_seconds)
{
    if (at[0] == 'Z' && at[1] == '\0') {
        *ret_seconds = 0;
        return true;
    }
    if ((at[0] != '+' && at[0] != '-') || strlen(at) != 6 || at[3] != ':') {
        return false;
    }
    int hours = two_digits(at + 1, 23);
    int minutes = two_digits(at + 4, 59);
    if (hours < 0 || minutes < 0) {
        return false;
    }
    *ret_seconds = (int64_t)(hours * 3600 + minutes * 60) * (at[0] == '-' ? -1 : 1);
    return true;
}

bool es_clock_parse(const char *text, int64_t *ret_at_us)
{
    char date[ES_DATE_TEXT_SIZE] = {0};
    int32_t days = 0;
    if (strlen(text) < 20 || text[10] != 'T' || text[13] != ':' || text[16] != ':') {
        return false;
    }
    memcpy(date, text, ES_DATE_TEXT_SIZE - 1);
    int hours = two_digits(text + 11, 23);
    int minutes = two_digits(text + 14, 59);
    int seconds = two_digits(text + 17, 59);
    const char *at = text + 19;
    int64_t fraction_us = parse_fraction_us(&at);
    int64_t offset_s = 0;
    if (!es_civil_parse(date, &days) || days < 0 || hours < 0 || minutes < 0 || seconds < 0 ||
        fraction_us < 0 || !parse_offset(at, &offset_s)) {
        return false;
    }
    int64_t total_s = days * SECONDS_PER_DAY + hours * 3600 + minutes * 60 + seconds - offset_s;
    if (total_s < 0) {
        return false;
    }
    *ret_at_us = total_s * ES_US_PER_S + fraction_us;
    return true;
}
