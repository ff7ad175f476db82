/*
 * What every answer carries, whoever writes it: the header fields of DESIGN section 4 and the two
 * renderings of a problem. For the servers: common/http, and common/observe's endpoint.
 */
#pragma once

#include "common/answer/problems.h"
#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

#define ES_TYPE_JSON    "application/json"
#define ES_TYPE_PROBLEM "application/problem+json"
#define ES_TYPE_PAGE    "text/html; charset=utf-8"

#define ES_RETRY_AFTER_DEFAULT "2" /* seconds, with a 503 */

struct es_fixed_header {
    const char *name;
    const char *value;
};

#define ES_FIXED_HEADER_COUNT 5
/* For answers of data and for answers of pages (which may have forms and our own style sheets).
 * A handler that sets one of these itself has its value sent instead. */
extern const struct es_fixed_header es_data_headers[ES_FIXED_HEADER_COUNT];
extern const struct es_fixed_header es_page_headers[ES_FIXED_HEADER_COUNT];

struct es_problem_facts {
    enum es_problem problem;
    const char *detail; /* or NULL */
    const char *request_id;
};

unsigned es_problem_status(enum es_problem problem);
/* The most general problem of STATUS: the first of its table. False when there is none. */
bool es_problem_of_status(unsigned status, enum es_problem *ret_problem) ES_MUST_CHECK;
/* Append the problem as application/problem+json, or as a page. */
void es_problem_render(const struct es_problem_facts *facts, struct es_buf *out);
void es_problem_render_page(const struct es_problem_facts *facts, struct es_buf *out);

/* Append a whole HTTP/1.1 response with "Connection: close" for FACTS: for the cases in which
 * libmicrohttpd cannot be asked to answer. */
void es_problem_render_response(const struct es_problem_facts *facts, struct es_buf *out);
