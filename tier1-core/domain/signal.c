#include "tier1-core/domain/signal.h"

#include "common/base/civil.h"
#include "common/base/clock.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* Clocks of phones are set by the network; more than this ahead is a mistake, not drift. */
#define CLOCK_TOLERANCE_US (120 * ES_US_PER_S)

static const char *const channel_names[] = {
    [SIGNAL_APP] = "app",
    [SIGNAL_SMS] = "sms",
    [SIGNAL_EMAIL] = "email",
    [SIGNAL_PHONE] = "phone",
};

const char *signal_channel_name(enum signal_channel channel)
{
    return channel_names[channel];
}

bool signal_channel_parse(const char *text, enum signal_channel *ret_channel)
{
    for (size_t i = 0; i < ES_ARRAY_LEN(channel_names); i++) {
        if (strcmp(text, channel_names[i]) == 0) {
            *ret_channel = (enum signal_channel)i;
            return true;
        }
    }
    return false;
}

enum signal_time_verdict signal_check_time(int64_t at_us, int64_t received_us, int64_t max_age_s)
{
    if (at_us > received_us + CLOCK_TOLERANCE_US) {
        return SIGNAL_TIME_FUTURE;
    }
    return received_us - at_us > max_age_s * ES_US_PER_S ? SIGNAL_TIME_TOO_OLD : SIGNAL_TIME_OK;
}

size_t signal_event(const struct signal_facts *facts, int32_t day,
                    char ret_event[SIGNAL_EVENT_SIZE])
{
    char subject[2 * SIGNAL_SUBJECT_SIZE + 1];
    char date[ES_DATE_TEXT_SIZE];
    char received[ES_TIME_TEXT_SIZE];
    char made[ES_TIME_TEXT_SIZE];
    char made_member[64] = "";
    sodium_bin2hex(subject, sizeof(subject), facts->subject, SIGNAL_SUBJECT_SIZE);
    es_civil_format(day, date);
    es_clock_format(facts->received_us, received);
    if (facts->at_us != facts->received_us) {
        es_clock_format(facts->at_us, made);
        (void)snprintf(made_member, sizeof(made_member), ",\"made_at\":\"%s\"", made);
    }
    int length = snprintf(ret_event, SIGNAL_EVENT_SIZE,
                          "{\"v\":1,\"type\":\"signal\",\"subject\":\"%s\",\"day\":\"%s\","
                          "\"slot\":0,\"channel\":\"%s\",\"evidence\":\"%s\","
                          "\"received_at\":\"%s\"%s}",
                          subject, date, signal_channel_name(facts->channel),
                          SIGNAL_EVIDENCE_STRONG, received, made_member);
    return (size_t)length;
}
