/* Every error the API knows, by its stable code: part of the API, so also in the OpenAPI file. */
#pragma once

/* X(identifier, code, HTTP status, title) */
#define ES_PROBLEMS(X)                                                                             \
    X(BAD_REQUEST, "bad_request", 400, "The request could not be understood")                      \
    X(MALFORMED_JSON, "malformed_json", 400, "The body is not valid JSON")                         \
    X(UNAUTHORIZED, "unauthorized", 401, "Sign-in is needed")                                      \
    X(INVALID_TOKEN, "invalid_token", 401, "The token is not valid")                               \
    X(INVALID_CODE, "invalid_code", 401, "The link or code is not valid any more")                 \
    X(FORBIDDEN, "forbidden", 403, "This is not allowed")                                          \
    X(CROSS_SITE, "cross_site", 403, "The request did not come from our own pages")                \
    X(NOT_FOUND, "not_found", 404, "There is nothing here")                                        \
    X(METHOD_NOT_ALLOWED, "method_not_allowed", 405, "This address does not take that method")     \
    X(REQUEST_TIMEOUT, "request_timeout", 408, "The request took too long to arrive")              \
    X(CONFLICT, "conflict", 409, "The same request is still running")                              \
    X(ALREADY_DONE, "already_done", 409, "The request was carried out before")                     \
    X(LENGTH_REQUIRED, "length_required", 411, "The length of the body must be given")             \
    X(BODY_TOO_LARGE, "body_too_large", 413, "The body is too large")                              \
    X(URI_TOO_LONG, "uri_too_long", 414, "The address is too long")                                \
    X(UNSUPPORTED_TYPE, "unsupported_media_type", 415, "This content type is not taken")           \
    X(INVALID_REQUEST, "invalid_request", 422, "The request is not valid")                         \
    X(KEY_REUSED, "idempotency_key_reused", 422, "The key was used for another request")           \
    X(RATE_LIMITED, "rate_limited", 429, "Too many requests")                                      \
    X(HEADERS_TOO_LARGE, "headers_too_large", 431, "The header fields are too large")              \
    X(INTERNAL, "internal_error", 500, "Something went wrong on our side")                         \
    X(NOT_IMPLEMENTED, "not_implemented", 501, "This is not implemented")                          \
    X(UNAVAILABLE, "unavailable", 503, "The service is not available just now")                    \
    X(OVERLOADED, "overloaded", 503, "Too many requests are waiting")                              \
    X(HTTP_VERSION, "http_version_not_supported", 505, "Only HTTP/1.0 and HTTP/1.1 are spoken")

enum es_problem {
#define X(identifier, code, status, title) ES_PROBLEM_##identifier,
    ES_PROBLEMS(X)
#undef X
};
