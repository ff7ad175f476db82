#include "worker-ledger/config.h"

#include "common/daemon/store-options.h"
#include "common/http/client.h"
#include "common/tlog/note.h"

#define OPTION(field) .offset = offsetof(struct es_ledger_config, field)
#define HOUR_MS       INT64_C(3600000)
#define DAY_MS        (24 * HOUR_MS)

/* In the order of enum es_network, and of enum es_provider_kind from NONE or from ARC. */
static const char *const networks[] = {"main", "test", "regtest", NULL};
static const char *const broadcasters[] = {"arc", "arcade", "whatsonchain", "node", NULL};
static const char *const verifiers[] = {"none", "arc", "arcade", "whatsonchain", "node", NULL};
static const char *const readers[] = {"auto", "whatsonchain", "node", NULL};

enum reader { READER_AUTO, READER_WHATSONCHAIN, READER_NODE };

const struct es_config_option es_ledger_options[] = {
    ES_DATABASE_OPTION(struct es_ledger_config, "eldersafe_ledger"),
    {.name = "STATEMENT_TIMEOUT",
     .type = ES_CONFIG_INT,
     .unit = "ms",
     .fallback = "30000",
     .min = 500,
     .max = 120000,
     OPTION(statement_timeout_ms),
     .help = "deadline of one database statement; sealing a million leaves takes several seconds"},
    ES_REDIS_OPTIONS(struct es_ledger_config, "only to be woken sooner. Unset: the timer alone"),
    {.name = "CHAIN_KEY_FILE",
     .type = ES_CONFIG_FILE,
     OPTION(chain_key_file),
     .help = "secp256k1 private key (hex) whose coins pay for anchoring"},
    {.name = "LOG_KEY_FILE",
     .type = ES_CONFIG_FILE,
     OPTION(log_key_file),
     .help = "Ed25519 seed (hex) that signs checkpoints"},
    {.name = "LOG_ORIGIN",
     .type = ES_CONFIG_TEXT,
     OPTION(log_origin),
     .help = "name of the log, first line of every checkpoint; never changes"},
    {.name = "TILES_DIRECTORY",
     .type = ES_CONFIG_TEXT,
     OPTION(tiles_directory),
     .help = "directory for tiles and checkpoints as static files"},
    {.name = "CHAIN_NETWORK",
     .type = ES_CONFIG_CHOICE,
     .fallback = "test",
     .choices = networks,
     OPTION(network),
     .help = "which chain; main needs CHAIN_ALLOW_MAINNET=yes as well"},
    {.name = "CHAIN_ALLOW_MAINNET",
     .type = ES_CONFIG_BOOL,
     .fallback = "no",
     OPTION(allow_mainnet),
     .help = "spend real money"},
    {.name = "BROADCAST",
     .type = ES_CONFIG_CHOICE,
     .fallback = "arc",
     .choices = broadcasters,
     OPTION(broadcast),
     .help = "provider that transactions are sent to"},
    {.name = "VERIFY",
     .type = ES_CONFIG_CHOICE,
     .fallback = "none",
     .choices = verifiers,
     OPTION(verify),
     .help = "second provider that has to know a transaction before it counts as seen"},
    {.name = "CHAIN_READER",
     .type = ES_CONFIG_CHOICE,
     .fallback = "auto",
     .choices = readers,
     OPTION(reader),
     .help =
         "provider of block headers and coins; auto: VERIFY, BROADCAST, or the URL that is set"},
    {.name = "ARC_URL",
     .type = ES_CONFIG_URL,
     .fallback = "",
     OPTION(arc_url),
     .help = "base URL of ARC (without /v1) or of Arcade"},
    {.name = "ARC_KEY_FILE",
     .type = ES_CONFIG_FILE,
     .fallback = "",
     OPTION(arc_key_file),
     .help = "file with the access key of ARC"},
    {.name = "WOC_URL",
     .type = ES_CONFIG_URL,
     .fallback = "",
     OPTION(woc_url),
     .help = "base URL of WhatsOnChain with its network, e.g. .../v1/bsv/main"},
    {.name = "WOC_KEY_FILE",
     .type = ES_CONFIG_FILE,
     .fallback = "",
     OPTION(woc_key_file),
     .help = "file with the access key of WhatsOnChain"},
    {.name = "NODE_URL",
     .type = ES_CONFIG_URL,
     .fallback = "",
     OPTION(node_url),
     .help = "URL of a node's JSON-RPC interface"},
    {.name = "NODE_USER",
     .type = ES_CONFIG_TEXT,
     .fallback = "",
     OPTION(node_user),
     .help = "user of the node's JSON-RPC interface"},
    {.name = "NODE_PASSWORD_FILE",
     .type = ES_CONFIG_FILE,
     .fallback = "",
     OPTION(node_password_file),
     .help = "file with the password of the node's JSON-RPC interface"},
    {.name = "ALLOWED_HOSTS",
     .type = ES_CONFIG_TEXT,
     OPTION(allowed_hosts),
     .help = "hosts this process may call, each with its region: arc.example=EU,127.0.0.1=local"},
    {.name = "PROVIDER_TIMEOUT",
     .type = ES_CONFIG_INT,
     .unit = "ms",
     .fallback = "10000",
     .min = 100,
     .max = 60000,
     OPTION(provider_timeout_ms),
     .help = "time limit of one call to a provider"},
    {.name = "SEAL_INTERVAL",
     .type = ES_CONFIG_INT,
     .unit = "ms",
     .fallback = "60000",
     .min = 10,
     .max = DAY_MS,
     OPTION(seal_interval_ms),
     .help = "time between two checkpoints while leaves come in"},
    {.name = "SEAL_MAX",
     .type = ES_CONFIG_INT,
     .unit = "leaves",
     .fallback = "65536",
     .min = 1,
     .max = 1000000,
     OPTION(seal_max),
     .help = "leaves in one checkpoint at most; as soon as so many wait, one is made"},
    {.name = "LEAF_AGE_ALARM",
     .type = ES_CONFIG_INT,
     .unit = "s",
     .fallback = "300",
     .min = 1,
     .max = 86400,
     OPTION(leaf_age_alarm_s),
     .help = "warn when a leaf has waited longer than this to be sealed, or a checkpoint for the"
             " network to see its transaction"},
    {.name = "POLL_INTERVAL",
     .type = ES_CONFIG_INT,
     .unit = "ms",
     .fallback = "2000",
     .min = 10,
     .max = 60000,
     OPTION(poll_interval_ms),
     .help = "pause between two rounds: looking for work, asking providers for news"},
    {.name = "RETRY_BASE",
     .type = ES_CONFIG_INT,
     .unit = "ms",
     .fallback = "1000",
     .min = 10,
     .max = 60000,
     OPTION(retry_base_ms),
     .help = "first pause after a failed call; doubles up to 5 minutes"},
    {.name = "SEEN_DEADLINE",
     .type = ES_CONFIG_INT,
     .unit = "ms",
     .fallback = "60000",
     .min = 10,
     .max = DAY_MS,
     OPTION(seen_deadline_ms),
     .help = "announce a transaction again when the network has not seen it for so long"},
    {.name = "MINED_DEADLINE",
     .type = ES_CONFIG_INT,
     .unit = "ms",
     .fallback = "7200000",
     .min = 10,
     .max = 7 * DAY_MS,
     OPTION(mined_deadline_ms),
     .help = "ask around and announce again when a seen transaction is not mined for so long"},
    {.name = "CONFIRMATIONS",
     .type = ES_CONFIG_INT,
     .unit = "blocks",
     .fallback = "6",
     .min = 1,
     .max = 1000,
     OPTION(confirmations),
     .help = "blocks, its own included, after which a transaction is final"},
    {.name = "FEE_FALLBACK",
     .type = ES_CONFIG_INT,
     .unit = "satoshis per 1000 bytes",
     .fallback = "100",
     .min = 1,
     .max = 1000000,
     OPTION(fee_fallback),
     .help = "fee rate while the provider's is not known"},
    {.name = "FEE_CAP",
     .type = ES_CONFIG_INT,
     .unit = "satoshis per 1000 bytes",
     .fallback = "1000",
     .min = 1,
     .max = 1000000,
     OPTION(fee_cap),
     .help = "pay no more than this; above it nothing is signed and a warning is logged"},
    {.name = "COINS_READY",
     .type = ES_CONFIG_INT,
     .unit = "coins",
     .fallback = "20",
     .min = 1,
     .max = 500,
     OPTION(coins_ready),
     .help = "coins to keep ready, so that checkpoints never queue for one"},
    {.name = "COIN_VALUE",
     .type = ES_CONFIG_INT,
     .unit = "satoshis",
     .fallback = "10000",
     .min = 1000,
     .max = 100000000,
     OPTION(coin_value),
     .help = "value of the coins that the splitter makes"},
    {.name = "COIN_DEPTH",
     .type = ES_CONFIG_INT,
     .unit = "transactions",
     .fallback = "100",
     .min = 1,
     .max = 1000,
     OPTION(coin_depth),
     .help = "longest chain of our own unmined transactions"},
    {.name = "LOW_BALANCE_BATCHES",
     .type = ES_CONFIG_INT,
     .unit = "checkpoints",
     .fallback = "10080",
     .min = 0,
     .max = 10000000,
     OPTION(low_balance_batches),
     .help = "warn when the coins pay for fewer checkpoints than this (10080: a week)"},
};

