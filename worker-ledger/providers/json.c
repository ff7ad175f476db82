#include "worker-ledger/providers/json.h"

#include "common/base/buf.h"
#include "worker-ledger/chain/bump.h"
#include "worker-ledger/chain/hash256.h"

#include <string.h>

#define EXACT_DIGITS_MAX 18
#define BSV_PLACES       8
#define SATOSHIS_PER_BSV INT64_C(100000000)
#define BSV_DIGITS_MAX   8 /* 21,000,000 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool in_number(char c)
{
    return is_digit(c) || (c != '\0' && strchr("+-.eE", c) != NULL);
}

/* Copy one string, from its opening quote to its closing one; where it ends. */
static size_t copy_string(struct es_buf *out, const char *text, size_t length, size_t at)
{
    size_t start = at++;
    while (at < length && text[at] != '"') {
        at += text[at] == '\\' ? 2 : 1;
    }
    at = at < length ? at + 1 : length;
    es_buf_add(out, text + start, at - start);
    return at;
}

static size_t copy_number(struct es_buf *out, const char *text, size_t length, size_t at)
{
    size_t start = at;
    bool exact = true;
    for (; at < length && in_number(text[at]); at++) {
        exact = exact && (is_digit(text[at]) || (text[at] == '-' && at == start));
    }
    exact = exact && at - start <= EXACT_DIGITS_MAX;
    if (!exact) {
        es_buf_add_byte(out, '"');
    }
    es_buf_add(out, text + start, at - start);
    if (!exact) {
        es_buf_add_byte(out, '"');
    }
    return at;
}

static void quote_inexact_numbers(struct es_buf *out, const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        if (text[at] == '"') {
            at = copy_string(out, text, length, at);
        } else if (text[at] == '-' || is_digit(text[at])) {
            at = copy_number(out, text, length, at);
        } else {
            es_buf_add_byte(out, (unsigned char)text[at++]);
        }
    }
}

json_t *es_provider_json(const void *body, size_t length)
{
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    quote_inexact_numbers(&text, body, length);
    if (text.length == 0) {
        return NULL;
    }
    return json_loadb((const char *)text.data, text.length,
                      JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
}

void es_provider_json_free_p(json_t **value)
{
    json_decref(*value);
    *value = NULL;
}

const char *es_provider_json_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

bool es_provider_json_int(const json_t *object, const char *key, int64_t *ret_value)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value)) {
        return false;
    }
    *ret_value = json_integer_value(value);
    return true;
}

bool es_provider_json_id(const json_t *object, const char *key, struct es_hash *ret_id)
{
    const char *text = es_provider_json_text(object, key);
    return text != NULL && es_hash256_parse(text, ret_id);
}

bool es_provider_json_is_id(const json_t *object, const char *key, const struct es_hash *id)
{
    struct es_hash named;
    return es_provider_json_id(object, key, &named) && es_hash_equal(&named, id);
}

bool es_provider_json_height(const json_t *object, const char *key, int64_t *ret_height)
{
    int64_t height = 0;
    if (!es_provider_json_int(object, key, &height) || height < 0 || height > ES_BUMP_HEIGHT_MAX) {
        return false;
    }
    *ret_height = height;
    return true;
}

bool es_provider_json_outpoint(const json_t *object, const char *txid_key, const char *vout_key,
                               struct es_outpoint *ret_outpoint)
{
    struct es_outpoint outpoint;
    int64_t vout = 0;
    if (!es_provider_json_id(object, txid_key, &outpoint.txid) ||
        !es_provider_json_int(object, vout_key, &vout) || vout < 0 || vout > UINT32_MAX) {
        return false;
    }
    outpoint.vout = (uint32_t)vout;
    *ret_outpoint = outpoint;
    return true;
}

bool es_provider_json_tip(const json_t *info, struct es_tip *ret_tip)
{
    struct es_tip tip;
    if (!es_provider_json_id(info, "bestblockhash", &tip.hash) ||
        !es_provider_json_height(info, "blocks", &tip.height)) {
        return false;
    }
    *ret_tip = tip;
    return true;
}

bool es_provider_json_bsv(const json_t *object, const char *key, int64_t *ret_satoshis)
{
    const json_t *value = json_object_get(object, key);
    if (json_is_integer(value)) {
        int64_t whole = json_integer_value(value);
        if (whole < 0 || whole > (int64_t)ES_TX_SATOSHIS_MAX / SATOSHIS_PER_BSV) {
            return false;
        }
        *ret_satoshis = whole * SATOSHIS_PER_BSV;
        return true;
    }
    const char *text = json_string_value(value);
    return text != NULL && es_bsv_parse(text, ret_satoshis);
}

bool es_bsv_parse(const char *text, int64_t *ret_satoshis)
{
    int64_t satoshis = 0;
    size_t digits = 0;
    for (; is_digit(*text) && digits <= BSV_DIGITS_MAX; digits++) {
        satoshis = satoshis * 10 + (*text++ - '0');
    }
    if (digits == 0 || digits > BSV_DIGITS_MAX) {
        return false;
    }
    size_t places = 0;
    if (*text == '.') {
        for (text++; is_digit(*text) && places < BSV_PLACES; places++) {
            satoshis = satoshis * 10 + (*text++ - '0');
        }
        if (places == 0) {
            return false;
        }
    }
    for (; places < BSV_PLACES; places++) {
        satoshis *= 10;
    }
    if (*text != '\0' || satoshis > (int64_t)ES_TX_SATOSHIS_MAX) {
        return false;
    }
    *ret_satoshis = satoshis;
    return true;
}
