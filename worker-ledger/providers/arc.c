/* ARC (paths below /v1) and Arcade (paths without it). */
#include "worker-ledger/providers/arc-answer.h"
#include "worker-ledger/providers/internal.h"

#include "worker-ledger/chain/hash256.h"

#include <stdio.h>

#define PATH_SIZE 96

/* Only that it is stored: waiting for the network would hold this thread. Arcade ignores it. */
#define WAIT_HEADER "X-WaitFor: STORED"

static const char *prefix(const struct es_provider *provider)
{
    return provider->config.kind == ES_PROVIDER_ARC ? "/v1" : "";
}

static struct es_sighting ask(struct es_provider *provider, struct es_arena *arena,
                              const struct es_hash *txid, const struct es_provider_call *call)
{
    ES_CLEANUP(es_client_answer_done) struct es_client_answer answer = {.status = 0};
    enum es_client_result result = es_provider_call(provider, call, &answer);
    if (result != ES_CLIENT_ANSWERED) {
        return es_provider_no_answer(result);
    }
    struct es_sighting sighting =
        es_arc_read(arena, txid, answer.status, answer.body.data, answer.body.length);
    es_provider_note_retry(&sighting, &answer);
    return sighting;
}

static struct es_sighting submit(struct es_provider *provider, struct es_arena *arena,
                                 const struct es_payload *payload)
{
    char path[PATH_SIZE];
    (void)snprintf(path, sizeof(path), "%s/tx", prefix(provider));
    struct es_provider_call call = {
        .method = "POST",
        .path = path,
        .content_type = "application/octet-stream",
        .body = payload->raw,
        .body_length = payload->raw_length,
        .extra_header = WAIT_HEADER,
    };
    return ask(provider, arena, &payload->txid, &call);
}

static struct es_sighting status(struct es_provider *provider, struct es_arena *arena,
                                 const struct es_hash *txid)
{
    char path[PATH_SIZE];
    char id[ES_HASH256_TEXT_SIZE];
    es_hash256_format(txid, id);
    (void)snprintf(path, sizeof(path), "%s/tx/%s", prefix(provider), id);
    struct es_provider_call call = {.method = "GET", .path = path};
    return ask(provider, arena, txid, &call);
}

static enum es_question policy(struct es_provider *provider, int64_t *ret_rate)
{
    char path[PATH_SIZE];
    ES_CLEANUP(es_client_answer_done) struct es_client_answer answer = {.status = 0};
    (void)snprintf(path, sizeof(path), "%s/policy", prefix(provider));
    if (es_provider_get(provider, path, &answer) != ES_CLIENT_ANSWERED || answer.status != 200 ||
        !es_arc_read_policy(answer.body.data, answer.body.length, ret_rate)) {
        return ES_QUESTION_UNANSWERED;
    }
    return ES_QUESTION_ANSWERED;
}

const struct es_provider_ops es_arc_ops = {.submit = submit, .status = status, .policy = policy};
const struct es_provider_ops es_arcade_ops = {.submit = submit, .status = status, .policy = policy};
