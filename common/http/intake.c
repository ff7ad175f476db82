#include "common/http/intake.h"

#include "common/http/connections.h"
#include "common/http/header-block.h"
#include "common/http/raw-answer.h"
#include "common/http/server-state.h"

#include <microhttpd.h>
#include <string.h>
#include <strings.h>

#define MOST_HEADERS 64
/* What libmicrohttpd 0.9.75 spends of a connection's memory for each header field, cookie and query
 * argument, and what must be left of it for the header of an answer: it closes the connection
 * without a word when that does not fit. */
#define FIELD_RECORD_SIZE   64
#define ANSWER_HEADER_SPACE 1536
/* A refused body up to this size is read and dropped: closing on a peer that is still sending would
 * reset the connection, and the answer might be lost with it. */
#define MOST_DISCARDED  ((size_t)64 * 1024)
#define FIRST_BODY_SIZE 512
#define ALLOW_ANYWHERE  "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"

/* --- the header -------------------------------------------------------------------------- */

static enum MHD_Result collect_header(void *context, enum MHD_ValueKind kind, const char *name,
                                      size_t name_length, const char *value, size_t value_length)
{
    (void)kind;
    struct es_headers *headers = context;
    headers->items[headers->count++] = (struct es_header){
        .name = name,
        .value = value != NULL ? value : "",
        .name_length = name_length,
        .value_length = value_length,
    };
    return headers->count < MOST_HEADERS ? MHD_YES : MHD_NO;
}

/* Whether the header is small enough to be answered. */
static bool has_room(struct es_request *request, const struct es_http_server *server,
                     size_t header_size, size_t header_count)
{
    const char *cookie = MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, "Cookie");
    int derived = MHD_get_connection_values_n(request->mhd, MHD_COOKIE_KIND | MHD_GET_ARGUMENT_KIND,
                                              NULL, NULL);
    size_t used = header_size + (header_count + (size_t)derived) * FIELD_RECORD_SIZE +
                  (cookie != NULL ? strlen(cookie) + 1 : 0);
    return header_count <= MOST_HEADERS &&
           used + ANSWER_HEADER_SPACE <= server->config.connection_memory;
}

static void identify(struct es_request *request, bool trusted)
{
    const char *id = request->headers.known[ES_HEADER_X_REQUEST_ID];
    if (trusted && id != NULL && es_request_id_parse(id, request->id)) {
        es_request_id_format(request->id, request->id_text);
    }
    const char *forwarded = request->headers.known[ES_HEADER_X_FORWARDED_FOR];
    char client[ES_CLIENT_ADDRESS_SIZE];
    request->client = es_connection_peer(request->connection);
    if (trusted && forwarded != NULL && es_forwarded_client(forwarded, client)) {
        request->client = es_arena_strdup(request->arena, client);
    }
}

static void refuse(struct es_request *request, enum es_problem problem, const char *detail)
{
    request->refused = true;
    request->refusal = (struct es_refusal){problem, detail};
}

static enum es_intake refuse_framing(struct es_request *request, const struct es_refusal *refusal)
{
    es_respond_problem(request, refusal->problem, refusal->detail);
    request->answer.close = true;
    return ES_INTAKE_ANSWER;
}

/* --- what is asked for ------------------------------------------------------------------- */

static void find_route(struct es_request *request, const struct es_http_server *server)
{
    struct es_match match;
    enum es_match_result result = es_router_match(server->router, request->arena,
                                                  request->method_id, request->target.path, &match);
    request->route = match.route;
    request->params = match.params;
    switch (result) {
    case ES_MATCH_FOUND:
        break;
    case ES_MATCH_NO_PATH:
        refuse(request, ES_PROBLEM_NOT_FOUND, NULL);
        break;
    case ES_MATCH_NO_METHOD: /* OPTIONS, too, for which it means 204 */
        request->allow = match.allow;
        refuse(request, ES_PROBLEM_METHOD_NOT_ALLOWED, NULL);
        break;
    }
}

static bool takes_body(enum es_method method)
{
    return method == ES_METHOD_POST || method == ES_METHOD_PUT || method == ES_METHOD_PATCH;
}

static void check_body(struct es_request *request)
{
    const char *encoding = request->headers.known[ES_HEADER_CONTENT_ENCODING];
    bool has_body = request->framing.chunked || request->framing.length > 0;
    if (has_body && !takes_body(request->method_id)) {
        refuse(request, ES_PROBLEM_BAD_REQUEST, "This method takes no body.");
    } else if (encoding != NULL && strcasecmp(encoding, "identity") != 0) {
        refuse(request, ES_PROBLEM_UNSUPPORTED_TYPE, "Send the body without a content coding.");
    } else if (request->framing.length > request->body_limit) {
        refuse(request, ES_PROBLEM_BODY_TOO_LARGE, NULL);
    }
}

