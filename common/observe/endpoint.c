#include "common/observe/endpoint.h"

#include "common/answer/answer.h"
#include "common/answer/request-id.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/json/json.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_CONNECTIONS   16U
#define CONNECTION_TIMEOUT 10U /* seconds without traffic */
#define CONNECTION_MEMORY  ((size_t)8192)
#define HIGHEST_PORT       65535
#define LONGEST_HOST       INET6_ADDRSTRLEN
#define LONGEST_ADDRESS    (LONGEST_HOST + sizeof("[]:65535"))
#define IPV4_LOOPBACK_NET  127 /* 127.0.0.0/8 */
#define STATUS_OK          200U
#define STATUS_BAD_METHOD  405U
#define STATUS_UNAVAILABLE 503U

struct es_endpoint {
    struct es_endpoint_config config;
    struct MHD_Daemon *daemon;
    struct es_id_source ids; /* the daemon's thread's */
    char address[LONGEST_ADDRESS];
};

struct answer {
    unsigned status;
    const char *type;
    char request_id[ES_REQUEST_ID_TEXT_SIZE];
    struct es_buf body;
};

union socket_address {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

static void answer_metrics(const struct es_endpoint_config *config, struct answer *answer)
{
    if (config->refresh != NULL) {
        config->refresh(config->context);
    }
    es_metrics_render(config->metrics, &answer->body);
    answer->type = ES_METRICS_CONTENT_TYPE;
}

static void answer_health(const struct es_endpoint_config *config, struct answer *answer)
{
    answer->status = es_health_ready(config->health) ? STATUS_OK : STATUS_UNAVAILABLE;
    es_health_render(config->health, &answer->body);
}

/* {"status":"ok"} or {"status":"down"} */
static void answer_yes_or_no(struct answer *answer, bool yes)
{
    struct es_json_writer writer = es_json_writer_make(&answer->body);
    answer->status = yes ? STATUS_OK : STATUS_UNAVAILABLE;
    es_json_begin_object(&writer);
    es_json_put_text(&writer, "status", yes ? "ok" : "down");
    es_json_end_object(&writer);
}

static void answer_live(const struct es_endpoint_config *config, struct answer *answer)
{
    answer_yes_or_no(answer, config->alive == NULL || config->alive(config->context));
}

static void answer_ready(const struct es_endpoint_config *config, struct answer *answer)
{
    answer_yes_or_no(answer, es_health_ready(config->health));
}

static const struct {
    const char *path;
    void (*answer)(const struct es_endpoint_config *config, struct answer *answer);
} pages[] = {
    {"/metrics", answer_metrics},
    {"/health", answer_health},
    {"/health/live", answer_live},
    {"/health/ready", answer_ready},
};

static void answer_problem(struct answer *answer, enum es_problem problem)
{
    answer->status = es_problem_status(problem);
    answer->type = ES_TYPE_PROBLEM;
    es_problem_render(&(struct es_problem_facts){problem, NULL, answer->request_id}, &answer->body);
}

static void find_answer(const struct es_endpoint_config *config, const char *method,
                        const char *path, struct answer *answer)
{
    for (size_t i = 0; i < ES_ARRAY_LEN(pages); i++) {
        if (strcmp(pages[i].path, path) != 0) {
            continue;
        }
        if (strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0) {
            pages[i].answer(config, answer);
        } else {
            answer_problem(answer, ES_PROBLEM_METHOD_NOT_ALLOWED);
        }
        return;
    }
    answer_problem(answer, ES_PROBLEM_NOT_FOUND);
}

static bool add_headers(struct MHD_Response *response, const struct answer *answer)
{
    bool added = MHD_add_response_header(response, "Content-Type", answer->type) == MHD_YES &&
                 MHD_add_response_header(response, "X-Request-Id", answer->request_id) == MHD_YES;
    for (size_t i = 0; added && i < ES_FIXED_HEADER_COUNT; i++) {
        added = MHD_add_response_header(response, es_data_headers[i].name,
                                        es_data_headers[i].value) == MHD_YES;
    }
    if (added && answer->status == STATUS_BAD_METHOD) {
        added = MHD_add_response_header(response, "Allow", "GET, HEAD") == MHD_YES;
    }
    return added;
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct answer *answer)
{
    size_t length = answer->body.length;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(length, ES_STEAL(answer->body.data), MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        return MHD_NO;
    }
    enum MHD_Result queued = add_headers(response, answer)
                                 ? MHD_queue_response(connection, answer->status, response)
                                 : MHD_NO;
    MHD_destroy_response(response);
    return queued;
}

static bool has_body(struct MHD_Connection *connection)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length") != NULL ||
           MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Transfer-Encoding") != NULL;
}

