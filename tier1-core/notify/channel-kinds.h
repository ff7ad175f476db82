/* What the channels' own files and channel.c share; nobody else includes this. */
#pragma once

#include "tier1-core/notify/channel.h"

#define CHANNEL_MAIL_ROOM 32768 /* bytes a composed mail fits in */

struct channel_kind {
    /* NULL with a line in ERROR. */
    void *(*make)(const struct notify_config *config, const struct channel_secrets *secrets,
                  struct es_buf *error);
    void (*release)(void *state);
    /* REPORT is empty, with no wish for a retry. */
    enum channel_result (*deliver)(void *state, const struct mail *mail,
                                   struct channel_report *report);
};

extern const struct channel_kind channel_file;
extern const struct channel_kind channel_smtp;
extern const struct channel_kind channel_sendgrid;

/* Note ERROR ("http_%ld" …) in REPORT, cut to fit; yields RESULT. */
enum channel_result channel_fail(struct channel_report *report, enum channel_result result,
                                 const char *format, ...) ES_PRINTF(3, 4);
