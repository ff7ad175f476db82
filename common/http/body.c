/* es_request_read(): the body as declared members, whether it came as JSON or as a form. */
#include "common/answer/answer.h"
#include "common/base/buf.h"
#include "common/http/content-type.h"
#include "common/http/form.h"
#include "common/http/request.h"
#include "common/json/json.h"

#define TYPE_FORM "application/x-www-form-urlencoded"

static const enum es_problem json_problems[] = {
    [ES_JSON_MALFORMED] = ES_PROBLEM_MALFORMED_JSON,
    [ES_JSON_INVALID] = ES_PROBLEM_INVALID_REQUEST,
};

static bool read_json(struct es_request *request, const void *body, size_t length,
                      const struct es_json_member *members, size_t count)
{
    const char *error = NULL;
    enum es_json_result result = es_json_read(request->arena, body, length, members, count, &error);
    if (result != ES_JSON_OK) {
        es_respond_problem(request, json_problems[result], error);
        return false;
    }
    return true;
}

static bool read_form(struct es_request *request, const void *body, size_t length,
                      const struct es_json_member *members, size_t count)
{
    ES_CLEANUP(es_buf_done) struct es_buf json = ES_BUF_INIT;
    if (!es_form_to_json(request->arena, body, length, members, count, &json)) {
        es_respond_problem(request, ES_PROBLEM_BAD_REQUEST, "The form is malformed.");
        return false;
    }
    return read_json(request, json.data, json.length, members, count);
}

bool es_request_read(struct es_request *request, const struct es_json_member *members, size_t count)
{
    size_t length = 0;
    const void *body = es_request_body(request, &length);
    const char *type = request->headers.known[ES_HEADER_CONTENT_TYPE];
    if (type == NULL ? length == 0 : es_content_type_is(type, ES_TYPE_JSON)) {
        bool empty = length == 0; /* says as much as an object without members */
        return read_json(request, empty ? "{}" : body, empty ? 2 : length, members, count);
    }
    bool form_allowed = request->route != NULL && (request->route->flags & ES_ROUTE_FORM) != 0;
    if (form_allowed && es_content_type_is(type, TYPE_FORM)) {
        return read_form(request, body, length, members, count);
    }
    es_respond_problem(request, ES_PROBLEM_UNSUPPORTED_TYPE,
                       form_allowed ? "Send application/json or a form."
                                    : "Send application/json.");
    return false;
}
