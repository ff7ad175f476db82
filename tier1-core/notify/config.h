/* Configuration of eldersafe-notify: every option is one line of the table in config.c. */
#pragma once

#include "common/daemon/config.h"
#include "tier1-core/notify/address.h"

#include <stddef.h>
#include <stdint.h>

enum notify_channel { NOTIFY_FILE, NOTIFY_SMTP, NOTIFY_SENDGRID };

struct notify_config {
    const char *database;
    const char *redis;
    const char *redis_user;
    const char *redis_password_file;
    const char *vault_key_file;
    int mail_channel; /* enum notify_channel */
    const char *mail_from;
    const char *mail_directory;
    const char *smtp_url;
    const char *smtp_user;
    const char *smtp_password_file;
    const char *smtp_ca_file;
    const char *sendgrid_url;
    const char *sendgrid_key_file;
    const char *allowed_hosts;
    int64_t sender_threads;
    int64_t send_timeout_ms;
    int64_t event_tries;
    int64_t keep_days;
};

extern const struct es_config_option notify_options[];
extern const size_t notify_option_count;

/* What the table cannot say: what the chosen channel needs, and that its host is allowed (E7). */
bool notify_check_config(const void *config, struct es_buf *errors);
