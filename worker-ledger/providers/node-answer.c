#include "worker-ledger/providers/node-answer.h"

#include "common/base/text.h"
#include "worker-ledger/chain/hash256.h"
#include "worker-ledger/providers/json.h"
#include "worker-ledger/providers/tsc.h"
#include "worker-ledger/providers/unspent.h"
#include "worker-ledger/providers/words.h"

#include <stdio.h>
#include <string.h>

#define HTTP_OK           200
#define HTTP_BAD_REQUEST  400
#define HTTP_NOT_FOUND    404
#define HTTP_SERVER_ERROR 500

/* In what a node says of a transaction it looked for without an index: it may well be mined. */
#define NO_INDEX "-txindex"

/* bitcoin-sv src/rpc/protocol.h */
enum rpc_error {
    RPC_NOT_CONNECTED = -9,
    RPC_INITIAL_DOWNLOAD = -10,
    RPC_NOT_FOUND = -5, /* as well: bad address or key */
    RPC_BAD_PARAMETER = -8,
    RPC_DECODE_FAILED = -22,
    RPC_VERIFY_ERROR = -25,
    RPC_VERIFY_REJECTED = -26,
    RPC_ALREADY_KNOWN = -27,
    RPC_WARMING_UP = -28,
    RPC_NO_PEERS = -31,
};

/* What a node answered: its result, or its error. */
struct reply {
    json_t *whole; /* owned */
    const json_t *result;
    const char *message; /* of the error; "" without one */
    int64_t code;        /* of the error; 0 without one */
    bool valid;          /* it is a JSON-RPC answer at all */
};

static void reply_done(struct reply *reply)
{
    json_decref(reply->whole);
}

static struct reply reply_read(long http_status, const void *body, size_t length)
{
    struct reply reply = {.whole = NULL, .message = ""};
    bool may_speak = http_status == HTTP_OK || http_status == HTTP_SERVER_ERROR ||
                     http_status == HTTP_BAD_REQUEST || http_status == HTTP_NOT_FOUND;
    if (!may_speak) {
        return reply;
    }
    reply.whole = es_provider_json(body, length);
    const json_t *error = json_object_get(reply.whole, "error");
    if (error == NULL) {
        return reply;
    }
    if (json_is_object(error)) {
        const char *message = es_provider_json_text(error, "message");
        reply.valid = es_provider_json_int(error, "code", &reply.code) && reply.code != 0;
        reply.message = message != NULL ? message : "";
        return reply;
    }
    reply.result = json_object_get(reply.whole, "result");
    reply.valid = json_is_null(error) && reply.result != NULL && http_status == HTTP_OK;
    return reply;
}

static struct es_sighting busy(const char *reason, const char *message)
{
    struct es_sighting sighting = es_sighting_make(ES_SIGHT_BUSY, reason);
    es_sighting_set_detail(&sighting, message, strlen(message));
    return sighting;
}

static struct es_sighting refused(enum es_refusal refusal, const char *message)
{
    struct es_sighting sighting = es_sighting_refused(refusal);
    es_sighting_set_detail(&sighting, message, strlen(message));
    return sighting;
}

static struct es_sighting unclear_code(int64_t code, const char *message)
{
    struct es_sighting sighting = es_sighting_make(ES_SIGHT_UNCLEAR, "");
    (void)snprintf(sighting.reason, sizeof(sighting.reason), "rpc_%lld", (long long)code);
    es_sighting_set_detail(&sighting, message, strlen(message));
    return sighting;
}

static struct es_sighting of_error(int64_t code, const char *message)
{
    struct es_sighting sighting;
    switch (code) {
    case RPC_ALREADY_KNOWN:
        return es_sighting_make(ES_SIGHT_TAKEN, "known");
    case RPC_DECODE_FAILED:
        return refused(ES_REFUSAL_OTHER, message);
    case RPC_VERIFY_ERROR:
        return refused(ES_REFUSAL_COIN, message);
    case RPC_VERIFY_REJECTED:
        if (es_words_read(message, strlen(message), &sighting)) {
            return sighting;
        }
        return refused(ES_REFUSAL_OTHER, message);
    case RPC_WARMING_UP:
    case RPC_NOT_CONNECTED:
    case RPC_INITIAL_DOWNLOAD:
    case RPC_NO_PEERS:
        return busy("node_not_ready", message);
    default:
        return unclear_code(code, message);
    }
}

