#include "common/answer/answer.h"

#include "common/base/clock.h"
#include "common/json/json.h"

#include <microhttpd.h>
#include <string.h>

#define NO_SNIFFING                                                                                \
    {                                                                                              \
        "X-Content-Type-Options", "nosniff"                                                        \
    }
#define NO_FRAMES                                                                                  \
    {                                                                                              \
        "X-Frame-Options", "DENY"                                                                  \
    }
#define NO_REFERRER                                                                                \
    {                                                                                              \
        "Referrer-Policy", "no-referrer"                                                           \
    }
#define NO_STORE                                                                                   \
    {                                                                                              \
        "Cache-Control", "no-store"                                                                \
    }

const struct es_fixed_header es_data_headers[ES_FIXED_HEADER_COUNT] = {
    NO_SNIFFING,
    NO_FRAMES,
    NO_REFERRER,
    NO_STORE,
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
};

const struct es_fixed_header es_page_headers[ES_FIXED_HEADER_COUNT] = {
    NO_SNIFFING,
    NO_FRAMES,
    NO_REFERRER,
    NO_STORE,
    {"Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; "
                                "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"},
};

static const struct {
    const char *code;
    unsigned status;
    const char *title;
} problems[] = {
#define X(identifier, code, status, title) [ES_PROBLEM_##identifier] = {code, status, title},
    ES_PROBLEMS(X)
#undef X
};

unsigned es_problem_status(enum es_problem problem)
{
    return problems[problem].status;
}

bool es_problem_of_status(unsigned status, enum es_problem *ret_problem)
{
    for (size_t i = 0; i < ES_ARRAY_LEN(problems); i++) {
        if (problems[i].status == status) {
            *ret_problem = (enum es_problem)i;
            return true;
        }
    }
    return false;
}

void es_problem_render(const struct es_problem_facts *facts, struct es_buf *out)
{
    struct es_json_writer writer = es_json_writer_make(out);
    es_json_begin_object(&writer);
    es_json_put_text(&writer, "type", "about:blank");
    es_json_put_text(&writer, "title", problems[facts->problem].title);
    es_json_put_int(&writer, "status", problems[facts->problem].status);
    if (facts->detail != NULL) {
        es_json_put_text(&writer, "detail", facts->detail);
    }
    es_json_put_text(&writer, "error", problems[facts->problem].code);
    es_json_put_time(&writer, "timestamp", es_clock_now_us());
    es_json_put_text(&writer, "request_id", facts->request_id);
    es_json_end_object(&writer);
}

static void add_html(struct es_buf *out, const char *text)
{
    static const struct {
        char character;
        const char *entity;
    } entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
    for (; *text != '\0'; text++) {
        const char *entity = NULL;
        for (size_t i = 0; i < ES_ARRAY_LEN(entities); i++) {
            entity = entities[i].character == *text ? entities[i].entity : entity;
        }
        if (entity != NULL) {
            es_buf_add_str(out, entity);
        } else {
            es_buf_add_byte(out, (unsigned char)*text);
        }
    }
}

void es_problem_render_page(const struct es_problem_facts *facts, struct es_buf *out)
{
    es_buf_add_str(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"
                        "<meta name=\"viewport\" content=\"width=device-width\">\n<title>");
    add_html(out, problems[facts->problem].title);
    es_buf_add_str(out, "</title></head>\n<body><main>\n<h1>");
    add_html(out, problems[facts->problem].title);
    es_buf_add_str(out, "</h1>\n");
    if (facts->detail != NULL) {
        es_buf_add_str(out, "<p>");
        add_html(out, facts->detail);
        es_buf_add_str(out, "</p>\n");
    }
    es_buf_printf(out, "<p>Error <code>%s</code>, request <code>%s</code>.</p>\n",
                  problems[facts->problem].code, facts->request_id);
    es_buf_add_str(out, "</main></body>\n</html>\n");
}

void es_problem_render_response(const struct es_problem_facts *facts, struct es_buf *out)
{
    unsigned status = es_problem_status(facts->problem);
    ES_CLEANUP(es_buf_done) struct es_buf body = ES_BUF_INIT;
    es_problem_render(facts, &body);
    es_buf_printf(out, "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Type: %s\r\n", status,
                  MHD_get_reason_phrase_for(status), ES_TYPE_PROBLEM);
    es_buf_printf(out, "X-Request-Id: %s\r\n", facts->request_id);
    for (size_t i = 0; i < ES_FIXED_HEADER_COUNT; i++) {
        es_buf_printf(out, "%s: %s\r\n", es_data_headers[i].name, es_data_headers[i].value);
    }
    es_buf_printf(out, "Content-Length: %zu\r\n\r\n", body.length);
    es_buf_add(out, body.data, body.length);
}