/* Called for each step of a request. An answer to the first call, when only the headers are there,
 * makes libmicrohttpd close the connection: that is for requests with a body, which nobody reads.
 */
static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **request_context)
{
    (void)version;
    (void)upload;
    (void)upload_size;
    struct es_endpoint *endpoint = context;
    bool first_call = *request_context == NULL;
    *request_context = context; /* any value but NULL */
    if (first_call && !has_body(connection)) {
        return MHD_YES;
    }
    struct answer answer = {.status = STATUS_OK, .type = ES_TYPE_JSON, .body = ES_BUF_INIT};
    unsigned char id[ES_REQUEST_ID_BYTES];
    es_request_id_make(&endpoint->ids, id);
    es_request_id_format(id, answer.request_id);
    find_answer(&endpoint->config, method, path, &answer);
    return send_answer(connection, &answer);
}

/* HOST ("127.0.0.1", "[::1]") with PORT, when it is a loopback address. */
static bool make_loopback(const char *host, uint16_t port, union socket_address *ret_address)
{
    union socket_address address = {0};
    size_t length = strlen(host);
    char inner[LONGEST_HOST] = {0};
    if (inet_pton(AF_INET, host, &address.ipv4.sin_addr) == 1) {
        address.ipv4.sin_family = AF_INET;
        address.ipv4.sin_port = htons(port);
        *ret_address = address;
        return ntohl(address.ipv4.sin_addr.s_addr) >> 24 == IPV4_LOOPBACK_NET;
    }
    if (length < 2 || length >= sizeof(inner) || host[0] != '[' || host[length - 1] != ']') {
        return false;
    }
    memcpy(inner, host + 1, length - 2);
    address.ipv6.sin6_family = AF_INET6;
    address.ipv6.sin6_port = htons(port);
    if (inet_pton(AF_INET6, inner, &address.ipv6.sin6_addr) != 1) {
        return false;
    }
    *ret_address = address;
    return IN6_IS_ADDR_LOOPBACK(&address.ipv6.sin6_addr);
}

/* "HOST:PORT" into its parts. */
static bool split_address(const char *text, char ret_host[LONGEST_HOST], uint16_t *ret_port)
{
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;
    if (colon == NULL || colon - text >= LONGEST_HOST || !es_parse_u64(colon + 1, &port) ||
        port > HIGHEST_PORT) {
        return false;
    }
    memcpy(ret_host, text, (size_t)(colon - text));
    ret_host[colon - text] = '\0';
    *ret_port = (uint16_t)port;
    return true;
}

static struct MHD_Daemon *start_daemon(struct es_endpoint *endpoint,
                                       const union socket_address *address)
{
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD;
    if (address->any.sa_family == AF_INET6) {
        flags |= MHD_USE_IPv6;
    }
    return MHD_start_daemon(flags, 0, NULL, NULL, handle, endpoint, MHD_OPTION_SOCK_ADDR,
                            &address->any, MHD_OPTION_CONNECTION_LIMIT, MOST_CONNECTIONS,
                            MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_TIMEOUT,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, MHD_OPTION_END);
}

struct es_endpoint *es_endpoint_start(const struct es_endpoint_config *config, struct es_buf *error)
{
    char host[LONGEST_HOST];
    uint16_t port = 0;
    union socket_address address;
    if (!split_address(config->listen, host, &port) || !make_loopback(host, port, &address)) {
        es_buf_printf(error, "%s: metrics are served on a loopback address only\n", config->listen);
        return NULL;
    }
    struct es_endpoint *endpoint = ES_NEW(struct es_endpoint);
    endpoint->config = *config;
    endpoint->config.listen = NULL; /* not ours to keep */
    endpoint->daemon = start_daemon(endpoint, &address);
    const union MHD_DaemonInfo *bound =
        endpoint->daemon != NULL ? MHD_get_daemon_info(endpoint->daemon, MHD_DAEMON_INFO_BIND_PORT)
                                 : NULL;
    if (bound == NULL) {
        es_buf_printf(error, "%s: cannot listen for metrics: %s\n", config->listen,
                      strerror(errno));
        return es_endpoint_stop(endpoint);
    }
    (void)snprintf(endpoint->address, sizeof(endpoint->address), "%s:%u", host, bound->port);
    return endpoint;
}

struct es_endpoint *es_endpoint_stop(struct es_endpoint *endpoint)
{
    if (endpoint != NULL) {
        if (endpoint->daemon != NULL) {
            MHD_stop_daemon(endpoint->daemon);
        }
        free(endpoint);
    }
    return NULL;
}

const char *es_endpoint_address(const struct es_endpoint *endpoint)
{
    return endpoint->address;
}
