/*
 * Channel `smtp`: submission to a mail server (RFC 6409) by libcurl. TLS is required and its
 * certificate checked; only a server on this machine's loopback is spoken to in clear, and not even
 * that one when a certificate authority is configured. The connection is kept for the next mail.
 */
#include "common/base/host.h"
#include "common/base/mem.h"
#include "common/base/wipe.h"
#include "tier1-core/notify/channel-kinds.h"
#include "tier1-core/notify/smtp-reply.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define KEEP_CONNECTION_S 30L
#define GOODBYE_S         1L /* libcurl would wait two minutes for the answer to QUIT */

/* What the callbacks of one transfer share. */
struct transfer {
    const unsigned char *text;
    size_t left;
    enum smtp_stage stage;
    char reference[CHANNEL_REFERENCE_SIZE];
};

struct smtp {
    CURL *curl;
    char *url;
};

static size_t give_text(char *buffer, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t length = size * count < transfer->left ? size * count : transfer->left;
    memcpy(buffer, transfer->text, length);
    transfer->text += length;
    transfer->left -= length;
    return length;
}

static bool is_goodbye(const char *data, size_t length)
{
    return length >= strlen("QUIT") && memcmp(data, "QUIT", strlen("QUIT")) == 0;
}

/* libcurl tells about commands and replies through its debugging callback only. Nothing of it is
 * written anywhere. */
static int watch(CURL *curl, curl_infotype type, char *data, size_t length, void *context)
{
    if (type == CURLINFO_HEADER_OUT && is_goodbye(data, length)) {
        (void)curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, GOODBYE_S);
    }
    struct transfer *transfer = context; /* NULL between mails, when a connection is closed */
    if (transfer != NULL && type == CURLINFO_HEADER_OUT) {
        transfer->stage = smtp_stage_after(transfer->stage, data, length);
    }
    if (transfer != NULL && type == CURLINFO_HEADER_IN) {
        smtp_reference(data, length, transfer->reference);
    }
    return 0;
}

/* Whoever is told QUIT while its connection is closed for good need not answer: libcurl does that
 * outside of every transfer, where none of its time-outs can be set. */
static void hear_no_more(CURL *curl)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK && fd != CURL_SOCKET_BAD) {
        (void)shutdown(fd, SHUT_RD);
    }
}

static void release(void *state)
{
    struct smtp *smtp = state;
    hear_no_more(smtp->curl);
    curl_easy_cleanup(smtp->curl);
    free(smtp->url);
    free(smtp);
}

/* The domain after the slash is what libcurl greets with. */
static char *url_with_greeting(const struct notify_config *config)
{
    struct mailbox from;
    struct es_buf url = ES_BUF_INIT;
    es_buf_add_str(&url, config->smtp_url);
    if (mailbox_parse(config->mail_from, &from)) {
        es_buf_printf(&url, "/%s", address_domain(from.address));
    }
    return es_buf_steal_str(&url);
}

static bool set_options(CURL *curl, const struct notify_config *config,
                        const struct channel_secrets *secrets, const char *url)
{
    bool in_clear = es_url_is_loopback(config->smtp_url) && config->smtp_ca_file == NULL;
    bool done =
        curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps") == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_USE_SSL,
                         (long)(in_clear ? CURLUSESSL_NONE : CURLUSESSL_ALL)) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_MAXAGE_CONN, KEEP_CONNECTION_S) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)config->send_timeout_ms) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, give_text) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_DEBUGFUNCTION, watch) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_VERBOSE, 1L) == CURLE_OK;
    if (done && config->smtp_ca_file != NULL) {
        done = curl_easy_setopt(curl, CURLOPT_CAINFO, config->smtp_ca_file) == CURLE_OK;
    }
    if (done && config->smtp_user != NULL) {
        done = curl_easy_setopt(curl, CURLOPT_USERNAME, config->smtp_user) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_PASSWORD, secrets->smtp_password) == CURLE_OK;
    }
    return done;
}

static void *make(const struct notify_config *config, const struct channel_secrets *secrets,
                  struct es_buf *error)
{
    struct smtp *smtp = ES_NEW(struct smtp);
    smtp->url = url_with_greeting(config);
    smtp->curl = curl_easy_init();
    if (smtp->curl == NULL || !set_options(smtp->curl, config, secrets, smtp->url)) {
        es_buf_add_str(error, "libcurl cannot send mail here\n");
        release(smtp);
        return NULL;
    }
    return smtp;
}

static void free_list(struct curl_slist **list)
{
    curl_slist_free_all(*list);
}

static CURLcode perform(const struct smtp *smtp, const struct mail *mail, struct transfer *transfer)
{
    char from[ADDRESS_SIZE + 2];
    char to[ADDRESS_SIZE + 2];
    (void)snprintf(from, sizeof(from), "<%s>", mail->from->address);
    (void)snprintf(to, sizeof(to), "<%s>", mail->to);
    ES_CLEANUP(free_list) struct curl_slist *recipients = curl_slist_append(NULL, to);
    (void)curl_easy_setopt(smtp->curl, CURLOPT_MAIL_FROM, from);
    (void)curl_easy_setopt(smtp->curl, CURLOPT_MAIL_RCPT, recipients);
    (void)curl_easy_setopt(smtp->curl, CURLOPT_READDATA, transfer);
    (void)curl_easy_setopt(smtp->curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, 0L);
    (void)curl_easy_setopt(smtp->curl, CURLOPT_DEBUGDATA, transfer);
    CURLcode code = recipients != NULL ? curl_easy_perform(smtp->curl) : CURLE_OUT_OF_MEMORY;
    (void)curl_easy_setopt(smtp->curl, CURLOPT_MAIL_RCPT, NULL);
    (void)curl_easy_setopt(smtp->curl, CURLOPT_DEBUGDATA, NULL);
    return code;
}

static enum channel_result deliver(void *state, const struct mail *mail,
                                   struct channel_report *report)
{
    const struct smtp *smtp = state;
    long status = 0;
    ES_CLEANUP(es_wipe_buf) struct es_buf content = ES_BUF_INIT;
    es_wipe_reserve(&content, CHANNEL_MAIL_ROOM);
    mail_compose(mail, MAIL_QUOTED_PRINTABLE, &content);
    struct transfer transfer = {.text = content.data, .left = content.length};
    CURLcode code = perform(smtp, mail, &transfer);
    (void)curl_easy_getinfo(smtp->curl, CURLINFO_RESPONSE_CODE, &status);
    enum channel_result result = smtp_judge(code, transfer.stage, status, report);
    if (result == CHANNEL_DELIVERED) {
        memcpy(report->reference, transfer.reference, sizeof(report->reference));
    }
    return result;
}

const struct channel_kind channel_smtp = {.make = make, .release = release, .deliver = deliver};
