#include "tier1-core/notify/config.h"

#include "common/base/text.h"
#include "common/daemon/store-options.h"
#include "common/http/client.h"

#include <string.h>

#define OPTION(field) .offset = offsetof(struct notify_config, field)

static const char *const channels[] = {
    [NOTIFY_FILE] = "file", [NOTIFY_SMTP] = "smtp", [NOTIFY_SENDGRID] = "sendgrid", NULL};

const struct es_config_option notify_options[] = {
    ES_DATABASE_OPTION(struct notify_config, "eldersafe_notify"),
    ES_REDIS_OPTIONS(struct notify_config,
                     "empty: none (events are then looked for twice a second)"),
    {.name = "VAULT_KEY_FILE",
     .type = ES_CONFIG_FILE,
     .fallback = NULL,
     OPTION(vault_key_file),
     .help = "X25519 secret key (hex) that opens contacts and messages; only this process may read "
             "it"},
    {.name = "MAIL_CHANNEL",
     .type = ES_CONFIG_CHOICE,
     .fallback = "file",
     .choices = channels,
     OPTION(mail_channel),
     .help = "how mail goes out"},
    {.name = "MAIL_FROM",
     .type = ES_CONFIG_TEXT,
     .fallback = NULL,
     OPTION(mail_from),
     .help = "sender of mails: \"Name <address>\" or an address"},
    {.name = "MAIL_DIRECTORY",
     .type = ES_CONFIG_TEXT,
     .fallback = "",
     OPTION(mail_directory),
     .help = "channel file: folder that gets one .eml file a mail"},
    {.name = "SMTP_URL",
     .type = ES_CONFIG_TEXT,
     .fallback = "",
     OPTION(smtp_url),
     .help = "channel smtp: smtp://host:587 (STARTTLS, required except on loopback) or "
             "smtps://host:465"},
    {.name = "SMTP_USER",
     .type = ES_CONFIG_TEXT,
     .fallback = "",
     OPTION(smtp_user),
     .help = "channel smtp: user name; empty: no authentication"},
    {.name = "SMTP_PASSWORD_FILE",
     .type = ES_CONFIG_FILE,
     .fallback = "",
     OPTION(smtp_password_file),
     .help = "channel smtp: file with that user's password"},
    {.name = "SMTP_CA_FILE",
     .type = ES_CONFIG_FILE,
     .fallback = "",
     OPTION(smtp_ca_file),
     .help = "channel smtp: trust only servers certified by this PEM file; TLS then on loopback, "
             "too"},
    {.name = "SENDGRID_URL",
     .type = ES_CONFIG_URL,
     .fallback = "https://api.eu.sendgrid.com",
     OPTION(sendgrid_url),
     .help = "channel sendgrid: base address; the default keeps data in the EU"},
    {.name = "SENDGRID_KEY_FILE",
     .type = ES_CONFIG_FILE,
     .fallback = "",
     OPTION(sendgrid_key_file),
     .help = "channel sendgrid: file with the API key"},
    {.name = "ALLOWED_HOSTS",
     .type = ES_CONFIG_TEXT,
     .fallback = "",
     OPTION(allowed_hosts),
     .help = "hosts this process may talk to, with their region: \"api.eu.sendgrid.com=EU\""},
    {.name = "SENDER_THREADS",
     .type = ES_CONFIG_INT,
     .fallback = "2",
     .min = 1,
     .max = 6,
     OPTION(sender_threads),
     .help = "mails sent at the same time, each thread with a database connection"},
    {.name = "SEND_TIMEOUT",
     .type = ES_CONFIG_INT,
     .unit = "ms",
     .fallback = "15000",
     .min = 100,
     .max = 20000,
     OPTION(send_timeout_ms),
     .help = "time limit for handing over one mail"},
    {.name = "EVENT_TRIES",
     .type = ES_CONFIG_INT,
     .fallback = "5",
     .min = 1,
     .max = 100,
     OPTION(event_tries),
     .help = "an event that cannot be taken in is parked after this many tries"},
    {.name = "KEEP_MESSAGES",
     .type = ES_CONFIG_INT,
     .unit = "days",
     .fallback = "30",
     .min = 1,
     .max = 3650,
     OPTION(keep_days),
     .help = "how long it is remembered that a message was sent, failed or expired"},
};
const size_t notify_option_count = ES_ARRAY_LEN(notify_options);

/* --- what belongs together ----------------------------------------------------------------- */
static bool is_given(const char *value, const char *name, const char *channel,
                     struct es_buf *errors)
{
    if (value == NULL) {
        es_buf_printf(errors, "ELDERSAFE_%s is not set: MAIL_CHANNEL=%s needs it\n", name, channel);
    }
    return value != NULL;
}

static bool is_allowed(const struct notify_config *config, const char *url, const char *name,
                       struct es_buf *errors)
{
    const char *hosts = config->allowed_hosts != NULL ? config->allowed_hosts : "";
    bool allowed = es_client_host_allowed(hosts, url);
    if (!allowed) {
        es_buf_printf(errors, "the host of ELDERSAFE_%s is not in ELDERSAFE_ALLOWED_HOSTS\n", name);
    }
    return allowed;
}

static bool check_file(const struct notify_config *config, struct es_buf *errors)
{
    return is_given(config->mail_directory, "MAIL_DIRECTORY", "file", errors);
}

static bool check_smtp(const struct notify_config *config, struct es_buf *errors)
{
    if (!is_given(config->smtp_url, "SMTP_URL", "smtp", errors)) {
        return false;
    }
    if (!es_starts_with(config->smtp_url, "smtp://") &&
        !es_starts_with(config->smtp_url, "smtps://")) {
        es_buf_add_str(errors, "ELDERSAFE_SMTP_URL must begin with smtp:// or smtps://\n");
        return false;
    }
    if ((config->smtp_user == NULL) != (config->smtp_password_file == NULL)) {
        es_buf_add_str(errors,
                       "ELDERSAFE_SMTP_USER and ELDERSAFE_SMTP_PASSWORD_FILE go together\n");
        return false;
    }
    /* The allowlist knows web addresses: the host is what counts. */
    ES_CLEANUP(es_buf_done) struct es_buf url = ES_BUF_INIT;
    es_buf_printf(&url, "https://%s", strstr(config->smtp_url, "://") + strlen("://"));
    return is_allowed(config, es_buf_str(&url), "SMTP_URL", errors);
}

static bool check_sendgrid(const struct notify_config *config, struct es_buf *errors)
{
    bool given = is_given(config->sendgrid_key_file, "SENDGRID_KEY_FILE", "sendgrid", errors);
    return is_allowed(config, config->sendgrid_url, "SENDGRID_URL", errors) && given;
}

bool notify_check_config(const void *config_, struct es_buf *errors)
{
    static bool (*const checks[])(const struct notify_config *config, struct es_buf *errors) = {
        [NOTIFY_FILE] = check_file, [NOTIFY_SMTP] = check_smtp, [NOTIFY_SENDGRID] = check_sendgrid};
    const struct notify_config *config = config_;
    struct mailbox from;
    bool valid = true;
    if (!mailbox_parse(config->mail_from, &from)) {
        es_buf_add_str(errors, "ELDERSAFE_MAIL_FROM must be \"Name <address>\" or an address\n");
        valid = false;
    }
    if (config->allowed_hosts != NULL && !es_client_hosts_valid(config->allowed_hosts, errors)) {
        return false;
    }
    valid &= es_redis_options_check(config->redis_user, config->redis_password_file, errors);
    return checks[config->mail_channel](config, errors) && valid;
}
