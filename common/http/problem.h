/*
 * Error answers: application/problem+json (RFC 9457) from one table.
 *
 * {"type":"about:blank","title":…,"status":…,"detail":…,"error":"stable_code","timestamp":…,
 *  "request_id":…}. Codes are part of the API: common/answer/problems.h and the OpenAPI file list
 * them. On ES_ROUTE_PAGE routes the same facts are an HTML page when the client asks for text/html.
 */
#pragma once

#include "common/answer/problems.h"
#include "common/base/compiler.h"

#include <stdint.h>

struct es_request;

/* Answer with PROBLEM. DETAIL is one sentence for a human, or NULL; it never repeats input.
 * 503 gets Retry-After: 2 unless the caller set one. */
void es_respond_problem(struct es_request *request, enum es_problem problem, const char *detail);

/* 429 with Retry-After, RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-11).
 * POLICY is the class name, QUOTA requests per WINDOW_S. */
void es_respond_rate_limited(struct es_request *request, const char *policy, int64_t quota,
                             int64_t window_s, int64_t retry_after_s);

/* The RateLimit fields on an answer that was admitted. */
void es_respond_rate_fields(struct es_request *request, const char *policy, int64_t quota,
                            int64_t window_s, int64_t remaining, int64_t reset_s);
