/* WhatsOnChain: base https://api.whatsonchain.com/v1/bsv/{main|test}. */
#include "worker-ledger/providers/internal.h"
#include "worker-ledger/providers/woc-answer.h"

#include "worker-ledger/chain/hash256.h"

#include <inttypes.h>
#include <stdio.h>

#define PATH_SIZE 160

static struct es_sighting submit(struct es_provider *provider, struct es_arena *arena,
                                 const struct es_payload *payload)
{
    (void)arena; /* nothing of the answer is kept */
    ES_CLEANUP(es_client_answer_done) struct es_client_answer answer = {.status = 0};
    ES_CLEANUP(es_buf_done) struct es_buf body = ES_BUF_INIT;
    es_buf_add_str(&body, "{\"txhex\":\"");
    es_buf_add_hex(&body, payload->raw, payload->raw_length);
    es_buf_add_str(&body, "\"}");
    enum es_client_result result = es_provider_post_json(provider, "/tx/raw", &body, &answer);
    if (result != ES_CLIENT_ANSWERED) {
        return es_provider_no_answer(result);
    }
    struct es_sighting sighting =
        es_woc_read_submit(&payload->txid, answer.status, answer.body.data, answer.body.length);
    es_provider_note_retry(&sighting, &answer);
    return sighting;
}

static struct es_sighting status(struct es_provider *provider, struct es_arena *arena,
                                 const struct es_hash *txid)
{
    (void)arena;
    char path[PATH_SIZE];
    char id[ES_HASH256_TEXT_SIZE];
    ES_CLEANUP(es_client_answer_done) struct es_client_answer answer = {.status = 0};
    es_hash256_format(txid, id);
    (void)snprintf(path, sizeof(path), "/tx/hash/%s", id);
    enum es_client_result result = es_provider_get(provider, path, &answer);
    if (result != ES_CLIENT_ANSWERED) {
        return es_provider_no_answer(result);
    }
    struct es_sighting sighting =
        es_woc_read_status(txid, answer.status, answer.body.data, answer.body.length);
    es_provider_note_retry(&sighting, &answer);
    return sighting;
}

static enum es_question proof(struct es_provider *provider, struct es_arena *arena,
                              const struct es_hash *txid, struct es_tsc_proof *ret_proof)
{
    char path[PATH_SIZE];
    char id[ES_HASH256_TEXT_SIZE];
    ES_CLEANUP(es_client_answer_done) struct es_client_answer answer = {.status = 0};
    es_hash256_format(txid, id);
    (void)snprintf(path, sizeof(path), "/tx/%s/proof/tsc", id);
    if (es_provider_get(provider, path, &answer) != ES_CLIENT_ANSWERED) {
        return ES_QUESTION_UNANSWERED;
    }
    return es_woc_read_proof(arena, txid, answer.status, answer.body.data, answer.body.length,
                             ret_proof);
}

static enum es_question header(struct es_provider *provider, const char *block,
                               struct es_block_header *ret_header)
{
    char path[PATH_SIZE];
    ES_CLEANUP(es_client_answer_done) struct es_client_answer answer = {.status = 0};
    (void)snprintf(path, sizeof(path), "/block/%s/header", block);
    if (es_provider_get(provider, path, &answer) != ES_CLIENT_ANSWERED) {
        return ES_QUESTION_UNANSWERED;
    }
    return es_woc_read_header(answer.status, answer.body.data, answer.body.length, ret_header);
}

static enum es_question header_by_hash(struct es_provider *provider,
                                       const struct es_hash *block_hash,
                                       struct es_block_header *ret_header)
{
    char id[ES_HASH256_TEXT_SIZE];
    struct es_block_header read;
    es_hash256_format(block_hash, id);
    enum es_question question = header(provider, id, &read);
    if (question == ES_QUESTION_ANSWERED && !es_hash_equal(&read.hash, block_hash)) {
        return ES_QUESTION_UNANSWERED;
    }
    if (question == ES_QUESTION_ANSWERED) {
        *ret_header = read;
    }
    return question;
}

static enum es_question header_by_height(struct es_provider *provider, int64_t height,
                                         struct es_block_header *ret_header)
{
    char text[24];
    struct es_block_header read;
    (void)snprintf(text, sizeof(text), "%" PRId64, height);
    enum es_question question = header(provider, text, &read);
    if (question == ES_QUESTION_ANSWERED && read.height != height) {
        return ES_QUESTION_UNANSWERED;
    }
    if (question == ES_QUESTION_ANSWERED) {
        *ret_header = read;
    }
    return question;
}

static enum es_question tip(struct es_provider *provider, struct es_tip *ret_tip)
{
    ES_CLEANUP(es_client_answer_done) struct es_client_answer answer = {.status = 0};
    if (es_provider_get(provider, "/chain/info", &answer) != ES_CLIENT_ANSWERED) {
        return ES_QUESTION_UNANSWERED;
    }
    return es_woc_read_tip(answer.status, answer.body.data, answer.body.length, ret_tip);
}

static enum es_question unspent(struct es_provider *provider, struct es_arena *arena,
                                struct es_unspent_list *ret_list)
{
    char path[PATH_SIZE];
    ES_CLEANUP(es_client_answer_done) struct es_client_answer answer = {.status = 0};
    (void)snprintf(path, sizeof(path), "/address/%s/unspent/all", provider->config.address);
    if (es_provider_get(provider, path, &answer) != ES_CLIENT_ANSWERED) {
        return ES_QUESTION_UNANSWERED;
    }
    return es_woc_read_unspent(arena, answer.status, answer.body.data, answer.body.length,
                               ret_list);
}

static enum es_question spent(struct es_provider *provider, const struct es_outpoint *outpoint,
                              bool *ret_spent)
{
    char path[PATH_SIZE];
    char id[ES_HASH256_TEXT_SIZE];
    ES_CLEANUP(es_client_answer_done) struct es_client_answer answer = {.status = 0};
    es_hash256_format(&outpoint->txid, id);
    (void)snprintf(path, sizeof(path), "/tx/%s/%" PRIu32 "/spent", id, outpoint->vout);
    if (es_provider_get(provider, path, &answer) != ES_CLIENT_ANSWERED) {
        return ES_QUESTION_UNANSWERED;
    }
    return es_woc_read_spent(answer.status, answer.body.data, answer.body.length, ret_spent);
}

const struct es_provider_ops es_woc_ops = {
    .submit = submit,
    .status = status,
    .proof = proof,
    .header_by_hash = header_by_hash,
    .header_by_height = header_by_height,
    .tip = tip,
    .unspent = unspent,
    .spent = spent,
};
