#include "tier1-core/notify/channel.h"

#include "common/base/mem.h"
#include "tier1-core/notify/channel-kinds.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct channel {
    const struct channel_kind *kind;
    void *state;
};

static const struct channel_kind *const kinds[] = {
    [NOTIFY_FILE] = &channel_file,
    [NOTIFY_SMTP] = &channel_smtp,
    [NOTIFY_SENDGRID] = &channel_sendgrid,
};

struct channel *channel_new(const struct notify_config *config,
                            const struct channel_secrets *secrets, struct es_buf *error)
{
    const struct channel_kind *kind = kinds[config->mail_channel];
    void *state = kind->make(config, secrets, error);
    if (state == NULL) {
        return NULL;
    }
    struct channel *channel = ES_NEW(struct channel);
    channel->kind = kind;
    channel->state = state;
    return channel;
}

struct channel *channel_free(struct channel *channel)
{
    if (channel != NULL) {
        channel->kind->release(channel->state);
        free(channel);
    }
    return NULL;
}

enum channel_result channel_deliver(struct channel *channel, const struct mail *mail,
                                    struct channel_report *ret_report)
{
    *ret_report = (struct channel_report){.retry_after_s = -1};
    return channel->kind->deliver(channel->state, mail, ret_report);
}

enum channel_result channel_fail(struct channel_report *report, enum channel_result result,
                                 const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(report->error, sizeof(report->error), format, args);
    va_end(args);
    return result;
}
