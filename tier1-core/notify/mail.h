/*
 * A letter as an internet message (RFC 5322): headers and two alternative parts, plain and HTML.
 * Pure: no I/O.
 */
#pragma once

#include "common/base/buf.h"
#include "tier1-core/notify/address.h"
#include "tier1-core/notify/letter.h"

#include <stdint.h>

#define MAIL_REFERENCE_SIZE 33 /* 32 hex characters and a NUL */

struct mail {
    const struct mailbox *from;
    const char *to;        /* a valid address */
    const char *reference; /* MAIL_REFERENCE_SIZE: the same for every try to send this message */
    int64_t message_id;
    int64_t written_at_us;
    const struct letter *letter;
};

enum mail_encoding {
    MAIL_QUOTED_PRINTABLE, /* for the world: 7 bits, short lines */
    MAIL_8BIT,             /* for a file: as people read it */
};

/* Append MAIL to OUT, lines ending with CRLF. The same mail is the same text every time. */
void mail_compose(const struct mail *mail, enum mail_encoding encoding, struct es_buf *out);
