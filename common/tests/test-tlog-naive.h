/* The definitions of RFC 9162 section 2.1 written down as they stand there, recursively: what the
 * fast code of common/tlog is compared with. */
#pragma once

#include "common/tlog/merkle.h"

#include <stdbool.h>
#include <stddef.h>

static inline size_t naive_split(size_t count)
{
    size_t k = 1;
    while (2 * k < count) {
        k *= 2;
    }
    return k;
}

/* MTH(D[n]) of section 2.1.1, on leaf hashes. */
static inline struct es_hash naive_root(const struct es_hash *leaves, size_t count)
{
    if (count == 0) {
        return es_merkle_empty_root();
    }
    if (count == 1) {
        return leaves[0];
    }
    size_t k = naive_split(count);
    struct es_hash left = naive_root(leaves, k);
    struct es_hash right = naive_root(leaves + k, count - k);
    return es_merkle_node(&left, &right);
}

/* PATH(m, D[n]) of section 2.1.3.1. */
static inline void naive_path(const struct es_hash *leaves, size_t index, size_t count,
                              struct es_merkle_proof *proof)
{
    if (count == 1) {
        return;
    }
    size_t k = naive_split(count);
    if (index < k) {
        naive_path(leaves, index, k, proof);
        proof->hashes[proof->length++] = naive_root(leaves + k, count - k);
    } else {
        naive_path(leaves + k, index - k, count - k, proof);
        proof->hashes[proof->length++] = naive_root(leaves, k);
    }
}

/* SUBPROOF(m, D[n], b) of section 2.1.4.1. */
static inline void naive_subproof(const struct es_hash *leaves, size_t first, size_t count,
                                  bool known, struct es_merkle_proof *proof)
{
    if (first == count) {
        if (!known) {
            proof->hashes[proof->length++] = naive_root(leaves, count);
        }
        return;
    }
    size_t k = naive_split(count);
    if (first <= k) {
        naive_subproof(leaves, first, k, known, proof);
        proof->hashes[proof->length++] = naive_root(leaves + k, count - k);
    } else {
        naive_subproof(leaves + k, first - k, count - k, false, proof);
        proof->hashes[proof->length++] = naive_root(leaves, k);
    }
}

/* COUNT leaf hashes that differ from each other. */
static inline void naive_leaves(struct es_hash *leaves, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        leaves[i] = es_merkle_leaf(&i, sizeof(i));
    }
}
