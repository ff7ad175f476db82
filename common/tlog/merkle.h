/*
 * Merkle tree hashing and proof checking of RFC 9162 ("Certificate Transparency 2.0"), section 2.1.
 *
 * Pure functions on hashes; nothing is allocated and nothing can fail except a check. A tree of n
 * leaves is split at the largest power of two below n and nothing is ever duplicated, which is what
 * keeps this tree free of the ambiguities of Bitcoin's. Building proofs is the job of tile-proof.h,
 * growing a tree that of frontier.h and tile.h.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/tlog/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Trees hold at most this many leaves: sizes and indexes are BIGINT in the database. */
#define ES_MERKLE_SIZE_MAX ((uint64_t)INT64_MAX)

/* No proof in a tree of at most ES_MERKLE_SIZE_MAX leaves is longer. */
#define ES_MERKLE_PROOF_MAX 64

/* An inclusion or consistency proof: LENGTH hashes, nearest to the leaves first. */
struct es_merkle_proof {
    size_t length;
    struct es_hash hashes[ES_MERKLE_PROOF_MAX];
};

/* Leaf hash of LENGTH bytes of data: SHA-256(0x00 || data), RFC 9162 section 2.1.1. */
struct es_hash es_merkle_leaf(const void *data, size_t length);

/* Inner node: SHA-256(0x01 || left || right), RFC 9162 section 2.1.1. */
struct es_hash es_merkle_node(const struct es_hash *left, const struct es_hash *right);

/* Root of the tree without leaves: SHA-256 of nothing. */
struct es_hash es_merkle_empty_root(void);

/* Root of the tree with these COUNT leaf hashes, in O(COUNT) time. */
struct es_hash es_merkle_root(const struct es_hash *leaves, size_t count);

/*
 * True when PATH (LENGTH hashes) proves that LEAF stands at INDEX in the tree of SIZE leaves with
 * root ROOT. Procedure of RFC 9162 section 2.1.3.2.
 */
bool es_merkle_check_inclusion(const struct es_hash *leaf, uint64_t index, uint64_t size,
                               const struct es_hash *path, size_t length,
                               const struct es_hash *root) ES_MUST_CHECK;

/*
 * True when PROOF (LENGTH hashes) proves that the tree of SIZE1 leaves with ROOT1 is the beginning
 * of the tree of SIZE2 leaves with ROOT2. Procedure of RFC 9162 section 2.1.4.2. Two cases the RFC
 * leaves open: equal sizes need an empty proof and equal roots; SIZE1 = 0 needs an empty proof and
 * the root of the empty tree.
 */
bool es_merkle_check_consistency(uint64_t size1, const struct es_hash *root1, uint64_t size2,
                                 const struct es_hash *root2, const struct es_hash *proof,
                                 size_t length) ES_MUST_CHECK;