struct es_sighting es_node_read_submit(const struct es_hash *txid, long http_status,
                                       const void *body, size_t length)
{
    struct es_hash named;
    ES_CLEANUP(reply_done) struct reply reply = reply_read(http_status, body, length);
    if (!reply.valid) {
        return http_status == HTTP_OK ? es_sighting_make(ES_SIGHT_UNCLEAR, "garbage")
                                      : es_sighting_of_http(http_status);
    }
    if (reply.code != 0) {
        return of_error(reply.code, reply.message);
    }
    const char *id = json_string_value(reply.result);
    bool is_ours = id != NULL && es_hash256_parse(id, &named) && es_hash_equal(&named, txid);
    return is_ours ? es_sighting_make(ES_SIGHT_TAKEN, "taken")
                   : es_sighting_make(ES_SIGHT_UNCLEAR, "garbage");
}

struct es_sighting es_node_read_status(const struct es_hash *txid, long http_status,
                                       const void *body, size_t length)
{
    ES_CLEANUP(reply_done) struct reply reply = reply_read(http_status, body, length);
    if (!reply.valid) {
        return http_status == HTTP_OK ? es_sighting_make(ES_SIGHT_UNCLEAR, "garbage")
                                      : es_sighting_of_http(http_status);
    }
    if (reply.code == RPC_NOT_FOUND) {
        return strstr(reply.message, NO_INDEX) == NULL
                   ? es_sighting_make(ES_SIGHT_UNKNOWN, "unknown")
                   : es_sighting_make(ES_SIGHT_UNCLEAR, ES_REASON_NO_TXINDEX);
    }
    if (reply.code != 0) {
        return unclear_code(reply.code, reply.message);
    }
    if (!es_provider_json_is_id(reply.result, "txid", txid)) {
        return es_sighting_make(ES_SIGHT_UNCLEAR, "garbage");
    }
    return es_sighting_in_block(es_provider_json_text(reply.result, "blockhash"));
}

/* ABSENT for the errors with which a node says that it has no such thing. */
static enum es_question question_of(const struct reply *reply)
{
    if (!reply->valid) {
        return ES_QUESTION_UNANSWERED;
    }
    if (reply->code == RPC_NOT_FOUND || reply->code == RPC_BAD_PARAMETER) {
        return ES_QUESTION_ABSENT;
    }
    return reply->code == 0 ? ES_QUESTION_ANSWERED : ES_QUESTION_UNANSWERED;
}

enum es_question es_node_read_proof(struct es_arena *arena, const struct es_hash *txid,
                                    long http_status, const void *body, size_t length,
                                    struct es_tsc_proof *ret_proof)
{
    ES_CLEANUP(reply_done) struct reply reply = reply_read(http_status, body, length);
    enum es_question question = question_of(&reply);
    if (question == ES_QUESTION_ANSWERED && !es_tsc_read(arena, reply.result, txid, ret_proof)) {
        return ES_QUESTION_UNANSWERED;
    }
    return question;
}

bool es_node_read_policy(long http_status, const void *body, size_t length, int64_t *ret_rate)
{
    ES_CLEANUP(reply_done) struct reply reply = reply_read(http_status, body, length);
    return question_of(&reply) == ES_QUESTION_ANSWERED &&
           es_provider_json_bsv(reply.result, "relayfee", ret_rate);
}

enum es_question es_node_read_block_hash(long http_status, const void *body, size_t length,
                                         struct es_hash *ret_hash)
{
    ES_CLEANUP(reply_done) struct reply reply = reply_read(http_status, body, length);
    enum es_question question = question_of(&reply);
    const char *text = json_string_value(reply.result);
    if (question == ES_QUESTION_ANSWERED && (text == NULL || !es_hash256_parse(text, ret_hash))) {
        return ES_QUESTION_UNANSWERED;
    }
    return question;
}

