/* Unit tests of what eldersafe-notify writes: addresses, encodings, letters, mails, provider
 * bodies. */
#include "common/base/clock.h"
#include "common/tests/unit.h"
#include "tier1-core/notify/address.h"
#include "tier1-core/notify/letter.h"
#include "tier1-core/notify/mail.h"
#include "tier1-core/notify/mime.h"
#include "tier1-core/notify/sendgrid-message.h"
#include "tier1-core/notify/smtp-reply.h"

#include <jansson.h>
#include <string.h>

#define LINK "https://app.eldersafe.test/api/auth/verify?token=abcDEF-_123&x=1"
#define CODE "042917"
/* 2026-11-21T13:32:00Z: 14:32 in Copenhagen */
#define UNTIL_US (INT64_C(1795267920) * ES_US_PER_S)

static struct es_zone *zone;

static int load_zone(void **state)
{
    (void)state;
    zone = es_zone_load(NULL, ES_DAY_DEFAULT_ZONE);
    return zone != NULL ? 0 : -1;
}

static int free_zone(void **state)
{
    (void)state;
    zone = es_zone_free(zone);
    return 0;
}

/* --- addresses ----------------------------------------------------------------------------- */
static void ordinary_addresses_are_accepted(void **state)
{
    (void)state;
    static const char *const accepted[] = {
        "anna@example.dk",  "a@b",   "anna.b+tag@mail.example.co.uk",
        "o'neil_1@x-y.org", "0@1.2", "!#$%&'*/=?^`{|}~-@example.dk",
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(accepted); i++) {
        assert_true(address_valid(accepted[i]));
    }
}

static void addresses_that_could_do_more_than_name_a_mailbox_are_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "anna",
        "@example.dk",
        "anna@",
        "anna@@example.dk",
        "anna@example.dk ",
        " anna@example.dk",
        "anna@example.dk\r\nBcc: eve@example.dk",
        "anna@example.dk\nX: y",
        "anna\r\nRCPT TO:<eve@example.dk>@example.dk",
        "anna@example.dk>",
        "<anna@example.dk>",
        "anna@example.dk,eve@example.dk",
        "anna@example.dk;eve@example.dk",
        "\"anna b\"@example.dk",
        "anna@[127.0.0.1]",
        "anna@-example.dk",
        "anna@example-.dk",
        "anna@example..dk",
        ".anna@example.dk",
        "anna.@example.dk",
        "an..na@example.dk",
        "anna@example.dk.",
        "\xC3\xB8ren@example.dk",
        "anna@s\xC3\xB8.dk",
        "anna@exam_ple.dk",
        "anna\x01@example.dk",
        "anna@example.dk\x7f",
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(refused); i++) {
        assert_false(address_valid(refused[i]));
    }
}

static void addresses_have_their_longest_length(void **state)
{
    (void)state;
    char address[400];
    memset(address, 'a', sizeof(address));
    memcpy(address + 64, "@", 1);
    for (size_t i = 0; i < 3; i++) {
        address[65 + 63 * (i + 1) + i] = '.';
    }
    address[254] = '\0'; /* 64 + 1 + 63 + 1 + 63 + 1 + 61 */
    assert_true(address_valid(address));
    address[254] = 'a';
    address[255] = '\0';
    assert_false(address_valid(address));
    memset(address, 'a', 65);
    memcpy(address + 65, "@b.dk", 6);
    assert_false(address_valid(address));
}

static void senders_have_a_name_or_not(void **state)
{
    (void)state;
    struct mailbox mailbox;
    assert_true(mailbox_parse("Eldersafe Danmark <no-reply@eldersafe.test>", &mailbox));
    assert_string_equal(mailbox.name, "Eldersafe Danmark");
    assert_string_equal(mailbox.address, "no-reply@eldersafe.test");
    assert_string_equal(address_domain(mailbox.address), "eldersafe.test");
    assert_true(mailbox_parse("no-reply@eldersafe.test", &mailbox));
    assert_string_equal(mailbox.name, "");
    static const char *const refused[] = {
        "Eldersafe",         "Eldersafe <>",        "Eldersafe <a@b",
        "Elder\"safe <a@b>", "Elder\r\nX: y <a@b>", "Eldersafe <a@b> c",
        "Eldersafe <a@b>>",  "Elder\\safe <a@b>",   "\xC3 <a@b>",
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(refused); i++) {
        assert_false(mailbox_parse(refused[i], &mailbox));
    }
}

