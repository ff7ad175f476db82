#include "common/http/client.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/http/allowlist.h"
#include "common/http/breaker.h"
#include "common/http/retry-after.h"
#include "common/observe/log.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SERVER_ERROR         500
#define STATUS_LINE                "HTTP/"
#define DEFAULT_CONNECT_TIMEOUT_MS 5000
#define DEFAULT_TOTAL_TIMEOUT_MS   30000

struct es_client {
    CURL *curl;
    struct es_allowlist hosts;
    struct es_breaker_rule rule;
    long connect_timeout_ms;
    long total_timeout_ms;
    size_t max_answer;
    char *user_agent;
};

/* One call while it runs. */
struct call {
    const struct es_client_request *request;
    struct curl_slist *headers;
    struct es_buf body;
    size_t max_answer;
    bool head_complete; /* the empty line after the header was seen */
    bool too_large;
};

/* --- life -------------------------------------------------------------------------------- */

/* libcurl's process-wide state is made once and lives as long as the process. */
static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void init_curl(void)
{
    if (curl_global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
        abort();
    }
}

struct es_client *es_client_new(const struct es_client_config *config, struct es_buf *error)
{
    struct es_allowlist hosts = {0};
    (void)pthread_once(&curl_once, init_curl);
    if (!es_allowlist_parse(config->allowed_hosts, &hosts, error)) {
        return NULL;
    }
    struct es_client *client = ES_NEW(struct es_client);
    client->hosts = hosts;
    client->rule = (struct es_breaker_rule){
        .failures_to_open = config->failures_to_open,
        .open_us = config->open_ms * ES_US_PER_MS,
    };
    client->connect_timeout_ms = config->connect_timeout_ms > 0 ? (long)config->connect_timeout_ms
                                                                : DEFAULT_CONNECT_TIMEOUT_MS;
    client->total_timeout_ms =
        config->total_timeout_ms > 0 ? (long)config->total_timeout_ms : DEFAULT_TOTAL_TIMEOUT_MS;
    client->max_answer = config->max_answer;
    client->user_agent = es_strdup(config->user_agent != NULL ? config->user_agent : "eldersafe");
    client->curl = curl_easy_init();
    if (client->curl == NULL) {
        es_buf_add_str(error, "libcurl could not be started");
        return es_client_free(client);
    }
    return client;
}

struct es_client *es_client_free(struct es_client *client)
{
    if (client != NULL) {
        curl_easy_cleanup(client->curl);
        es_allowlist_done(&client->hosts);
        free(client->user_agent);
        free(client);
    }
    return NULL;
}

/* --- one call ---------------------------------------------------------------------------- */

static size_t take_answer(char *bytes, size_t size, size_t count, void *context)
{
    struct call *call = context;
    size_t length = size * count;
    if (length > call->max_answer - call->body.length) {
        call->too_large = true;
        return 0; /* libcurl gives up with a write error */
    }
    es_buf_add(&call->body, bytes, length);
    return length;
}

/* libcurl takes a header that ends in the middle for a whole answer without a body. It hands us
 * trailers as well, without an empty line behind them: only another status line (after a 1xx) opens
 * the header again. */
static size_t take_header(char *line, size_t size, size_t count, void *context)
{
    struct call *call = context;
    size_t length = size * count;
    if (length >= strlen(STATUS_LINE) && memcmp(line, STATUS_LINE, strlen(STATUS_LINE)) == 0) {
        call->head_complete = false;
    } else if (length <= 2 && line[length - 1] == '\n') {
        call->head_complete = true;
    }
    return length;
}

static bool has_line_break(const struct es_client_request *request)
{
    bool found = strpbrk(request->method, "\r\n \t") != NULL;
    for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i++) {
        found = found || strpbrk(request->headers[i], "\r\n") != NULL;
    }
    return found;
}

static void add_header(struct call *call, const char *line)
{
    struct curl_slist *longer = curl_slist_append(call->headers, line);
    if (longer == NULL) {
        abort();
    }
    call->headers = longer;
}

/* libcurl adds these to a request with a body unless they are taken out. */
static void set_headers(CURL *curl, struct call *call)
{
    add_header(call, "Expect:");
    add_header(call, "Content-Type:");
    for (size_t i = 0; call->request->headers != NULL && call->request->headers[i] != NULL; i++) {
        add_header(call, call->request->headers[i]);
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, call->headers);
}

