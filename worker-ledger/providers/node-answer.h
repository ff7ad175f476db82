/*
 * Answers of a bitcoin-sv node's JSON-RPC interface: {"result", "error": {code, message}, "id"},
 * errors with HTTP 500 (-32600 with 400, -32601 with 404). Amounts are decimals and read as text.
 * Sources: bitcoin-sv src/rpc/rawtransaction.cpp, blockchain.cpp, protocol.h, httprpc.cpp.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"
#include "worker-ledger/providers/answers.h"
#include "worker-ledger/providers/sighting.h"

#include <stdbool.h>
#include <stddef.h>

/* sendrawtransaction. */
struct es_sighting es_node_read_submit(const struct es_hash *txid, long http_status,
                                       const void *body, size_t length);

/* getrawtransaction, verbose. A node without an index does not know most of what is mined: its "not
 * found" is ES_SIGHT_UNCLEAR for ES_REASON_NO_TXINDEX. */
struct es_sighting es_node_read_status(const struct es_hash *txid, long http_status,
                                       const void *body, size_t length);

/* getmerkleproof2 with target type hash. */
enum es_question es_node_read_proof(struct es_arena *arena, const struct es_hash *txid,
                                    long http_status, const void *body, size_t length,
                                    struct es_tsc_proof *ret_proof) ES_MUST_CHECK;

/* getnetworkinfo: the relay fee in satoshis per 1000 bytes. */
bool es_node_read_policy(long http_status, const void *body, size_t length,
                         int64_t *ret_rate) ES_MUST_CHECK;

/* getblockhash. */
enum es_question es_node_read_block_hash(long http_status, const void *body, size_t length,
                                         struct es_hash *ret_hash) ES_MUST_CHECK;

/* getblockheader, not verbose: RET_HEADER without its height. */
enum es_question es_node_read_header(long http_status, const void *body, size_t length,
                                     struct es_block_header *ret_header) ES_MUST_CHECK;

/* getblockheader, verbose: only the height. */
enum es_question es_node_read_height(long http_status, const void *body, size_t length,
                                     int64_t *ret_height) ES_MUST_CHECK;

/* getblockchaininfo. */
enum es_question es_node_read_tip(long http_status, const void *body, size_t length,
                                  struct es_tip *ret_tip) ES_MUST_CHECK;

/* listunspent. The items live in ARENA. */
enum es_question es_node_read_unspent(struct es_arena *arena, long http_status, const void *body,
                                      size_t length,
                                      struct es_unspent_list *ret_list) ES_MUST_CHECK;

/* gettxout with the mempool: null for an output that is spent or unknown. */
enum es_question es_node_read_spent(long http_status, const void *body, size_t length,
                                    bool *ret_spent) ES_MUST_CHECK;

/* importaddress: true when it was accepted. */
bool es_node_read_done(long http_status, const void *body, size_t length) ES_MUST_CHECK;
