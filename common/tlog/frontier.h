/*
 * Frontier: the O(log n) state of a growing RFC 9162 tree, enough to append leaves and to know the
 * root at any time.
 *
 * It holds the roots of the complete subtrees that a tree of this size consists of: one for each
 * bit that is set in the size. A plain value: copy it freely; nothing to release. The sealing
 * worker keeps its serial form in PostgreSQL beside the size.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/tlog/hash.h"

#include <stdbool.h>
#include <stddef.h>
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

/* Append the serial form to OUT: the size as 8 bytes, high byte first, then the peaks in use from
 * the largest subtree to the smallest, 32 bytes each. At most 8 + 63 * 32 bytes. */
void es_frontier_write(const struct es_frontier *frontier, struct es_buf *out);

/* Parse a serial form; false when it is not exactly one. */
bool es_frontier_parse(const void *bytes, size_t length,
                       struct es_frontier *ret_frontier) ES_MUST_CHECK;
