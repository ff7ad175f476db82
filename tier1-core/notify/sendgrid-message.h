/* SendGrid's v3 mail/send: the request's body and what an answer means. Pure: no I/O. */
#pragma once

#include "common/base/buf.h"
#include "tier1-core/notify/channel.h"
#include "tier1-core/notify/mail.h"

#include <stdint.h>

/* Append the JSON body for MAIL. Tracking is off: a rewritten link would hand the sign-in to the
 * provider. custom_args carry our reference, the only way to recognise a mail whose answer was
 * lost (the API knows no idempotency key). */
void sendgrid_body(const struct mail *mail, struct es_buf *out);

/* 2xx: taken. 429, 5xx, time-outs: later, after RETRY_AFTER_S when it is not negative. 401 and 403:
 * our key, not this mail, so later. Any other 4xx: this mail is refused for good. */
enum channel_result sendgrid_judge(long status, int64_t retry_after_s,
                                   struct channel_report *report);
