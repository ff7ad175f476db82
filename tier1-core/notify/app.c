#include "tier1-core/notify/app.h"

#define CONNECT_TIMEOUT_MS             1500
#define STATEMENT_TIMEOUT_MS           5000
#define IDLE_IN_TRANSACTION_TIMEOUT_MS 10000

struct es_db_config notify_db_config(const struct notify *notify)
{
    return (struct es_db_config){
        .conninfo = notify->config.database,
        .application_name = "eldersafe-notify",
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
        .idle_in_transaction_timeout_ms = IDLE_IN_TRANSACTION_TIMEOUT_MS,
    };
}

struct channel_secrets notify_channel_secrets(const struct notify *notify)
{
    return (struct channel_secrets){
        .smtp_password = notify->smtp_password,
        .sendgrid_key = notify->sendgrid_key,
    };
}
