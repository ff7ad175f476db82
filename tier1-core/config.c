#include "tier1-core/config.h"

#include "common/base/day.h"
#include "common/base/host.h"
#include "common/base/text.h"
#include "common/daemon/store-options.h"

#include <string.h>

#define OPTION(field) .offset = offsetof(struct core_config, field)

const struct es_config_option core_options[] = {
    {.name = "LISTEN",
     .type = ES_CONFIG_ADDRESS,
     .fallback = "127.0.0.1:8001",
     OPTION(listen),
     .help = "address to serve on; replaced by a socket named core from the service manager"},
    {.name = "PUBLIC_URL",
     .type = ES_CONFIG_URL,
     .fallback = NULL,
     OPTION(public_url),
     .help = "where members reach this service: start of sign-in links, and the allowed Origin"},
    {.name = "ISSUER",
     .type = ES_CONFIG_TEXT,
     .fallback = "eldersafe",
     OPTION(issuer),
     .help = "iss claim of tokens"},
    ES_DATABASE_OPTION(struct core_config, "eldersafe_core"),
    ES_REDIS_OPTIONS(struct core_config, "empty: none (limits are then per process)"),
    {.name = "TOKEN_KEY_FILE",
     .type = ES_CONFIG_FILE,
     .fallback = NULL,
     OPTION(token_key_file),
     .help = "Ed25519 seed (hex) that signs tokens; only this process may read it"},
    {.name = "TOKEN_PREVIOUS_KEYS_FILE",
     .type = ES_CONFIG_FILE,
     .fallback = "",
     OPTION(token_previous_keys_file),
     .help = "public keys (hex, one a line) of earlier token keys: their tokens stay valid"},
    {.name = "LOOKUP_KEY_FILE",
     .type = ES_CONFIG_FILE,
     .fallback = NULL,
     OPTION(lookup_key_file),
     .help = "32 bytes (hex): keys the hashes by which members are found"},
    {.name = "NOTIFY_PUBLIC_KEY_FILE",
     .type = ES_CONFIG_FILE,
     .fallback = NULL,
     OPTION(notify_public_key_file),
     .help = "X25519 public key (hex) of eldersafe-notify: mails are sealed to it"},
    {.name = "TRUST_PROXY",
     .type = ES_CONFIG_BOOL,
     .fallback = "no",
     OPTION(trust_proxy),
     .help = "take the client address from X-Forwarded-For when the peer is on loopback"},
    {.name = "EVENT_THREADS",
     .type = ES_CONFIG_INT,
     .fallback = "2",
     .min = 1,
     .max = 64,
     OPTION(event_threads),
     .help = "threads that read requests and check tokens"},
    {.name = "EXECUTOR_THREADS",
     .type = ES_CONFIG_INT,
     .fallback = "4",
     .min = 1,
     .max = 64,
     OPTION(executor_threads),
     .help = "threads for everything but signals, each with a database connection"},
    {.name = "EXECUTOR_QUEUE",
     .type = ES_CONFIG_INT,
     .unit = "requests",
     .fallback = "256",
     .min = 1,
     .max = 65536,
     OPTION(executor_queue),
     .help = "requests that may wait for such a thread; more get 503"},
    {.name = "SIGNAL_LANES",
     .type = ES_CONFIG_INT,
     .fallback = "2",
     .min = 1,
     .max = 16,
     OPTION(signal_lanes),
     .help = "group-commit lanes, each with a database connection: one works while another "
             "waits for the disk; more make the batches smaller"},
    {.name = "LANE_LINGER",
     .type = ES_CONFIG_INT,
     .unit = "us",
     .fallback = "500",
     .min = 0,
     .max = 1000,
     OPTION(lane_linger_us),
     .help = "how long a busy lane waits for a larger batch"},
    {.name = "MAX_CONNECTIONS",
     .type = ES_CONFIG_INT,
     .fallback = "8192",
     .min = 16,
     .max = 1000000,
     OPTION(max_connections),
     .help = "client connections at once"},
    {.name = "CONNECTION_MEMORY",
     .type = ES_CONFIG_INT,
     .unit = "bytes",
     .fallback = "6144",
     .min = 2048,
     .max = 65536,
     OPTION(connection_memory),
     .help = "memory for request line and headers of one connection"},
    {.name = "HEADER_TIMEOUT",
     .type = ES_CONFIG_INT,
     .unit = "ms",
     .fallback = "10000",
     .min = 100,
     .max = 60000,
     OPTION(header_timeout_ms),
     .help = "by when all headers must have arrived"},
    {.name = "BODY_TIMEOUT",
     .type = ES_CONFIG_INT,
     .unit = "ms",
     .fallback = "10000",
     .min = 100,
     .max = 60000,
     OPTION(body_timeout_ms),
     .help =
         "by when the whole body must have arrived; an answer that is not taken for so long ends "
         "its connection"},
    {.name = "IDLE_TIMEOUT",
     .type = ES_CONFIG_INT,
     .unit = "ms",
     .fallback = "60000",
     .min = 1000,
     .max = 600000,
     OPTION(idle_timeout_ms),
     .help = "idle keep-alive connections are closed"},
    {.name = "REQUEST_TIMEOUT",
     .type = ES_CONFIG_INT,
     .unit = "ms",
     .fallback = "30000",
     .min = 100,
     .max = 120000,
     OPTION(request_timeout_ms),
     .help = "time limit of a request"},
    {.name = "STOP_TIMEOUT",
     .type = ES_CONFIG_INT,
     .unit = "ms",
     .fallback = "30000",
     .min = 100,
     .max = 120000,
     OPTION(stop_timeout_ms),
     .help = "how long a stop waits for what runs"},
    {.name = "TOKEN_CACHE",
     .type = ES_CONFIG_INT,
     .unit = "tokens",
     .fallback = "65536",
     .min = 1024,
     .max = 16777216,
     OPTION(token_cache),
     .help = "verified tokens remembered, 64 bytes each: for those who come back within the hour"},
    {.name = "LOGIN_LIFETIME",
     .type = ES_CONFIG_INT,
     .unit = "s",
     .fallback = "900",
     .min = 60,
     .max = 86400,
     OPTION(login_lifetime_s),
     .help = "how long link and code are valid"},
    {.name = "SESSION_LIFETIME",
     .type = ES_CONFIG_INT,
     .unit = "s",
     .fallback = "86400",
     .min = 60,
     .max = 604800,
     OPTION(session_lifetime_s),
     .help = "life of a session token"},
    {.name = "DEVICE_LIFETIME",
     .type = ES_CONFIG_INT,
     .unit = "s",
     .fallback = "157680000",
     .min = 3600,
     .max = 315360000,
     OPTION(device_lifetime_s),
     .help = "life of a device token, which may only signal (5 years)"},
    {.name = "DAY_START",
     .type = ES_CONFIG_INT,
     .unit = "minutes after midnight",
     .fallback = "0",
     .min = 0,
     .max = 720,
     OPTION(day_start_min),
     .help = "when a member's day begins"},
    {.name = "SIGNAL_MAX_AGE",
     .type = ES_CONFIG_INT,
     .unit = "s",
     .fallback = "86400",
     .min = 0,
     .max = 172800,
     OPTION(signal_max_age_s),
     .help = "how long ago a signal that was made offline may have been made"},
    {.name = "SIGNAL_WINDOW",
     .type = ES_CONFIG_INT,
     .unit = "s",
     .fallback = "10",
     .min = 1,
     .max = 3600,
     OPTION(signal_window_s),
     .help = "window of the limit per member"},
    {.name = "SIGNAL_QUOTA",
     .type = ES_CONFIG_INT,
     .unit = "requests per window",
     .fallback = "3",
     .min = 1,
     .max = 1000,
     OPTION(signal_quota),
     .help = "requests a member may make in it: one signal, and a shaky hand's repeats, which "
             "get the same answer"},
    {.name = "STATEMENT_TIMEOUT",
     .type = ES_CONFIG_INT,
     .unit = "ms",
     .fallback = "1500",
     .min = 100,
     .max = 30000,
     OPTION(statement_timeout_ms),
     .help = "deadline of one database statement: past it the answer is 503"},
    {.name = "REDIS_TIMEOUT",
     .type = ES_CONFIG_INT,
     .unit = "ms",
     .fallback = "100",
     .min = 5,
     .max = 5000,
     OPTION(redis_timeout_ms),
     .help = "deadline of one Redis round trip"},
    {.name = "PARTITIONS_AHEAD",
     .type = ES_CONFIG_INT,
     .unit = "months",
     .fallback = "3",
     .min = 1,
     .max = 24,
     OPTION(partitions_ahead),
     .help = "partitions of core.signals made ahead"},
};