/* --- encodings ----------------------------------------------------------------------------- */
static void headers_are_plain_or_encoded_words(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf out = ES_BUF_INIT;
    mime_add_header_text(&out, "Sign in");
    assert_string_equal(es_buf_str(&out), "Sign in");
    es_buf_clear(&out);
    mime_add_header_text(&out, "p\xC3\xA5");
    assert_string_equal(es_buf_str(&out), "=?UTF-8?B?cMOl?=");
    es_buf_clear(&out);
    mime_add_header_text(&out, "x\r\nBcc: eve@example.dk");
    assert_null(strchr(es_buf_str(&out), '\n'));
    es_buf_clear(&out);
    mime_add_header_text(&out, "=?UTF-8?B?cMOl?="); /* would be read as an encoded word */
    assert_string_equal(es_buf_str(&out), "=?UTF-8?B?PT9VVEYtOD9CP2NNT2w/PQ==?=");
    es_buf_clear(&out);
    mime_add_phrase(&out, "Smith, A. (x)");
    assert_string_equal(es_buf_str(&out), "\"Smith, A. (x)\"");
}

static void long_headers_are_folded_between_characters(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf out = ES_BUF_INIT;
    for (int i = 0; i < 40; i++) {
        es_buf_add_str(&text, "\xE2\x82\xAC");
    }
    mime_add_header_text(&out, es_buf_str(&text));
    /* 13 characters of 3 bytes a word: 40 make four words. */
    const char *rest = es_buf_str(&out);
    for (size_t i = 0; i < 4; i++) {
        const char *end = strstr(rest, "?=");
        assert_non_null(end);
        assert_true(end + 2 - rest <= 67);
        assert_int_equal(strncmp(rest, "=?UTF-8?B?4oKs", 14), 0);
        rest = end + 2;
        rest += i < 3 ? strlen("\r\n ") : 0;
    }
    assert_string_equal(rest, "");
}

static void quoted_printable_is_seven_bits_and_short_lines(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf out = ES_BUF_INIT;
    mime_add_quoted_printable(&out, "g\xC3\xA6lder a=b \n\nlast\t");
    assert_string_equal(es_buf_str(&out), "g=C3=A6lder a=3Db=20\r\n\r\nlast=09\r\n");
    es_buf_clear(&out);
    char line[200];
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    memcpy(line + 74, "\xC3\xA6", 2); /* would straddle the limit */
    mime_add_quoted_printable(&out, line);
    size_t column = 0;
    for (const char *c = es_buf_str(&out); *c != '\0'; c++) {
        assert_true((unsigned char)*c < 0x80);
        column = *c == '\n' ? 0 : column + 1;
        assert_true(column <= 77); /* 76 and the CR */
    }
    assert_non_null(strstr(es_buf_str(&out), "=C3=A6"));
}

static void eight_bit_text_gets_canonical_line_ends(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf out = ES_BUF_INIT;
    mime_add_8bit(&out, "g\xC3\xA6lder\n\r\nlast");
    assert_string_equal(es_buf_str(&out), "g\xC3\xA6lder\r\n\r\nlast\r\n");
}

/* --- letters ------------------------------------------------------------------------------- */
static struct letter sign_in_letter(void)
{
    struct letter letter;
    const struct letter_sign_in what = {.link = LINK, .code = CODE, .expires_at_us = UNTIL_US};
    assert_true(letter_sign_in(&what, zone, &letter));
    return letter;
}

static void the_sign_in_letter_says_it_in_two_languages(void **state)
{
    (void)state;
    ES_CLEANUP(letter_done) struct letter letter = sign_in_letter();
    const char *text = es_buf_str(&letter.text);
    assert_non_null(strstr(text, "\n" LINK "\n"));
    assert_non_null(strstr(text, "    042 917\n"));
    assert_non_null(strstr(text, "kl. 14.32 den 21. november 2026 (dansk tid)"));
    assert_non_null(strstr(text, "14:32 on 21 November 2026 (Danish time)"));
    assert_non_null(strstr(text, "Var det ikke dig?"));
    assert_non_null(strstr(text, "Was this not you?"));
    const char *html = es_buf_str(&letter.html);
    assert_non_null(strstr(html, "href=\"https://app.eldersafe.test/api/auth/verify?token="
                                 "abcDEF-_123&amp;x=1\""));
    assert_non_null(strstr(html, "<strong>042 917</strong>"));
    assert_null(strstr(html, "src="));                       /* nothing is loaded from elsewhere */
    assert_null(strstr(es_buf_str(&letter.subject), "042")); /* it shows on locked screens */
}