const size_t es_ledger_option_count = ES_ARRAY_LEN(es_ledger_options);

enum es_provider_kind es_ledger_broadcaster(const struct es_ledger_config *config)
{
    return (enum es_provider_kind)(config->broadcast + ES_PROVIDER_ARC);
}

enum es_provider_kind es_ledger_verifier(const struct es_ledger_config *config)
{
    return (enum es_provider_kind)config->verify;
}

static enum es_provider_kind first_reader(const struct es_ledger_config *config)
{
    enum es_provider_kind chosen[] = {es_ledger_verifier(config), es_ledger_broadcaster(config)};
    for (size_t i = 0; i < ES_ARRAY_LEN(chosen); i++) {
        if (es_provider_kind_reads_chain(chosen[i])) {
            return chosen[i];
        }
    }
    if (config->woc_url != NULL) {
        return ES_PROVIDER_WHATSONCHAIN;
    }
    return config->node_url != NULL ? ES_PROVIDER_NODE : ES_PROVIDER_NONE;
}

enum es_provider_kind es_ledger_reader(const struct es_ledger_config *config)
{
    switch ((enum reader)config->reader) {
    case READER_WHATSONCHAIN:
        return ES_PROVIDER_WHATSONCHAIN;
    case READER_NODE:
        return ES_PROVIDER_NODE;
    case READER_AUTO:
        break;
    }
    return first_reader(config);
}

