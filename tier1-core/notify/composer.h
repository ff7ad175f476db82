/*
 * From a claimed message to a mail: the only place where a contact and a message lie open.
 */
#pragma once

#include "common/base/compiler.h"
#include "tier1-core/notify/app.h"
#include "tier1-core/notify/channel.h"
#include "tier1-core/notify/mail.h"
#include "tier1-core/notify/messages.h"

/* A mail with all it points to. */
struct composed {
    struct mail mail;
    struct letter letter;
    struct es_buf address;
    char reference[MAIL_REFERENCE_SIZE];
};

#define COMPOSED_INIT ((struct composed){.address = ES_BUF_INIT})

/* Wipe and release. */
void composed_done(struct composed *composed);

/* CHANNEL_DELIVERED: RET_COMPOSED (initialised, not moved afterwards) holds the mail.
 * CHANNEL_NEVER: it can never be written (no_contact, bad_address, bad_content, no_template).
 * CHANNEL_LATER: it cannot be opened, which a wrong key explains best (unreadable): an operator can
 * put that right. */
enum channel_result composer_compose(const struct notify *notify,
                                     const struct messages_claimed *claimed,
                                     struct composed *ret_composed,
                                     struct channel_report *report) ES_MUST_CHECK;