static void letters_take_no_link_or_code_that_is_more_than_that(void **state)
{
    (void)state;
    static const struct {
        const char *link;
        const char *code;
    } cases[] = {
        {"javascript:alert(1)", CODE},
        {"ftp://example.dk/", CODE},
        {"https://example.dk/\r\nX: y", CODE},
        {"https://example.dk/ x", CODE},
        {"https://example.dk/\"><script>", CODE},
        {"https://example.dk/<b>", CODE},
        {"https://example.dk/\xC3\xA6", CODE},
        {"", CODE},
        {LINK, ""},
        {LINK, "12345"},
        {LINK, "1234567"},
        {LINK, "12345a"},
        {LINK, "12 456"},
        {LINK, "12\r\n56"},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        struct letter letter = LETTER_INIT;
        const struct letter_sign_in what = {
            .link = cases[i].link, .code = cases[i].code, .expires_at_us = UNTIL_US};
        assert_false(letter_sign_in(&what, zone, &letter));
    }
}

/* --- mails --------------------------------------------------------------------------------- */
static struct mailbox sender(void)
{
    struct mailbox from;
    assert_true(mailbox_parse("\xC3\x86ldre Sikker <no-reply@eldersafe.test>", &from));
    return from;
}

static struct mail mail_with(const struct mailbox *from, const struct letter *letter)
{
    return (struct mail){
        .from = from,
        .to = "anna@example.dk",
        .reference = "00112233445566778899aabbccddeeff",
        .message_id = 7,
        .written_at_us = UNTIL_US,
        .letter = letter,
    };
}

static void a_mail_has_every_header_it_needs_and_no_other(void **state)
{
    (void)state;
    ES_CLEANUP(letter_done) struct letter letter = sign_in_letter();
    ES_CLEANUP(es_buf_done) struct es_buf out = ES_BUF_INIT;
    struct mailbox from = sender();
    struct mail mail = mail_with(&from, &letter);
    mail_compose(&mail, MAIL_QUOTED_PRINTABLE, &out);
    static const char headers[] =
        "From: =?UTF-8?B?w4ZsZHJlIFNpa2tlcg==?=\r\n"
        " <no-reply@eldersafe.test>\r\n"
        "To: <anna@example.dk>\r\n"
        "Subject: =?UTF-8?B?TG9nIGluZCBww6UgRWxkZXJzYWZlIC8gU2lnbiBpbiB0byBFbGRl?=\r\n"
        " =?UTF-8?B?cnNhZmU=?=\r\n"
        "Date: Sat, 21 Nov 2026 13:32:00 +0000\r\n"
        "Message-ID: <00112233445566778899aabbccddeeff@eldersafe.test>\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: multipart/alternative;\r\n "
        "boundary=\"=_00112233445566778899aabbccddeeff\"\r\n\r\n";
    assert_int_equal(strncmp(es_buf_str(&out), headers, strlen(headers)), 0);
}

static void a_mail_for_the_world_is_seven_bits_with_crlf_only(void **state)
{
    (void)state;
    ES_CLEANUP(letter_done) struct letter letter = sign_in_letter();
    ES_CLEANUP(es_buf_done) struct es_buf out = ES_BUF_INIT;
    struct mailbox from = sender();
    struct mail mail = mail_with(&from, &letter);
    mail_compose(&mail, MAIL_QUOTED_PRINTABLE, &out);
    char before = '\0';
    for (const char *c = es_buf_str(&out); *c != '\0'; c++) {
        assert_true((unsigned char)*c < 0x80);
        assert_int_equal(*c == '\n', before == '\r');
        before = *c;
    }
}