enum es_question es_node_read_header(long http_status, const void *body, size_t length,
                                     struct es_block_header *ret_header)
{
    ES_CLEANUP(reply_done) struct reply reply = reply_read(http_status, body, length);
    enum es_question question = question_of(&reply);
    const char *text = json_string_value(reply.result);
    struct es_block_header header = {.height = -1};
    if (question != ES_QUESTION_ANSWERED) {
        return question;
    }
    if (text == NULL || !es_parse_hex(text, header.raw, ES_HEADER_SIZE)) {
        return ES_QUESTION_UNANSWERED;
    }
    header.hash = es_header_hash(header.raw);
    *ret_header = header;
    return ES_QUESTION_ANSWERED;
}

enum es_question es_node_read_height(long http_status, const void *body, size_t length,
                                     int64_t *ret_height)
{
    ES_CLEANUP(reply_done) struct reply reply = reply_read(http_status, body, length);
    enum es_question question = question_of(&reply);
    if (question == ES_QUESTION_ANSWERED &&
        !es_provider_json_height(reply.result, "height", ret_height)) {
        return ES_QUESTION_UNANSWERED;
    }
    return question;
}

enum es_question es_node_read_tip(long http_status, const void *body, size_t length,
                                  struct es_tip *ret_tip)
{
    ES_CLEANUP(reply_done) struct reply reply = reply_read(http_status, body, length);
    bool answered =
        question_of(&reply) == ES_QUESTION_ANSWERED && es_provider_json_tip(reply.result, ret_tip);
    return answered ? ES_QUESTION_ANSWERED : ES_QUESTION_UNANSWERED;
}

static bool read_unspent(const json_t *item, struct es_unspent *ret_unspent)
{
    int64_t confirmations = 0;
    struct es_unspent unspent = {.confirmed = false};
    if (!es_provider_json_outpoint(item, "txid", "vout", &unspent.outpoint) ||
        !es_provider_json_bsv(item, "amount", &unspent.satoshis) ||
        !es_provider_json_int(item, "confirmations", &confirmations)) {
        return false;
    }
    unspent.confirmed = confirmations > 0;
    *ret_unspent = unspent;
    return true;
}

enum es_question es_node_read_unspent(struct es_arena *arena, long http_status, const void *body,
                                      size_t length, struct es_unspent_list *ret_list)
{
    ES_CLEANUP(reply_done) struct reply reply = reply_read(http_status, body, length);
    enum es_question question = question_of(&reply);
    size_t count = json_array_size(reply.result);
    if (question != ES_QUESTION_ANSWERED || !json_is_array(reply.result)) {
        return ES_QUESTION_UNANSWERED;
    }
    struct es_unspent_list list = {.items =
                                       es_arena_alloc(arena, (count + 1) * sizeof(*list.items))};
    for (size_t i = 0; i < count; i++) {
        if (!read_unspent(json_array_get(reply.result, i), &list.items[list.count])) {
            return ES_QUESTION_UNANSWERED;
        }
        list.count += list.items[list.count].satoshis > 0;
    }
    es_unspent_keep_largest(&list);
    *ret_list = list;
    return ES_QUESTION_ANSWERED;
}

enum es_question es_node_read_spent(long http_status, const void *body, size_t length,
                                    bool *ret_spent)
{
    ES_CLEANUP(reply_done) struct reply reply = reply_read(http_status, body, length);
    enum es_question question = question_of(&reply);
    if (question == ES_QUESTION_ANSWERED) {
        *ret_spent = json_is_null(reply.result);
    }
    return question;
}

bool es_node_read_done(long http_status, const void *body, size_t length)
{
    ES_CLEANUP(reply_done) struct reply reply = reply_read(http_status, body, length);
    return question_of(&reply) == ES_QUESTION_ANSWERED;
}
