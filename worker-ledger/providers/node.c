/* A bitcoin-sv node by JSON-RPC. */
#include "worker-ledger/providers/internal.h"
#include "worker-ledger/providers/node-answer.h"

#include "worker-ledger/chain/hash256.h"

#include <inttypes.h>
#include <stdio.h>

#define PARAMS_SIZE       256
#define MAX_CONFIRMATIONS 9999999

/* METHOD with PARAMS, the inside of a JSON array. */
static enum es_client_result rpc(struct es_provider *provider, const char *method,
                                 const char *params, struct es_client_answer *ret_answer)
{
    ES_CLEANUP(es_buf_done) struct es_buf body = ES_BUF_INIT;
    es_buf_printf(&body, "{\"jsonrpc\":\"1.0\",\"id\":\"eldersafe\",\"method\":\"%s\",\"params\":[",
                  method);
    es_buf_add_str(&body, params);
    es_buf_add_str(&body, "]}");
    return es_provider_post_json(provider, "", &body, ret_answer);
}

static struct es_sighting submit(struct es_provider *provider, struct es_arena *arena,
                                 const struct es_payload *payload)
{
    (void)arena; /* nothing of the answer is kept */
    ES_CLEANUP(es_client_answer_done) struct es_client_answer answer = {.status = 0};
    ES_CLEANUP(es_buf_done) struct es_buf params = ES_BUF_INIT;
    es_buf_add_byte(&params, '"');
    es_buf_add_hex(&params, payload->raw, payload->raw_length);
    es_buf_add_byte(&params, '"');
    enum es_client_result result =
        rpc(provider, "sendrawtransaction", es_buf_str(&params), &answer);
    if (result != ES_CLIENT_ANSWERED) {
        return es_provider_no_answer(result);
    }
    return es_node_read_submit(&payload->txid, answer.status, answer.body.data, answer.body.length);
}

static struct es_sighting status(struct es_provider *provider, struct es_arena *arena,
                                 const struct es_hash *txid)
{
    (void)arena;
    char params[PARAMS_SIZE];
    char id[ES_HASH256_TEXT_SIZE];
    ES_CLEANUP(es_client_answer_done) struct es_client_answer answer = {.status = 0};
    es_hash256_format(txid, id);
    (void)snprintf(params, sizeof(params), "\"%s\",true", id);
    enum es_client_result result = rpc(provider, "getrawtransaction", params, &answer);
    if (result != ES_CLIENT_ANSWERED) {
        return es_provider_no_answer(result);
    }
    return es_node_read_status(txid, answer.status, answer.body.data, answer.body.length);
}

static enum es_question policy(struct es_provider *provider, int64_t *ret_rate)
{
    ES_CLEANUP(es_client_answer_done) struct es_client_answer answer = {.status = 0};
    if (rpc(provider, "getnetworkinfo", "", &answer) != ES_CLIENT_ANSWERED ||
        !es_node_read_policy(answer.status, answer.body.data, answer.body.length, ret_rate)) {
        return ES_QUESTION_UNANSWERED;
    }
    return ES_QUESTION_ANSWERED;
}

static enum es_question proof(struct es_provider *provider, struct es_arena *arena,
                              const struct es_hash *txid, struct es_tsc_proof *ret_proof)
{
    char params[PARAMS_SIZE];
    char id[ES_HASH256_TEXT_SIZE];
    ES_CLEANUP(es_client_answer_done) struct es_client_answer answer = {.status = 0};
    es_hash256_format(txid, id);
    (void)snprintf(params, sizeof(params), "\"\",\"%s\",false,\"hash\"", id);
    if (rpc(provider, "getmerkleproof2", params, &answer) != ES_CLIENT_ANSWERED) {
        return ES_QUESTION_UNANSWERED;
    }
    return es_node_read_proof(arena, txid, answer.status, answer.body.data, answer.body.length,
                              ret_proof);
}

/* The header with BLOCK_HASH, without its height. */
static enum es_question raw_header(struct es_provider *provider, const struct es_hash *block_hash,
                                   struct es_block_header *ret_header)
{
    char params[PARAMS_SIZE];
    char id[ES_HASH256_TEXT_SIZE];
    struct es_block_header read;
    ES_CLEANUP(es_client_answer_done) struct es_client_answer answer = {.status = 0};
    es_hash256_format(block_hash, id);
    (void)snprintf(params, sizeof(params), "\"%s\",false", id);
    if (rpc(provider, "getblockheader", params, &answer) != ES_CLIENT_ANSWERED) {
        return ES_QUESTION_UNANSWERED;
    }
    enum es_question question =
        es_node_read_header(answer.status, answer.body.data, answer.body.length, &read);
    if (question != ES_QUESTION_ANSWERED) {
        return question;
    }
    if (!es_hash_equal(&read.hash, block_hash)) {
        return ES_QUESTION_UNANSWERED;
    }
    *ret_header = read;
    return ES_QUESTION_ANSWERED;
}

