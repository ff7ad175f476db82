#include "tier1-core/notify/letter.h"

#include "common/base/civil.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/base/wipe.h"

#include <string.h>

#define LONGEST_LINK  512
#define CODE_LENGTH   6
#define CODE_GROUP    3
#define ROOM          8192 /* either form of a letter fits */
#define MINUTES_PER_H 60
#define S_PER_MINUTE  60
#define S_PER_DAY     86400

void letter_done(struct letter *letter)
{
    es_wipe_buf(&letter->subject);
    es_wipe_buf(&letter->text);
    es_wipe_buf(&letter->html);
}

/* --- what may go in ------------------------------------------------------------------------ */
static bool is_link(const char *text)
{
    size_t length = strlen(text);
    if ((!es_starts_with(text, "https://") && !es_starts_with(text, "http://")) ||
        length > LONGEST_LINK) {
        return false;
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (*c <= ' ' || *c > '~' || strchr("\"<>\\^`{|}", *c) != NULL) {
            return false;
        }
    }
    return true;
}

static bool is_code(const char *text)
{
    return strlen(text) == CODE_LENGTH && strspn(text, "0123456789") == CODE_LENGTH;
}

/* --- words --------------------------------------------------------------------------------- */
static const char *const months_da[] = {"januar",    "februar", "marts",    "april",
                                        "maj",       "juni",    "juli",     "august",
                                        "september", "oktober", "november", "december"};
static const char *const months_en[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};

/* A point in time as people say it. */
struct moment {
    struct es_civil date;
    int hour;
    int minute;
};

static struct moment moment_of(const struct es_zone *zone, int64_t at_us)
{
    int64_t local_s = at_us / ES_US_PER_S + es_zone_offset_s(zone, at_us);
    int32_t minute_of_day = (int32_t)(local_s % S_PER_DAY / S_PER_MINUTE);
    return (struct moment){
        .date = es_civil_from_days((int32_t)(local_s / S_PER_DAY)),
        .hour = minute_of_day / MINUTES_PER_H,
        .minute = minute_of_day % MINUTES_PER_H,
    };
}

static void add_moment_da(struct es_buf *out, struct moment at)
{
    es_buf_printf(out, "kl. %02d.%02d den %d. %s %d (dansk tid)", at.hour, at.minute, at.date.day,
                  months_da[at.date.month - 1], at.date.year);
}

static void add_moment_en(struct es_buf *out, struct moment at)
{
    es_buf_printf(out, "%02d:%02d on %d %s %d (Danish time)", at.hour, at.minute, at.date.day,
                  months_en[at.date.month - 1], at.date.year);
}

static void add_escaped(struct es_buf *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '&') {
            es_buf_add_str(out, "&amp;");
        } else {
            es_buf_add_byte(out, (unsigned char)*c); /* is_link lets nothing else through */
        }
    }
}

/* --- the letter ---------------------------------------------------------------------------- */
struct language {
    const char *code; /* of HTML's lang attribute */
    const char *greeting;
    const char *use_link;
    const char *button;
    const char *or_code;
    const char *until; /* then the moment */
    const char *once;
    const char *not_you;
    void (*add_moment)(struct es_buf *out, struct moment at);
};

static const struct language languages[] = {
    {
        .code = "da",
        .greeting = "Hej",
        .use_link = "Tryk på linket for at logge ind på Eldersafe:",
        .button = "Log ind på Eldersafe",
        .or_code = "Eller skriv denne kode der, hvor du begyndte at logge ind:",
        .until = "Link og kode gælder til ",
        .once = " og kun én gang.",
        .not_you = "Var det ikke dig? Så skal du ikke gøre noget. Ingen kan logge ind uden linket "
                   "eller koden. Giv aldrig koden til nogen, heller ikke i telefonen.",
        .add_moment = add_moment_da,
    },
    {
        .code = "en",
        .greeting = "Hello",
        .use_link = "Follow the link to sign in to Eldersafe:",
        .button = "Sign in to Eldersafe",
        .or_code = "Or type this code where you began to sign in:",
        .until = "Link and code are valid until ",
        .once = " and only once.",
        .not_you =
            "Was this not you? Then you need not do anything. Nobody can sign in without the "
            "link or the code. Never give the code to anybody, not on the phone either.",
        .add_moment = add_moment_en,
    },
};

static void add_grouped_code(struct es_buf *out, const char *code)
{
    es_buf_printf(out, "%.*s %s", CODE_GROUP, code, code + CODE_GROUP);
}

static void add_text(struct es_buf *out, const struct language *words,
                     const struct letter_sign_in *what, struct moment until)
{
    es_buf_printf(out, "%s\n\n%s\n\n%s\n\n%s\n\n    ", words->greeting, words->use_link, what->link,
                  words->or_code);
    add_grouped_code(out, what->code);
    es_buf_printf(out, "\n\n%s", words->until);
    words->add_moment(out, until);
    es_buf_printf(out, "%s\n\n%s\n", words->once, words->not_you);
}

static void add_html(struct es_buf *out, const struct language *words,
                     const struct letter_sign_in *what, struct moment until)
{
    es_buf_printf(out, "<div lang=\"%s\">\n<p>%s</p>\n<p>%s</p>\n<p><a href=\"", words->code,
                  words->greeting, words->use_link);
    add_escaped(out, what->link);
    es_buf_printf(out,
                  "\" style=\"display:inline-block;padding:14px 24px;background:#0b5c3b;"
                  "color:#ffffff;text-decoration:none;border-radius:8px\">%s</a></p>\n<p>%s</p>\n"
                  "<p style=\"font-size:32px;letter-spacing:4px\"><strong>",
                  words->button, words->or_code);
    add_grouped_code(out, what->code);
    es_buf_printf(out, "</strong></p>\n<p>%s", words->until);
    words->add_moment(out, until);
    es_buf_printf(out, "%s</p>\n<p>%s</p>\n</div>\n", words->once, words->not_you);
}

bool letter_sign_in(const struct letter_sign_in *what, const struct es_zone *zone,
                    struct letter *ret_letter)
{
    if (!is_link(what->link) || !is_code(what->code)) {
        return false;
    }
    struct letter letter = LETTER_INIT;
    struct moment until = moment_of(zone, what->expires_at_us);
    es_wipe_reserve(&letter.text, ROOM);
    es_wipe_reserve(&letter.html, ROOM);
    es_buf_add_str(&letter.subject, "Log ind på Eldersafe / Sign in to Eldersafe");
    es_buf_add_str(&letter.html,
                   "<!DOCTYPE html>\n<html lang=\"da\">\n<head><meta charset=\"utf-8\">"
                   "<title>Eldersafe</title></head>\n<body style=\"font-family:sans-serif;"
                   "font-size:20px;line-height:1.5;color:#111111\">\n");
    for (size_t i = 0; i < ES_ARRAY_LEN(languages); i++) {
        es_buf_add_str(&letter.text, i > 0 ? "\n-----\n\n" : "");
        es_buf_add_str(&letter.html, i > 0 ? "<hr>\n" : "");
        add_text(&letter.text, &languages[i], what, until);
        add_html(&letter.html, &languages[i], what, until);
    }
    es_buf_add_str(&letter.html, "</body>\n</html>\n");
    *ret_letter = letter;
    return true;
}