static void plan(struct es_request *request, const struct es_http_server *server)
{
    bool parsed = es_target_parse(request->arena, request->raw_target, &request->target);
    bool everything = parsed && strcmp(request->target.path, "*") == 0;
    if (!parsed || (everything && request->method_id != ES_METHOD_OPTIONS)) {
        request->target = (struct es_target){.path = ""};
        request->answer.close = true; /* a blank in it may have hidden where the line ends */
        refuse(request, ES_PROBLEM_BAD_REQUEST, "The address is malformed.");
    } else if (everything) {
        request->allow = ALLOW_ANYWHERE;
        refuse(request, ES_PROBLEM_METHOD_NOT_ALLOWED, NULL);
    } else if (request->method_id == ES_METHOD_UNKNOWN) {
        refuse(request, ES_PROBLEM_NOT_IMPLEMENTED, "The method is not known here.");
    } else {
        find_route(request, server);
    }
    if (!request->refused) {
        size_t limit = request->route->body_limit;
        request->body_limit = limit > 0 ? limit : ES_HTTP_DEFAULT_BODY_LIMIT;
        check_body(request);
    }
}

/* The request line and the fields, checked. NULL when all is well. */
static const struct es_refusal *read_header(struct es_request *request,
                                            const struct es_http_server *server,
                                            const struct es_header_block *block, size_t count)
{
    static const struct es_refusal hidden = {
        ES_PROBLEM_BAD_REQUEST,
        "The header has a NUL, a folded line or a bare line feed.",
    };
    struct es_headers *headers = &request->headers;
    headers->items = es_arena_alloc(request->arena, (count + 1) * sizeof(*headers->items));
    (void)MHD_get_connection_values_n(request->mhd, MHD_HEADER_KIND, collect_header, headers);
    if (server->header_block_known && !es_header_block_intact(block, headers)) {
        return &hidden;
    }
    es_headers_index(headers, request->arena);
    return es_framing_check(request->method, block->version, headers, &request->framing);
}

enum es_intake es_intake_headers(struct es_request *request, struct es_http_server *server,
                                 const char *method, const char *target, const char *version)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    int count = MHD_get_connection_values_n(request->mhd, MHD_HEADER_KIND, NULL, NULL);
    struct es_header_block block = {
        .start = method,
        .size = info != NULL ? info->header_size : 0,
        .target = target,
        .target_length = request->raw_target_length,
        .version = version,
    };
    request->method = method;
    request->method_id = es_method_parse(method);
    if (!has_room(request, server, block.size, (size_t)count)) {
        es_raw_answer(es_connection_fd(request->connection), ES_PROBLEM_HEADERS_TOO_LARGE, NULL,
                      request->id_text);
        return ES_INTAKE_DROP;
    }
    const struct es_refusal *refusal = read_header(request, server, &block, (size_t)count);
    identify(request, server->config.trust_proxy && es_connection_is_local(request->connection));
    if (refusal != NULL) {
        return refuse_framing(request, refusal);
    }
    plan(request, server);
    bool unread = request->framing.awaits_continue || request->framing.length > MOST_DISCARDED;
    if (request->refused && unread) {
        es_request_answer_refusal(request);
        return ES_INTAKE_ANSWER;
    }
    return ES_INTAKE_GO_ON;
}

/* --- the body ---------------------------------------------------------------------------- */

/* Memory follows what has arrived, not what was announced; NEEDED is within the limit. */
static size_t next_capacity(const struct es_request *request, size_t needed)
{
    bool known = !request->framing.chunked;
    size_t most = (known ? (size_t)request->framing.length : request->body_limit) + 1;
    size_t capacity = request->body_capacity == 0 ? FIRST_BODY_SIZE : 2 * request->body_capacity;
    if (known && request->body_capacity > 0) {
        capacity = most;
    }
    capacity = capacity > needed ? capacity : needed;
    return capacity < most ? capacity : most;
}

static void append_body(struct es_request *request, const void *bytes, size_t size)
{
    size_t needed = request->body_length + size + 1;
    if (needed > request->body_capacity) {
        request->body_capacity = next_capacity(request, needed);
        unsigned char *grown = es_arena_alloc(request->arena, request->body_capacity);
        if (request->body_length > 0) {
            memcpy(grown, request->body, request->body_length);
        }
        request->body = grown;
    }
    memcpy(request->body + request->body_length, bytes, size);
    request->body_length += size;
    request->body[request->body_length] = '\0';
}

enum es_intake es_intake_body(struct es_request *request, const void *bytes, size_t size)
{
    if (!request->refused && size > request->body_limit - request->body_length) {
        refuse(request, ES_PROBLEM_BODY_TOO_LARGE, NULL);
    }
    if (!request->refused) {
        append_body(request, bytes, size);
        return ES_INTAKE_GO_ON;
    }
    request->discarded += size;
    if (request->discarded <= MOST_DISCARDED) {
        return ES_INTAKE_GO_ON;
    }
    es_raw_answer(es_connection_fd(request->connection), request->refusal.problem,
                  request->refusal.detail, request->id_text);
    return ES_INTAKE_DROP;
}
