#include "common/http/request.h"

#include "common/base/clock.h"
#include "common/http/cookie.h"
#include "common/http/urlencoded.h"

#include <string.h>

void es_request_clear(struct es_request *request)
{
    es_buf_done(&request->answer.body);
    es_arena_reset(request->arena);
    *request = (struct es_request){.loop = request->loop, .arena = request->arena};
}

struct es_arena *es_request_arena(struct es_request *request)
{
    return request->arena;
}

const struct es_route *es_request_route(const struct es_request *request)
{
    return request->route;
}

const char *es_request_method(const struct es_request *request)
{
    return request->method;
}

const char *es_request_path(const struct es_request *request)
{
    return request->target.path;
}

const char *es_request_id(const struct es_request *request)
{
    return request->id_text;
}

const unsigned char *es_request_id_bytes(const struct es_request *request)
{
    return request->id;
}

int64_t es_request_received_us(const struct es_request *request)
{
    return request->received_us;
}

int64_t es_request_age_us(const struct es_request *request)
{
    return es_clock_mono_us() - request->received_mono_us;
}

const char *es_request_client(const struct es_request *request)
{
    return request->client;
}

const char *es_request_header(const struct es_request *request, const char *name)
{
    return es_headers_find(&request->headers, name);
}

bool es_request_wants_page(const struct es_request *request)
{
    return es_headers_accept_page(&request->headers);
}

const char *es_request_cookie(const struct es_request *request, const char *name)
{
    return es_cookie_find(request->arena, request->headers.known[ES_HEADER_COOKIE], name);
}

const char *es_request_param(const struct es_request *request, const char *name)
{
    for (size_t i = 0; i < request->params.count; i++) {
        if (strcmp(request->params.names[i], name) == 0) {
            return request->params.values[i];
        }
    }
    return NULL;
}

bool es_request_query(struct es_request *request, const char *name, const char **ret_value)
{
    const char *value = NULL;
    switch (es_query_find(request->arena, request->target.query, name, &value)) {
    case ES_QUERY_MALFORMED:
        es_respond_problem(request, ES_PROBLEM_BAD_REQUEST, "The query is malformed.");
        return false;
    case ES_QUERY_REPEATED:
        es_respond_problem(request, ES_PROBLEM_BAD_REQUEST, "A query argument occurs twice.");
        return false;
    case ES_QUERY_ABSENT:
    case ES_QUERY_FOUND:
        break;
    }
    *ret_value = value;
    return true;
}

const void *es_request_body(const struct es_request *request, size_t *ret_length)
{
    *ret_length = request->body_length;
    return request->body != NULL ? request->body : (const void *)"";
}

void es_request_set_context(struct es_request *request, void *context)
{
    request->context = context;
}

void *es_request_context(const struct es_request *request)
{
    return request->context;
}
