#include "tier1-core/notify/sendgrid-message.h"

#include "common/json/json.h"
#include "tier1-core/notify/channel-kinds.h"

static void add_personalization(struct es_json_writer *json, const struct mail *mail)
{
    es_json_key(json, "personalizations");
    es_json_begin_array(json);
    es_json_begin_object(json);
    es_json_key(json, "to");
    es_json_begin_array(json);
    es_json_begin_object(json);
    es_json_put_text(json, "email", mail->to);
    es_json_end_object(json);
    es_json_end_array(json);
    es_json_key(json, "custom_args");
    es_json_begin_object(json);
    es_json_put_text(json, "eldersafe_reference", mail->reference);
    es_json_end_object(json);
    es_json_end_object(json);
    es_json_end_array(json);
}

static void add_from(struct es_json_writer *json, const struct mailbox *from)
{
    es_json_key(json, "from");
    es_json_begin_object(json);
    es_json_put_text(json, "email", from->address);
    if (from->name[0] != '\0') {
        es_json_put_text(json, "name", from->name);
    }
    es_json_end_object(json);
}

static void add_content(struct es_json_writer *json, const char *type, const struct es_buf *value)
{
    es_json_begin_object(json);
    es_json_put_text(json, "type", type);
    es_json_put_text(json, "value", es_buf_str(value));
    es_json_end_object(json);
}

static void add_tracking(struct es_json_writer *json)
{
    static const char *const kinds[] = {"click_tracking", "open_tracking", "subscription_tracking"};
    es_json_key(json, "tracking_settings");
    es_json_begin_object(json);
    for (size_t i = 0; i < ES_ARRAY_LEN(kinds); i++) {
        es_json_key(json, kinds[i]);
        es_json_begin_object(json);
        es_json_put_bool(json, "enable", false);
        es_json_end_object(json);
    }
    es_json_end_object(json);
}

void sendgrid_body(const struct mail *mail, struct es_buf *out)
{
    struct es_json_writer json = es_json_writer_make(out);
    es_json_begin_object(&json);
    add_personalization(&json, mail);
    add_from(&json, mail->from);
    es_json_put_text(&json, "subject", es_buf_str(&mail->letter->subject));
    es_json_key(&json, "content");
    es_json_begin_array(&json);
    add_content(&json, "text/plain", &mail->letter->text);
    add_content(&json, "text/html", &mail->letter->html);
    es_json_end_array(&json);
    add_tracking(&json);
    es_json_end_object(&json);
}

enum channel_result sendgrid_judge(long status, int64_t retry_after_s,
                                   struct channel_report *report)
{
    if (status >= 200 && status <= 299) {
        return CHANNEL_DELIVERED;
    }
    bool ours = status == 401 || status == 403;
    bool busy = status == 408 || status == 429;
    bool refused = status >= 400 && status <= 499 && !ours && !busy;
    report->retry_after_s = retry_after_s;
    return channel_fail(report, refused ? CHANNEL_NEVER : CHANNEL_LATER, "http_%ld", status);
}
