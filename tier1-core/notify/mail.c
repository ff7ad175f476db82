#include "tier1-core/notify/mail.h"

#include "common/base/civil.h"
#include "common/base/clock.h"
#include "tier1-core/notify/mime.h"

#include <inttypes.h>

#define S_PER_DAY     86400
#define S_PER_HOUR    3600
#define S_PER_MINUTE  60
#define DAYS_PER_WEEK 7

static void add_date(struct es_buf *out, int64_t at_us)
{
    /* Day 0 of the calendar was a Thursday. */
    static const char *const weekdays[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    int64_t at_s = at_us / ES_US_PER_S;
    int32_t days = (int32_t)(at_s / S_PER_DAY);
    int second_of_day = (int)(at_s % S_PER_DAY);
    struct es_civil date = es_civil_from_days(days);
    es_buf_printf(out, "Date: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n",
                  weekdays[days % DAYS_PER_WEEK], date.day, months[date.month - 1], date.year,
                  second_of_day / S_PER_HOUR, second_of_day % S_PER_HOUR / S_PER_MINUTE,
                  second_of_day % S_PER_MINUTE);
}

static void add_from(struct es_buf *out, const struct mailbox *from)
{
    es_buf_add_str(out, "From: ");
    if (from->name[0] != '\0') {
        mime_add_phrase(out, from->name);
        es_buf_add_str(out, "\r\n "); /* a line with an encoded word is a short one */
    }
    es_buf_printf(out, "<%s>\r\n", from->address);
}

static void add_headers(const struct mail *mail, struct es_buf *out)
{
    add_from(out, mail->from);
    es_buf_printf(out, "To: <%s>\r\nSubject: ", mail->to);
    mime_add_header_text(out, es_buf_str(&mail->letter->subject));
    es_buf_add_str(out, "\r\n");
    add_date(out, mail->written_at_us);
    es_buf_printf(out,
                  "Message-ID: <%s@%s>\r\n"
                  "Auto-Submitted: auto-generated\r\n"
                  "MIME-Version: 1.0\r\n"
                  "Content-Type: multipart/alternative;\r\n boundary=\"=_%s\"\r\n\r\n",
                  mail->reference, address_domain(mail->from->address), mail->reference);
}

/* "=_" cannot stand in quoted-printable, and nobody who writes a text knows the reference. */
static void add_part(const struct mail *mail, enum mail_encoding encoding, const char *type,
                     const struct es_buf *content, struct es_buf *out)
{
    static const char *const names[] = {
        [MAIL_QUOTED_PRINTABLE] = "quoted-printable", [MAIL_8BIT] = "8bit"};
    es_buf_printf(out,
                  "--=_%s\r\n"
                  "Content-Type: %s; charset=utf-8\r\n"
                  "Content-Transfer-Encoding: %s\r\n\r\n",
                  mail->reference, type, names[encoding]);
    switch (encoding) {
    case MAIL_QUOTED_PRINTABLE:
        mime_add_quoted_printable(out, es_buf_str(content));
        break;
    case MAIL_8BIT:
        mime_add_8bit(out, es_buf_str(content));
        break;
    }
}

void mail_compose(const struct mail *mail, enum mail_encoding encoding, struct es_buf *out)
{
    add_headers(mail, out);
    add_part(mail, encoding, "text/plain", &mail->letter->text, out);
    add_part(mail, encoding, "text/html", &mail->letter->html, out);
    es_buf_printf(out, "--=_%s--\r\n", mail->reference);
}
