/*
 * JSON as providers send it, read without losing a digit.
 *
 * jansson keeps decimals as double. Amounts must never be one, so every number that is not a plain
 * integer of at most 18 digits is turned into a string before the text is parsed: what comes out
 * has exact integers and texts only.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/tlog/hash.h"
#include "worker-ledger/chain/tx.h"
#include "worker-ledger/providers/answers.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parse LENGTH bytes; NULL when they are not one JSON value (bad UTF-8, duplicate members, NUL and
 * trailing bytes included). Release with json_decref, or ES_CLEANUP(es_provider_json_free_p). */
json_t *es_provider_json(const void *body, size_t length) ES_MUST_CHECK;
void es_provider_json_free_p(json_t **value);

/* Member KEY of OBJECT when it is a text, else NULL. OBJECT may be NULL or no object. */
const char *es_provider_json_text(const json_t *object, const char *key);

/* Member KEY of OBJECT as an integer, a transaction or block id (64 hexadecimal digits in display
 * order), or an amount of BSV as decimals with at most 8 places. False when it is none. */
bool es_provider_json_int(const json_t *object, const char *key, int64_t *ret_value) ES_MUST_CHECK;
bool es_provider_json_id(const json_t *object, const char *key,
                         struct es_hash *ret_id) ES_MUST_CHECK;
bool es_provider_json_bsv(const json_t *object, const char *key,
                          int64_t *ret_satoshis) ES_MUST_CHECK;

/* True when member KEY of OBJECT is ID. */
bool es_provider_json_is_id(const json_t *object, const char *key,
                            const struct es_hash *id) ES_MUST_CHECK;

/* Member KEY of OBJECT as the height of a block; members TXID_KEY and VOUT_KEY as an output. False
 * when they are none. */
bool es_provider_json_height(const json_t *object, const char *key,
                             int64_t *ret_height) ES_MUST_CHECK;
bool es_provider_json_outpoint(const json_t *object, const char *txid_key, const char *vout_key,
                               struct es_outpoint *ret_outpoint) ES_MUST_CHECK;

/* The best block in INFO, what a node's getblockchaininfo yields and WhatsOnChain passes on. */
bool es_provider_json_tip(const json_t *info, struct es_tip *ret_tip) ES_MUST_CHECK;

/* "0.00012345" or "3" BSV as satoshis; false for anything else, and above 21 million BSV. */
bool es_bsv_parse(const char *text, int64_t *ret_satoshis) ES_MUST_CHECK;
