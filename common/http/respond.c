/* The answering half of server.h and problem.h: what handlers call. */
#include "common/answer/answer.h"
#include "common/http/content-type.h"
#include "common/http/request.h"
#include "common/observe/log.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIRST_FINAL_STATUS 200
#define LAST_STATUS        599

void es_respond(struct es_request *request, unsigned status, const char *content_type,
                struct es_buf *body)
{
    struct es_answer *answer = &request->answer;
    es_buf_done(&answer->body);
    answer->status = status;
    answer->content_type = es_arena_strdup(request->arena, content_type);
    answer->body = *body;
    *body = ES_BUF_INIT;
}

void es_respond_json(struct es_request *request, unsigned status, struct es_buf *body)
{
    es_respond(request, status, ES_TYPE_JSON, body);
}

void es_respond_empty(struct es_request *request, unsigned status)
{
    es_buf_done(&request->answer.body);
    request->answer.status = status;
    request->answer.content_type = NULL;
}

static struct es_answer_header *find_header(const struct es_answer *answer, const char *name)
{
    struct es_answer_header *header = answer->headers;
    while (header != NULL && strcasecmp(header->name, name) != 0) {
        header = header->next;
    }
    return header;
}

void es_respond_header(struct es_request *request, const char *name, const char *value)
{
    if (es_bug_on(strpbrk(value, "\r\n") != NULL || value[0] == '\0',
                  "header value not sendable")) {
        return;
    }
    struct es_answer_header *header = find_header(&request->answer, name);
    if (header == NULL) {
        header = ES_ARENA_NEW(request->arena, struct es_answer_header);
        header->name = es_arena_strdup(request->arena, name);
        header->next = request->answer.headers;
        request->answer.headers = header;
    }
    header->value = es_arena_strdup(request->arena, value);
}

unsigned es_response_status(const struct es_request *request)
{
    return request->answer.status;
}

const struct es_buf *es_response_body(const struct es_request *request)
{
    return &request->answer.body;
}

const char *es_response_content_type(const struct es_request *request)
{
    return request->answer.content_type;
}

void es_respond_problem(struct es_request *request, enum es_problem problem, const char *detail)
{
    struct es_problem_facts facts = {problem, detail, request->id_text};
    struct es_buf body = ES_BUF_INIT; /* moved into the request */
    bool page = request->route != NULL && (request->route->flags & ES_ROUTE_PAGE) != 0 &&
                es_request_wants_page(request);
    if (page) {
        es_problem_render_page(&facts, &body);
    } else {
        es_problem_render(&facts, &body);
    }
    unsigned status = es_problem_status(problem);
    es_respond(request, status, page ? ES_TYPE_PAGE : ES_TYPE_PROBLEM, &body);
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE &&
        find_header(&request->answer, "Retry-After") == NULL) {
        es_respond_header(request, "Retry-After", ES_RETRY_AFTER_DEFAULT);
    }
}

void es_respond_rate_fields(struct es_request *request, const char *policy, int64_t quota,
                            int64_t window_s, int64_t remaining, int64_t reset_s)
{
    es_respond_header(request, "RateLimit-Policy",
                      es_arena_printf(request->arena, "\"%s\";q=%" PRId64 ";w=%" PRId64, policy,
                                      quota, window_s));
    es_respond_header(request, "RateLimit",
                      es_arena_printf(request->arena, "\"%s\";r=%" PRId64 ";t=%" PRId64, policy,
                                      remaining, reset_s));
}

void es_respond_rate_limited(struct es_request *request, const char *policy, int64_t quota,
                             int64_t window_s, int64_t retry_after_s)
{
    es_respond_rate_fields(request, policy, quota, window_s, 0, retry_after_s);
    es_respond_header(request, "Retry-After",
                      es_arena_printf(request->arena, "%" PRId64, retry_after_s));
    es_respond_problem(request, ES_PROBLEM_RATE_LIMITED, NULL);
}

void es_request_answer_refusal(struct es_request *request)
{
    if (request->allow != NULL) {
        es_respond_header(request, "Allow", request->allow);
    }
    if (request->method_id == ES_METHOD_OPTIONS && request->allow != NULL) {
        es_respond_empty(request, MHD_HTTP_NO_CONTENT);
        return;
    }
    es_respond_problem(request, request->refusal.problem, request->refusal.detail);
    request->answer.close |= request->refusal.problem == ES_PROBLEM_BODY_TOO_LARGE;
}

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (MHD_add_response_header(response, name, value) == MHD_NO) {
        /* values were checked when they were set: only memory can be missing */
        abort();
    }
}

struct MHD_Response *es_answer_build(struct es_request *request, bool close)
{
    struct es_answer *answer = &request->answer;
    if (es_bug_on(answer->status < FIRST_FINAL_STATUS || answer->status > LAST_STATUS,
                  "a handler gave no answer")) {
        es_respond_problem(request, ES_PROBLEM_INTERNAL, NULL);
    }
    struct MHD_Response *response = MHD_create_response_from_buffer(
        answer->body.length, answer->body.data, MHD_RESPMEM_PERSISTENT);
    if (response == NULL) {
        abort();
    }
    bool page = request->route != NULL && (request->route->flags & ES_ROUTE_PAGE) != 0;
    const struct es_fixed_header *fixed = page ? es_page_headers : es_data_headers;
    add_header(response, "X-Request-Id", request->id_text);
    for (size_t i = 0; i < ES_FIXED_HEADER_COUNT; i++) {
        if (answer->headers == NULL || find_header(answer, fixed[i].name) == NULL) {
            add_header(response, fixed[i].name, fixed[i].value);
        }
    }
    if (answer->content_type != NULL) {
        add_header(response, "Content-Type", answer->content_type);
    }
    for (const struct es_answer_header *at = answer->headers; at != NULL; at = at->next) {
        add_header(response, at->name, at->value);
    }
    if (close) {
        add_header(response, "Connection", "close");
    }
    return response;
}
