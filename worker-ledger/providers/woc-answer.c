#include "worker-ledger/providers/woc-answer.h"

#include "common/base/buf.h"
#include "common/base/text.h"
#include "worker-ledger/chain/hash256.h"
#include "worker-ledger/providers/json.h"
#include "worker-ledger/providers/tsc.h"
#include "worker-ledger/providers/unspent.h"
#include "worker-ledger/providers/words.h"

#include <string.h>

#define HTTP_OK                200
#define HTTP_BAD_REQUEST       400
#define HTTP_NOT_FOUND         404
#define HTTP_TOO_MANY_REQUESTS 429
#define HTTP_SERVER_ERROR      500
#define ID_DIGITS              (2 * ES_HASH_SIZE)
#define BITS_DIGITS            8

/* What a success says; NULL otherwise. */
static json_t *parse(long http_status, const void *body, size_t length)
{
    return http_status == HTTP_OK ? es_provider_json(body, length) : NULL;
}

/* The id as bare or as JSON text, with or without a line end. */
static bool is_id(const char *text, size_t length, const struct es_hash *txid)
{
    char digits[ID_DIGITS + 1];
    struct es_hash named;
    while (length > 0 && (*text == '"' || *text == ' ')) {
        text++;
        length--;
    }
    if (length < ID_DIGITS) {
        return false;
    }
    memcpy(digits, text, ID_DIGITS);
    digits[ID_DIGITS] = '\0';
    for (size_t i = ID_DIGITS; i < length; i++) {
        if (text[i] != '"' && text[i] != ' ' && text[i] != '\r' && text[i] != '\n') {
            return false;
        }
    }
    return es_hash256_parse(digits, &named) && es_hash_equal(&named, txid);
}

struct es_sighting es_woc_read_submit(const struct es_hash *txid, long http_status,
                                      const void *body, size_t length)
{
    struct es_sighting sighting;
    if (http_status == HTTP_OK) {
        return is_id(body, length, txid) ? es_sighting_make(ES_SIGHT_TAKEN, "taken")
                                         : es_sighting_make(ES_SIGHT_UNCLEAR, "garbage");
    }
    bool spoke_of_it = http_status >= HTTP_BAD_REQUEST && http_status < HTTP_SERVER_ERROR &&
                       http_status != HTTP_TOO_MANY_REQUESTS;
    if (spoke_of_it && es_words_read(body, length, &sighting)) {
        return sighting;
    }
    sighting = es_sighting_of_http(http_status);
    es_sighting_set_detail(&sighting, body, length);
    return sighting;
}

struct es_sighting es_woc_read_status(const struct es_hash *txid, long http_status,
                                      const void *body, size_t length)
{
    if (http_status == HTTP_NOT_FOUND) {
        return es_sighting_make(ES_SIGHT_UNKNOWN, "unknown");
    }
    if (http_status != HTTP_OK) {
        return es_sighting_of_http(http_status);
    }
    ES_CLEANUP(es_provider_json_free_p) json_t *answer = es_provider_json(body, length);
    if (!es_provider_json_is_id(answer, "txid", txid)) {
        return es_sighting_make(ES_SIGHT_UNCLEAR, "garbage");
    }
    const char *block = es_provider_json_text(answer, "blockhash");
    bool is_in_block = block != NULL && block[0] != '\0';
    return es_sighting_in_block(is_in_block ? block : NULL);
}

enum es_question es_woc_read_proof(struct es_arena *arena, const struct es_hash *txid,
                                   long http_status, const void *body, size_t length,
                                   struct es_tsc_proof *ret_proof)
{
    if (http_status == HTTP_NOT_FOUND) {
        return ES_QUESTION_ABSENT;
    }
    ES_CLEANUP(es_provider_json_free_p) json_t *answer = parse(http_status, body, length);
    if (json_is_null(answer) || (json_is_array(answer) && json_array_size(answer) == 0)) {
        return ES_QUESTION_ABSENT;
    }
    return es_tsc_read(arena, json_array_get(answer, 0), txid, ret_proof) ? ES_QUESTION_ANSWERED
                                                                          : ES_QUESTION_UNANSWERED;
}

/* Compact target: a text of 8 hexadecimal digits. */
static bool read_bits(const json_t *answer, uint32_t *ret_bits)
{
    const char *text = es_provider_json_text(answer, "bits");
    unsigned char bytes[BITS_DIGITS / 2];
    if (text == NULL || !es_parse_hex(text, bytes, sizeof(bytes))) {
        return false;
    }
    *ret_bits = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
                (uint32_t)bytes[3];
    return true;
}

/* A field of 32 bits, printed as a signed or an unsigned number. */
static bool read_u32(const json_t *answer, const char *key, uint32_t *ret_value)
{
    int64_t value = 0;
    if (!es_provider_json_int(answer, key, &value) || value < INT32_MIN || value > UINT32_MAX) {
        return false;
    }
    *ret_value = (uint32_t)value;
    return true;
}