const char *es_ledger_provider_url(const struct es_ledger_config *config,
                                   enum es_provider_kind kind)
{
    switch (kind) {
    case ES_PROVIDER_ARC:
    case ES_PROVIDER_ARCADE:
        return config->arc_url;
    case ES_PROVIDER_WHATSONCHAIN:
        return config->woc_url;
    case ES_PROVIDER_NODE:
        return config->node_url;
    case ES_PROVIDER_NONE:
        break;
    }
    return NULL;
}

static bool is_arc(enum es_provider_kind kind)
{
    return kind == ES_PROVIDER_ARC || kind == ES_PROVIDER_ARCADE;
}

static void check_provider(const struct es_ledger_config *config, const char *role,
                           enum es_provider_kind kind, struct es_buf *errors)
{
    const char *url = es_ledger_provider_url(config, kind);
    if (kind == ES_PROVIDER_NONE) {
        return;
    }
    if (url == NULL) {
        es_buf_printf(errors, "ELDERSAFE_%s: %s needs its URL\n", role,
                      es_provider_kind_name(kind));
    } else if (!es_client_host_allowed(config->allowed_hosts, url)) {
        es_buf_printf(errors, "ELDERSAFE_ALLOWED_HOSTS: does not allow the URL of %s\n",
                      es_provider_kind_name(kind));
    }
}

static void check_providers(const struct es_ledger_config *config, struct es_buf *errors)
{
    enum es_provider_kind broadcaster = es_ledger_broadcaster(config);
    enum es_provider_kind verifier = es_ledger_verifier(config);
    enum es_provider_kind reader = es_ledger_reader(config);
    if (!es_client_hosts_valid(config->allowed_hosts, errors)) {
        return;
    }
    check_provider(config, "BROADCAST", broadcaster, errors);
    check_provider(config, "VERIFY", verifier, errors);
    if (reader != broadcaster && reader != verifier) {
        check_provider(config, "CHAIN_READER", reader, errors);
    }
    if (verifier == broadcaster || (is_arc(verifier) && is_arc(broadcaster))) {
        es_buf_add_str(errors, "ELDERSAFE_VERIFY: must be another provider than BROADCAST\n");
    }
    if (reader == ES_PROVIDER_NONE) {
        es_buf_add_str(errors, "ELDERSAFE_CHAIN_READER: ARC has no block headers; set "
                               "ELDERSAFE_WOC_URL or ELDERSAFE_NODE_URL as well\n");
    }
}

bool es_ledger_check_config(const void *config_, struct es_buf *errors)
{
    const struct es_ledger_config *config = config_;
    size_t before = errors->length;
    if (config->network == ES_NETWORK_MAIN && !config->allow_mainnet) {
        es_buf_add_str(errors, "ELDERSAFE_CHAIN_NETWORK: main needs "
                               "ELDERSAFE_CHAIN_ALLOW_MAINNET=yes\n");
    }
    if (!es_note_name_valid(config->log_origin)) {
        es_buf_add_str(errors, "ELDERSAFE_LOG_ORIGIN: must be printable ASCII without space and "
                               "'+', at most 127 characters\n");
    }
    if (config->fee_fallback > config->fee_cap) {
        es_buf_add_str(errors, "ELDERSAFE_FEE_FALLBACK: is above ELDERSAFE_FEE_CAP\n");
    }
    check_providers(config, errors);
    return es_redis_options_check(config->redis_user, config->redis_password_file, errors) &&
           errors->length == before;
}
