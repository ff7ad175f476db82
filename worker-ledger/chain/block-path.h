/*
 * The path of one transaction to the Merkle root of its block, with the checks that Bitcoin's tree
 * needs.
 *
 * Because an odd last node is paired with itself, a careless verifier can be shown two transaction
 * lists with one root (CVE-2012-2459), and because inner nodes hash 64 bytes as a transaction of
 * that length would, an inner node can be shown as a transaction. Hence: duplicates stand only at
 * the right edge and only where the tree really ends, two equal siblings without that mark are
 * refused, the index must fit the depth, and a transaction of 64 bytes is never proven.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/tlog/hash.h"
#include "worker-ledger/chain/bump.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct es_block_step {
    bool duplicate;         /* the node is the last of its level and its own sibling */
    struct es_hash sibling; /* else: the hash beside it */
};

struct es_block_path {
    uint64_t height;                                /* of the block */
    struct es_hash txid;                            /* internal order */
    uint64_t index;                                 /* of the transaction in the block */
    size_t depth;                                   /* 0: it is the only transaction of its block */
    struct es_block_step steps[ES_BUMP_LEVELS_MAX]; /* from the transaction upward */
};

/* Take the path of TXID out of BUMP, computing nodes it leaves out; false when it is not there or
 * not complete. */
bool es_block_path_from_bump(const struct es_bump *bump, const struct es_hash *txid,
                             struct es_block_path *ret_path) ES_MUST_CHECK;

/* A TSC proof (BRC-10), as the node's getmerkleproof2 and WhatsOnChain give it: NODES are
 * NODE_COUNT texts, each 64 hexadecimal digits as displayed or "*" for a copy of the working hash;
 * WhatsOnChain spells such a copy out, which is taken for "*". */
bool es_block_path_from_tsc(uint64_t height, const struct es_hash *txid, uint64_t index,
                            const char *const *nodes, size_t node_count,
                            struct es_block_path *ret_path) ES_MUST_CHECK;

/* The root that PATH leads to; false when PATH breaks one of the rules above. */
bool es_block_path_root(const struct es_block_path *path, struct es_hash *ret_root) ES_MUST_CHECK;

/* True when PATH is for the transaction with these raw bytes and leads to ROOT. */
bool es_block_path_proves(const struct es_block_path *path, const void *transaction,
                          size_t transaction_length, const struct es_hash *root) ES_MUST_CHECK;

/* Length of a serial transaction that could be an inner node, and is never accepted. */
#define ES_BLOCK_NODE_SIZE 64

/* Append PATH as the one canonical BUMP for it: just the needed nodes, ascending offsets. */
void es_block_path_write(const struct es_block_path *path, struct es_buf *out);