static bool write_header(const json_t *answer, struct es_buf *out)
{
    uint32_t version = 0;
    uint32_t time = 0;
    uint32_t bits = 0;
    uint32_t nonce = 0;
    struct es_hash previous = {{0}}; /* the first block names none */
    struct es_hash root;
    if (!read_u32(answer, "version", &version) || !read_u32(answer, "time", &time) ||
        !read_u32(answer, "nonce", &nonce) || !read_bits(answer, &bits) ||
        !es_provider_json_id(answer, "merkleroot", &root)) {
        return false;
    }
    const char *named = es_provider_json_text(answer, "previousblockhash");
    if (named != NULL && named[0] != '\0' && !es_hash256_parse(named, &previous)) {
        return false;
    }
    es_buf_add_le32(out, version);
    es_buf_add(out, previous.bytes, ES_HASH_SIZE);
    es_buf_add(out, root.bytes, ES_HASH_SIZE);
    es_buf_add_le32(out, time);
    es_buf_add_le32(out, bits);
    es_buf_add_le32(out, nonce);
    return true;
}

enum es_question es_woc_read_header(long http_status, const void *body, size_t length,
                                    struct es_block_header *ret_header)
{
    if (http_status == HTTP_NOT_FOUND) {
        return ES_QUESTION_ABSENT;
    }
    ES_CLEANUP(es_provider_json_free_p) json_t *answer = parse(http_status, body, length);
    ES_CLEANUP(es_buf_done) struct es_buf raw = ES_BUF_INIT;
    struct es_block_header header;
    if (!es_provider_json_height(answer, "height", &header.height) || !write_header(answer, &raw)) {
        return ES_QUESTION_UNANSWERED;
    }
    memcpy(header.raw, raw.data, ES_HEADER_SIZE);
    header.hash = es_header_hash(header.raw);
    if (!es_provider_json_is_id(answer, "hash", &header.hash)) {
        return ES_QUESTION_UNANSWERED;
    }
    *ret_header = header;
    return ES_QUESTION_ANSWERED;
}

enum es_question es_woc_read_tip(long http_status, const void *body, size_t length,
                                 struct es_tip *ret_tip)
{
    ES_CLEANUP(es_provider_json_free_p) json_t *answer = parse(http_status, body, length);
    return es_provider_json_tip(answer, ret_tip) ? ES_QUESTION_ANSWERED : ES_QUESTION_UNANSWERED;
}

static bool read_unspent(const json_t *item, struct es_unspent *ret_unspent)
{
    int64_t height = 0;
    struct es_unspent unspent = {.confirmed = false};
    if (!es_provider_json_outpoint(item, "tx_hash", "tx_pos", &unspent.outpoint) ||
        !es_provider_json_int(item, "value", &unspent.satoshis) || unspent.satoshis < 0 ||
        unspent.satoshis > (int64_t)ES_TX_SATOSHIS_MAX) {
        return false;
    }
    unspent.confirmed = es_provider_json_int(item, "height", &height) && height > 0;
    *ret_unspent = unspent;
    return true;
}

enum es_question es_woc_read_unspent(struct es_arena *arena, long http_status, const void *body,
                                     size_t length, struct es_unspent_list *ret_list)
{
    ES_CLEANUP(es_provider_json_free_p) json_t *answer = parse(http_status, body, length);
    const json_t *result = json_object_get(answer, "result");
    size_t count = json_array_size(result);
    if (!json_is_array(result)) {
        return ES_QUESTION_UNANSWERED;
    }
    struct es_unspent_list list = {.items =
                                       es_arena_alloc(arena, (count + 1) * sizeof(*list.items))};
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(result, i);
        if (json_is_true(json_object_get(item, "isSpentInMempoolTx"))) {
            continue;
        }
        if (!read_unspent(item, &list.items[list.count])) {
            return ES_QUESTION_UNANSWERED;
        }
        list.count += list.items[list.count].satoshis > 0;
    }
    es_unspent_keep_largest(&list);
    *ret_list = list;
    return ES_QUESTION_ANSWERED;
}

enum es_question es_woc_read_spent(long http_status, const void *body, size_t length,
                                   bool *ret_spent)
{
    struct es_hash spender;
    if (http_status == HTTP_NOT_FOUND) {
        *ret_spent = false;
        return ES_QUESTION_ANSWERED;
    }
    ES_CLEANUP(es_provider_json_free_p) json_t *answer = parse(http_status, body, length);
    if (!es_provider_json_id(answer, "txid", &spender)) {
        return ES_QUESTION_UNANSWERED;
    }
    *ret_spent = true;
    return ES_QUESTION_ANSWERED;
}
