/* Channel `sendgrid`: SendGrid's HTTP API v3, through the allowlisted client (E7). */
#include "common/base/mem.h"
#include "common/base/wipe.h"
#include "common/http/client.h"
#include "tier1-core/notify/channel-kinds.h"
#include "tier1-core/notify/sendgrid-message.h"

#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_MS 5000
#define LARGEST_ANSWER     65536
#define FAILURES_TO_OPEN   5
#define OPEN_MS            5000

struct sendgrid {
    struct es_client *client;
    char *url;
    struct es_buf authorization; /* the header line, with the key in it */
};

static void release(void *state)
{
    struct sendgrid *sendgrid = state;
    sendgrid->client = es_client_free(sendgrid->client);
    es_wipe_buf(&sendgrid->authorization);
    free(sendgrid->url);
    free(sendgrid);
}

static void *make(const struct notify_config *config, const struct channel_secrets *secrets,
                  struct es_buf *error)
{
    int64_t timeout_ms = config->send_timeout_ms;
    struct es_client_config client = {
        .allowed_hosts = config->allowed_hosts,
        .connect_timeout_ms = timeout_ms < CONNECT_TIMEOUT_MS ? timeout_ms : CONNECT_TIMEOUT_MS,
        .total_timeout_ms = timeout_ms,
        .max_answer = LARGEST_ANSWER,
        .failures_to_open = FAILURES_TO_OPEN,
        .open_ms = OPEN_MS,
        .user_agent = "eldersafe-notify",
    };
    struct sendgrid *sendgrid = ES_NEW(struct sendgrid);
    struct es_buf url = ES_BUF_INIT;
    es_buf_printf(&url, "%s/v3/mail/send", config->sendgrid_url);
    sendgrid->url = es_buf_steal_str(&url);
    es_wipe_reserve(&sendgrid->authorization, strlen(secrets->sendgrid_key) + 64);
    es_buf_printf(&sendgrid->authorization, "Authorization: Bearer %s", secrets->sendgrid_key);
    sendgrid->client = es_client_new(&client, error);
    if (sendgrid->client == NULL) {
        release(sendgrid);
        return NULL;
    }
    return sendgrid;
}

static enum channel_result deliver(void *state, const struct mail *mail,
                                   struct channel_report *report)
{
    const struct sendgrid *sendgrid = state;
    ES_CLEANUP(es_wipe_buf) struct es_buf body = ES_BUF_INIT;
    es_wipe_reserve(&body, CHANNEL_MAIL_ROOM);
    sendgrid_body(mail, &body);
    const char *const headers[] = {es_buf_str(&sendgrid->authorization),
                                   "Content-Type: application/json", NULL};
    const struct es_client_request request = {
        .method = "POST",
        .url = sendgrid->url,
        .headers = headers,
        .body = body.data,
        .body_length = body.length,
    };
    struct es_client_answer answer;
    enum es_client_result called = es_client_call(sendgrid->client, &request, &answer);
    if (called != ES_CLIENT_ANSWERED) {
        return channel_fail(report, CHANNEL_LATER, "%s", es_client_result_name(called));
    }
    enum channel_result result = sendgrid_judge(answer.status, answer.retry_after_s, report);
    if (result == CHANNEL_DELIVERED) {
        memcpy(report->reference, mail->reference, strlen(mail->reference) + 1);
    }
    es_client_answer_done(&answer);
    return result;
}

const struct channel_kind channel_sendgrid = {.make = make, .release = release, .deliver = deliver};