const size_t core_option_count = ES_ARRAY_LEN(core_options);

static bool is_loopback_url(const char *url)
{
    return es_starts_with(url, "http://") && es_url_is_loopback(url);
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* Writes from our own pages are known by an Origin that equals the public URL to the letter. */
static bool is_bare_origin(const char *url)
{
    const char *host = strstr(url, "://");
    const char *default_port = es_starts_with(url, "https://") ? ":443" : ":80";
    return host != NULL && strpbrk(host + 3, "/?#@") == NULL && !ends_with(url, default_port);
}

bool core_check_config(const void *config, struct es_buf *errors)
{
    const struct core_config *core = config;
    size_t before = errors->length;
    if (!es_starts_with(core->public_url, "https://") && !is_loopback_url(core->public_url)) {
        es_buf_add_str(errors, "ELDERSAFE_PUBLIC_URL: must be https:// (http:// only for "
                               "loopback)\n");
    }
    if (!is_bare_origin(core->public_url)) {
        es_buf_add_str(errors, "ELDERSAFE_PUBLIC_URL: must be scheme and host alone, as browsers "
                               "send it in Origin: no path, no closing slash, no default port\n");
    }
    return es_redis_options_check(core->redis_user, core->redis_password_file, errors) &&
           errors->length == before;
}
