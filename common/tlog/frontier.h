/*
 * Frontier: the O(log n) state of a growing RFC 9162 tree, enough to append leaves and to know the
 * root at any time.
 *
 * It holds the roots of the complete subtrees that a tree of this size consists of: one for each
 * bit that is set in the size. A plain value: copy it freely; nothing to release. The auditor
 * grows one from the entries; sealing grows tiles instead (tile.h).
 */
#pragma once

#include "common/tlog/hash.h"

#include <stdint.h>

#define ES_FRONTIER_LEVELS 63

struct es_frontier {
    uint64_t size; /* number of leaves, at most ES_MERKLE_SIZE_MAX */
    /* peaks[n]: root of the complete subtree of 2^n leaves; counts when bit n of size is set. */
    struct es_hash peaks[ES_FRONTIER_LEVELS];
};

#define ES_FRONTIER_EMPTY ((struct es_frontier){0})

/* Append one leaf hash. A tree that is full (2^63 - 1 leaves, out of reach) ends the process. */
void es_frontier_append(struct es_frontier *frontier, const struct es_hash *leaf);

/* Root of the tree as it is; of an empty tree, SHA-256 of nothing. */
struct es_hash es_frontier_root(const struct es_frontier *frontier);
