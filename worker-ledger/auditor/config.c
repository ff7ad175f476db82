#include "worker-ledger/auditor/app.h"

#include "common/daemon/store-options.h"

#include <stddef.h>

#define OPTION(field) .offset = offsetof(struct es_auditor_config, field)

static const char *const networks[] = {"main", "test", "regtest", NULL}; /* enum es_network */

const struct es_config_option es_auditor_options[] = {
    ES_DATABASE_OPTION(struct es_auditor_config, "eldersafe_auditor"),
    {.name = "INTERVAL",
     .type = ES_CONFIG_INT,
     .unit = "s",
     .fallback = "300",
     .min = 1,
     .max = 86400,
     OPTION(interval_s),
     .help = "pause between two audits of what is new"},
    {.name = "FULL_INTERVAL",
     .type = ES_CONFIG_INT,
     .unit = "s",
     .fallback = "86400",
     .min = 1,
     .max = 2678400,
     OPTION(full_interval_s),
     .help = "how often everything is audited again"},
    {.name = "CHAIN_NETWORK",
     .type = ES_CONFIG_CHOICE,
     .fallback = "main",
     .choices = networks,
     OPTION(network),
     .help = "by whose rules a block's proof of work is judged"},
    {.name = "LOG_VKEY_FILE",
     .type = ES_CONFIG_FILE,
     .fallback = "",
     OPTION(log_vkey_file),
     .help = "the log's verifier keys, one a line; unset: signatures are not checked"},
    {.name = "STATEMENT_TIMEOUT",
     .type = ES_CONFIG_INT,
     .unit = "s",
     .fallback = "600",
     .min = 1,
     .max = 86400,
     OPTION(statement_timeout_s),
     .help = "deadline of one database statement"},
};
const size_t es_auditor_option_count = ES_ARRAY_LEN(es_auditor_options);