static void set_method(CURL *curl, const struct es_client_request *request)
{
    bool safe = strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(curl, CURLOPT_NOBODY, strcmp(request->method, "HEAD") == 0 ? 1L : 0L);
    if (!safe) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body != NULL ? request->body : "");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    }
    /* When a kept connection turns out to be dead, libcurl sends the request again by itself,
     * whatever its method. A write must not be sent twice behind our back. */
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, safe ? 0L : 1L);
}

static void set_up(struct es_client *client, struct call *call)
{
    CURL *curl = client->curl;
    curl_easy_reset(curl); /* connections stay */
    curl_easy_setopt(curl, CURLOPT_URL, call->request->url);
    curl_easy_setopt(curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* not even if the environment names one */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, client->connect_timeout_ms);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, client->total_timeout_ms);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, client->user_agent);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, call);
    set_method(curl, call->request);
    set_headers(curl, call);
}

/* Not a byte of the request was written to the server. */
static bool nothing_sent(CURL *curl)
{
    long sent = 0;
    return curl_easy_getinfo(curl, CURLINFO_REQUEST_SIZE, &sent) == CURLE_OK && sent == 0;
}

static enum es_client_result classify(CURL *curl, const struct call *call, CURLcode code)
{
    if (code == CURLE_OK && call->head_complete) {
        return ES_CLIENT_ANSWERED;
    }
    if (call->too_large) {
        return ES_CLIENT_TOO_LARGE;
    }
    return nothing_sent(curl) ? ES_CLIENT_NOT_SENT : ES_CLIENT_UNCLEAR;
}

static struct es_client_answer read_answer(CURL *curl, struct call *call)
{
    struct es_client_answer answer = {.body = call->body};
    struct curl_header *header = NULL;
    call->body = ES_BUF_INIT;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
    bool said = curl_easy_header(curl, "Retry-After", 0, CURLH_HEADER, -1, &header) == CURLHE_OK;
    answer.retry_after_s = es_retry_after_parse(said ? header->value : NULL, es_clock_now_us());
    return answer;
}

static bool is_failure(const struct es_client_request *request, enum es_client_result result,
                       long status)
{
    if (status == FIRST_SERVER_ERROR && request->says_no_by_500) {
        return false;
    }
    return result == ES_CLIENT_NOT_SENT || result == ES_CLIENT_UNCLEAR ||
           status >= FIRST_SERVER_ERROR;
}

static void note(const struct es_client *client, struct es_allowed_host *host, bool failed)
{
    if (failed) {
        es_breaker_failed(&host->breaker, &client->rule, es_clock_mono_us());
    } else {
        es_breaker_succeeded(&host->breaker);
    }
}

enum es_client_result es_client_call(struct es_client *client,
                                     const struct es_client_request *request,
                                     struct es_client_answer *ret_answer)
{
    struct es_allowed_host *host = es_allowlist_find(&client->hosts, request->url);
    if (host == NULL) {
        return ES_CLIENT_REFUSED_HOST;
    }
    if (es_bug_on(has_line_break(request), "a header or method with a line break")) {
        return ES_CLIENT_NOT_SENT;
    }
    if (!es_breaker_allow(&host->breaker, es_clock_mono_us())) {
        return ES_CLIENT_CIRCUIT_OPEN;
    }
    struct call call = {.request = request, .max_answer = client->max_answer};
    set_up(client, &call);
    CURLcode code = curl_easy_perform(client->curl);
    enum es_client_result result = classify(client->curl, &call, code);
    long status = 0;
    if (result == ES_CLIENT_ANSWERED) {
        *ret_answer = read_answer(client->curl, &call);
        status = ret_answer->status;
    }
    note(client, host, is_failure(request, result, status));
    curl_slist_free_all(call.headers);
    es_buf_done(&call.body);
    return result;
}

void es_client_answer_done(struct es_client_answer *answer)
{
    es_buf_done(&answer->body);
}

const char *es_client_result_name(enum es_client_result result)
{
    static const char *const names[] = {
        [ES_CLIENT_ANSWERED] = "answered",         [ES_CLIENT_REFUSED_HOST] = "refused_host",
        [ES_CLIENT_CIRCUIT_OPEN] = "circuit_open", [ES_CLIENT_NOT_SENT] = "not_sent",
        [ES_CLIENT_UNCLEAR] = "unclear",           [ES_CLIENT_TOO_LARGE] = "too_large",
    };
    return names[result];
}
