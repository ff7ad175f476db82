/*
 * How a mail leaves the house: one small interface, three channels behind it.
 *
 * A channel belongs to one thread. It never logs and never keeps an address or a text longer than
 * it takes to hand it over; what it says about a failure is a stable word without anything of the
 * mail in it.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "tier1-core/notify/config.h"
#include "tier1-core/notify/mail.h"

#include <stdint.h>

enum channel_result {
    CHANNEL_DELIVERED, /* the next hop has taken responsibility for it */
    CHANNEL_LATER,     /* not now, or nobody knows: try again */
    CHANNEL_NEVER,     /* the next hop refused this very mail for good */
};

#define CHANNEL_REFERENCE_SIZE 65
#define CHANNEL_ERROR_SIZE     33

/* What came of it. */
struct channel_report {
    char reference[CHANNEL_REFERENCE_SIZE]; /* CHANNEL_DELIVERED: the next hop's name for it */
    char error[CHANNEL_ERROR_SIZE];         /* else: "smtp_550", "timeout" … */
    int64_t retry_after_s;                  /* CHANNEL_LATER: the next hop's wish; else -1 */
};

/* Secrets of the channels, as read from their files at start; NULL where there are none. */
struct channel_secrets {
    const char *smtp_password;
    const char *sendgrid_key;
};

struct channel;

/* The channel that CONFIG chooses. NULL with a line in ERROR when it cannot work. CONFIG and
 * SECRETS must outlive it. */
struct channel *channel_new(const struct notify_config *config,
                            const struct channel_secrets *secrets,
                            struct es_buf *error) ES_MUST_CHECK;
struct channel *channel_free(struct channel *channel);

/* Hand MAIL over, within the configured time limit. */
enum channel_result channel_deliver(struct channel *channel, const struct mail *mail,
                                    struct channel_report *ret_report) ES_MUST_CHECK;
