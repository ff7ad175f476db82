/*
 * What a life signal is: the rules that decide about one, and the event text it leaves behind.
 *
 * Pure: no HTTP, no database. Called by the signal lanes for every signal.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/base/day.h"
#include "common/tlog/leaf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIGNAL_SUBJECT_SIZE 16

enum signal_channel { SIGNAL_APP, SIGNAL_SMS, SIGNAL_EMAIL, SIGNAL_PHONE };

/* "app", "sms", "email", "phone". */
const char *signal_channel_name(enum signal_channel channel);
bool signal_channel_parse(const char *text, enum signal_channel *ret_channel) ES_MUST_CHECK;

/* How sure we are that it was the member. Every signal of this tier carries a signed token. */
#define SIGNAL_EVIDENCE_STRONG "strong"

/* A signal as received. AT_US is when the member made it: the same as RECEIVED_US unless the
 * device was offline and says so. */
struct signal_facts {
    const unsigned char *subject; /* SIGNAL_SUBJECT_SIZE bytes: the member's public id */
    enum signal_channel channel;
    int64_t received_us;
    int64_t at_us;
};

enum signal_time_verdict {
    SIGNAL_TIME_OK,
    SIGNAL_TIME_FUTURE,  /* made later than now, beyond what clocks may differ */
    SIGNAL_TIME_TOO_OLD, /* made longer ago than MAX_AGE_S */
};

/* May a signal received at RECEIVED_US say that it was made at AT_US? */
enum signal_time_verdict signal_check_time(int64_t at_us, int64_t received_us, int64_t max_age_s);

/* Write the event text (leaf v1 of the log) into RET_EVENT; returns its length.
 *   {"v":1,"type":"signal","subject":"<hex>","day":"2026-11-21","slot":0,"channel":"app",
 *    "evidence":"strong","received_at":"2026-11-21T07:02:11.123Z"}
 * and, for a signal made earlier than it was received, "made_at" at the end. */
#define SIGNAL_EVENT_SIZE 288
size_t signal_event(const struct signal_facts *facts, int32_t day,
                    char ret_event[SIGNAL_EVENT_SIZE]);