static void the_same_mail_is_the_same_text_every_time(void **state)
{
    (void)state;
    ES_CLEANUP(letter_done) struct letter letter = sign_in_letter();
    ES_CLEANUP(es_buf_done) struct es_buf first = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf second = ES_BUF_INIT;
    struct mailbox from = sender();
    struct mail mail = mail_with(&from, &letter);
    mail_compose(&mail, MAIL_8BIT, &first);
    mail_compose(&mail, MAIL_8BIT, &second);
    assert_string_equal(es_buf_str(&first), es_buf_str(&second));
    assert_non_null(strstr(es_buf_str(&first), "\r\n" LINK "\r\n")); /* people can copy it */
}

/* --- SendGrid ------------------------------------------------------------------------------ */
static const char *text_at(const json_t *root, const char *a, size_t i, const char *b)
{
    return json_string_value(json_object_get(json_array_get(json_object_get(root, a), i), b));
}

static void the_sendgrid_body_is_what_its_api_asks_for(void **state)
{
    (void)state;
    ES_CLEANUP(letter_done) struct letter letter = sign_in_letter();
    ES_CLEANUP(es_buf_done) struct es_buf body = ES_BUF_INIT;
    struct mailbox from = sender();
    struct mail mail = mail_with(&from, &letter);
    sendgrid_body(&mail, &body);
    json_t *root = json_loads(es_buf_str(&body), JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    const json_t *to = json_array_get(json_object_get(root, "personalizations"), 0);
    assert_string_equal(text_at(to, "to", 0, "email"), "anna@example.dk");
    assert_string_equal(json_string_value(json_object_get(json_object_get(to, "custom_args"),
                                                          "eldersafe_reference")),
                        mail.reference);
    assert_string_equal(json_string_value(json_object_get(json_object_get(root, "from"), "name")),
                        "\xC3\x86ldre Sikker");
    assert_string_equal(text_at(root, "content", 0, "type"), "text/plain");
    assert_string_equal(text_at(root, "content", 0, "value"), es_buf_str(&letter.text));
    assert_string_equal(text_at(root, "content", 1, "type"), "text/html");
    static const char *const tracking[] = {"click_tracking", "open_tracking",
                                           "subscription_tracking"};
    for (size_t i = 0; i < ES_ARRAY_LEN(tracking); i++) {
        assert_true(json_is_false(json_object_get(
            json_object_get(json_object_get(root, "tracking_settings"), tracking[i]), "enable")));
    }
    json_decref(root);
}

static void sendgrid_answers_end_a_mail_only_when_it_is_the_mail(void **state)
{
    (void)state;
    static const struct {
        long status;
        enum channel_result result;
        const char *error;
    } cases[] = {
        {202, CHANNEL_DELIVERED, ""},     {200, CHANNEL_DELIVERED, ""},
        {400, CHANNEL_NEVER, "http_400"}, {413, CHANNEL_NEVER, "http_413"},
        {406, CHANNEL_NEVER, "http_406"}, {401, CHANNEL_LATER, "http_401"},
        {403, CHANNEL_LATER, "http_403"}, {408, CHANNEL_LATER, "http_408"},
        {429, CHANNEL_LATER, "http_429"}, {500, CHANNEL_LATER, "http_500"},
        {503, CHANNEL_LATER, "http_503"}, {302, CHANNEL_LATER, "http_302"},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        struct channel_report report = {.retry_after_s = -1};
        assert_int_equal(sendgrid_judge(cases[i].status, 17, &report), cases[i].result);
        assert_string_equal(report.error, cases[i].error);
        assert_int_equal(report.retry_after_s, cases[i].result == CHANNEL_DELIVERED ? -1 : 17);
    }
}

/* --- SMTP ---------------------------------------------------------------------------------- */
static void smtp_commands_tell_how_far_a_conversation_came(void **state)
{
    (void)state;
    static const char *const commands[] = {"EHLO x\r\n", "AUTH PLAIN abc\r\n",
                                           "MAIL FROM:<a@b>\r\n", "rcpt TO:<a@b>\r\n", "DATA\r\n"};
    static const enum smtp_stage stages[] = {SMTP_BEFORE_MAIL, SMTP_BEFORE_MAIL, SMTP_MAIL,
                                             SMTP_RCPT, SMTP_DATA};
    enum smtp_stage stage = SMTP_BEFORE_MAIL;
    for (size_t i = 0; i < ES_ARRAY_LEN(commands); i++) {
        stage = smtp_stage_after(stage, commands[i], strlen(commands[i]));
        assert_int_equal(stage, stages[i]);
    }
}

static void smtp_replies_end_a_mail_only_when_it_is_the_mail(void **state)
{
    (void)state;
    static const struct {
        CURLcode code;
        enum smtp_stage stage;
        long status;
        enum channel_result result;
        const char *error;
    } cases[] = {
        {CURLE_OK, SMTP_DATA, 250, CHANNEL_DELIVERED, ""},
        {CURLE_SEND_ERROR, SMTP_RCPT, 550, CHANNEL_NEVER, "smtp_550"},
        {CURLE_SEND_ERROR, SMTP_RCPT, 450, CHANNEL_LATER, "smtp_450"},
        {CURLE_SEND_ERROR, SMTP_DATA, 554, CHANNEL_NEVER, "smtp_554"},
        {CURLE_WEIRD_SERVER_REPLY, SMTP_DATA, 552, CHANNEL_NEVER, "smtp_552"},
        {CURLE_SEND_ERROR, SMTP_MAIL, 553, CHANNEL_LATER, "smtp_553"},
        {CURLE_WEIRD_SERVER_REPLY, SMTP_BEFORE_MAIL, 554, CHANNEL_LATER, "smtp_554"},
        {CURLE_LOGIN_DENIED, SMTP_BEFORE_MAIL, 535, CHANNEL_LATER, "login_denied"},
        {CURLE_USE_SSL_FAILED, SMTP_BEFORE_MAIL, 250, CHANNEL_LATER, "no_tls"},
        {CURLE_OPERATION_TIMEDOUT, SMTP_DATA, 354, CHANNEL_LATER, "timeout"},
        {CURLE_RECV_ERROR, SMTP_DATA, 354, CHANNEL_LATER, "curl_56"},
        {CURLE_COULDNT_CONNECT, SMTP_BEFORE_MAIL, 0, CHANNEL_LATER, "connect"},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        struct channel_report report = {.retry_after_s = -1};
        assert_int_equal(smtp_judge(cases[i].code, cases[i].stage, cases[i].status, &report),
                         cases[i].result);
        assert_string_equal(report.error, cases[i].error);
    }
}

static void smtp_replies_give_a_reference_but_never_an_address(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        const char *reference;
    } cases[] = {
        {"250 2.0.0 Ok: queued as 4FwQ3z\r\n", "4FwQ3z"},
        {"250 OK id=1kX-0001\r\n", ""},
        {"250 2.1.5 <anna@example.dk>\r\n", ""},
        {"250 accepted for anna@example.dk\r\n", ""},
        {"250\r\n", ""},
        {"", ""},
        {"250 x 0123456789012345678901234567890123456789012345678901234567890123456789\r\n", ""},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        char reference[CHANNEL_REFERENCE_SIZE];
        smtp_reference(cases[i].reply, strlen(cases[i].reply), reference);
        assert_string_equal(reference, cases[i].reference);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_addresses_are_accepted),
        cmocka_unit_test(addresses_that_could_do_more_than_name_a_mailbox_are_refused),
        cmocka_unit_test(addresses_have_their_longest_length),
        cmocka_unit_test(senders_have_a_name_or_not),
        cmocka_unit_test(headers_are_plain_or_encoded_words),
        cmocka_unit_test(long_headers_are_folded_between_characters),
        cmocka_unit_test(quoted_printable_is_seven_bits_and_short_lines),
        cmocka_unit_test(eight_bit_text_gets_canonical_line_ends),
        cmocka_unit_test(the_sign_in_letter_says_it_in_two_languages),
        cmocka_unit_test(letters_take_no_link_or_code_that_is_more_than_that),
        cmocka_unit_test(a_mail_has_every_header_it_needs_and_no_other),
        cmocka_unit_test(a_mail_for_the_world_is_seven_bits_with_crlf_only),
        cmocka_unit_test(the_same_mail_is_the_same_text_every_time),
        cmocka_unit_test(the_sendgrid_body_is_what_its_api_asks_for),
        cmocka_unit_test(sendgrid_answers_end_a_mail_only_when_it_is_the_mail),
        cmocka_unit_test(smtp_commands_tell_how_far_a_conversation_came),
        cmocka_unit_test(smtp_replies_end_a_mail_only_when_it_is_the_mail),
        cmocka_unit_test(smtp_replies_give_a_reference_but_never_an_address),
    };
    return cmocka_run_group_tests(tests, load_zone, free_zone);
}
