#include "common/base/clock.h"
#include "worker-ledger/providers/internal.h"

enum es_client_result es_provider_call(struct es_provider *provider,
                                       const struct es_provider_call *call,
                                       struct es_client_answer *ret_answer)
{
    ES_CLEANUP(es_buf_done) struct es_buf url = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf content_type = ES_BUF_INIT;
    const char *headers[ES_PROVIDER_HEADERS_MAX] = {NULL};
    size_t count = 0;
    es_buf_printf(&url, "%s%s", es_buf_str(&provider->url), call->path);
    if (call->content_type != NULL) {
        es_buf_printf(&content_type, "Content-Type: %s", call->content_type);
        headers[count++] = es_buf_str(&content_type);
    }
    if (provider->access.length > 0) {
        headers[count++] = es_buf_str(&provider->access);
    }
    if (call->extra_header != NULL) {
        headers[count++] = call->extra_header;
    }
    struct es_client_request request = {
        .method = call->method,
        .url = es_buf_str(&url),
        .headers = headers,
        .body = call->body,
        .body_length = call->body_length,
        .says_no_by_500 = provider->config.kind == ES_PROVIDER_NODE,
    };
    return es_client_call(provider->client, &request, ret_answer);
}

enum es_client_result es_provider_get(struct es_provider *provider, const char *path,
                                      struct es_client_answer *ret_answer)
{
    const struct es_provider_call call = {.method = "GET", .path = path};
    return es_provider_call(provider, &call, ret_answer);
}

enum es_client_result es_provider_post_json(struct es_provider *provider, const char *path,
                                            const struct es_buf *body,
                                            struct es_client_answer *ret_answer)
{
    const struct es_provider_call call = {
        .method = "POST",
        .path = path,
        .content_type = "application/json",
        .body = body->data,
        .body_length = body->length,
    };
    return es_provider_call(provider, &call, ret_answer);
}

void es_provider_note_retry(struct es_sighting *sighting, const struct es_client_answer *answer)
{
    sighting->retry_after_ms = answer->retry_after_s > 0 ? answer->retry_after_s * ES_MS_PER_S : 0;
}

struct es_sighting es_provider_no_answer(enum es_client_result result)
{
    switch (result) {
    case ES_CLIENT_REFUSED_HOST:
        return es_sighting_make(ES_SIGHT_BUSY, "host_refused");
    case ES_CLIENT_CIRCUIT_OPEN:
        return es_sighting_make(ES_SIGHT_BUSY, "circuit_open");
    case ES_CLIENT_NOT_SENT:
        return es_sighting_make(ES_SIGHT_BUSY, "not_reached");
    case ES_CLIENT_TOO_LARGE:
        return es_sighting_make(ES_SIGHT_UNCLEAR, "too_large");
    case ES_CLIENT_ANSWERED:
    case ES_CLIENT_UNCLEAR:
        break;
    }
    return es_sighting_make(ES_SIGHT_UNCLEAR, "no_answer");
}