static enum es_question header_by_hash(struct es_provider *provider,
                                       const struct es_hash *block_hash,
                                       struct es_block_header *ret_header)
{
    char params[PARAMS_SIZE];
    char id[ES_HASH256_TEXT_SIZE];
    struct es_block_header read;
    ES_CLEANUP(es_client_answer_done) struct es_client_answer answer = {.status = 0};
    enum es_question question = raw_header(provider, block_hash, &read);
    if (question != ES_QUESTION_ANSWERED) {
        return question;
    }
    es_hash256_format(block_hash, id);
    (void)snprintf(params, sizeof(params), "\"%s\",true", id);
    if (rpc(provider, "getblockheader", params, &answer) != ES_CLIENT_ANSWERED) {
        return ES_QUESTION_UNANSWERED;
    }
    question =
        es_node_read_height(answer.status, answer.body.data, answer.body.length, &read.height);
    if (question == ES_QUESTION_ANSWERED) {
        *ret_header = read;
    }
    return question;
}

static enum es_question header_by_height(struct es_provider *provider, int64_t height,
                                         struct es_block_header *ret_header)
{
    char params[PARAMS_SIZE];
    struct es_hash block_hash;
    ES_CLEANUP(es_client_answer_done) struct es_client_answer answer = {.status = 0};
    (void)snprintf(params, sizeof(params), "%" PRId64, height);
    if (rpc(provider, "getblockhash", params, &answer) != ES_CLIENT_ANSWERED) {
        return ES_QUESTION_UNANSWERED;
    }
    enum es_question question =
        es_node_read_block_hash(answer.status, answer.body.data, answer.body.length, &block_hash);
    if (question == ES_QUESTION_ANSWERED) {
        question = raw_header(provider, &block_hash, ret_header);
    }
    if (question == ES_QUESTION_ANSWERED) {
        ret_header->height = height;
    }
    return question;
}

static enum es_question tip(struct es_provider *provider, struct es_tip *ret_tip)
{
    ES_CLEANUP(es_client_answer_done) struct es_client_answer answer = {.status = 0};
    if (rpc(provider, "getblockchaininfo", "", &answer) != ES_CLIENT_ANSWERED) {
        return ES_QUESTION_UNANSWERED;
    }
    return es_node_read_tip(answer.status, answer.body.data, answer.body.length, ret_tip);
}

/* listunspent knows what the wallet watches: from now on that is our address, without a rescan
 * (which takes hours; funding before this moment is entered with `eldersafectl coin add`). */
static bool watch(struct es_provider *provider)
{
    char params[PARAMS_SIZE];
    ES_CLEANUP(es_client_answer_done) struct es_client_answer answer = {.status = 0};
    if (provider->watched) {
        return true;
    }
    (void)snprintf(params, sizeof(params), "\"%s\",\"eldersafe\",false", provider->config.address);
    if (rpc(provider, "importaddress", params, &answer) != ES_CLIENT_ANSWERED) {
        return false;
    }
    provider->watched = es_node_read_done(answer.status, answer.body.data, answer.body.length);
    return provider->watched;
}

static enum es_question unspent(struct es_provider *provider, struct es_arena *arena,
                                struct es_unspent_list *ret_list)
{
    char params[PARAMS_SIZE];
    ES_CLEANUP(es_client_answer_done) struct es_client_answer answer = {.status = 0};
    if (!watch(provider)) {
        return ES_QUESTION_UNANSWERED;
    }
    (void)snprintf(params, sizeof(params), "1,%d,[\"%s\"]", MAX_CONFIRMATIONS,
                   provider->config.address);
    if (rpc(provider, "listunspent", params, &answer) != ES_CLIENT_ANSWERED) {
        return ES_QUESTION_UNANSWERED;
    }
    return es_node_read_unspent(arena, answer.status, answer.body.data, answer.body.length,
                                ret_list);
}

static enum es_question spent(struct es_provider *provider, const struct es_outpoint *outpoint,
                              bool *ret_spent)
{
    char params[PARAMS_SIZE];
    char id[ES_HASH256_TEXT_SIZE];
    ES_CLEANUP(es_client_answer_done) struct es_client_answer answer = {.status = 0};
    es_hash256_format(&outpoint->txid, id);
    (void)snprintf(params, sizeof(params), "\"%s\",%" PRIu32 ",true", id, outpoint->vout);
    if (rpc(provider, "gettxout", params, &answer) != ES_CLIENT_ANSWERED) {
        return ES_QUESTION_UNANSWERED;
    }
    return es_node_read_spent(answer.status, answer.body.data, answer.body.length, ret_spent);
}

const struct es_provider_ops es_node_ops = {
    .submit = submit,
    .status = status,
    .policy = policy,
    .proof = proof,
    .header_by_hash = header_by_hash,
    .header_by_height = header_by_height,
    .tip = tip,
    .unspent = unspent,
    .spent = spent,
};
