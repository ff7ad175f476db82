/*
 * Roots and proofs of RFC 9162 built from tiles: for any leaf in any tree size, and between any two
 * sizes, as long as the tiles are those of a tree at least as large.
 *
 * A proof reads at most two tiles a level, each once, and takes O(log n) tiles of time: well below
 * a millisecond when the store is memory. Nothing is kept between calls.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/tlog/merkle.h"
#include "common/tlog/tile.h"

#include <stdint.h>

/* Root of the tree of SIZE leaves. */
enum es_tile_result es_tile_root(const struct es_tile_store *store, uint64_t size,
                                 struct es_hash *ret_root) ES_MUST_CHECK;

/* Proof that leaf INDEX is in the tree of SIZE leaves (RFC 9162 section 2.1.3.1). */
enum es_tile_result es_tile_inclusion(const struct es_tile_store *store, uint64_t index,
                                      uint64_t size,
                                      struct es_merkle_proof *ret_proof) ES_MUST_CHECK;

/* The tiles that es_tile_inclusion() reads for INDEX and SIZE are among these, so that a store far
 * away can fetch them together: on each level the one above the leaf and the last one. Returns how
 * many; widths are those of the tree of SIZE leaves. */
#define ES_TILE_INCLUSION_MAX (2 * ES_TILE_LEVELS)
size_t es_tile_inclusion_tiles(uint64_t index, uint64_t size,
                               struct es_tile ret_tiles[ES_TILE_INCLUSION_MAX]);

/* Proof that the tree of SIZE1 leaves is the beginning of that of SIZE2 (RFC 9162 section 2.1.4.1).
 * SIZE1 <= SIZE2; the proof is empty when they are equal or SIZE1 is 0. */
enum es_tile_result es_tile_consistency(const struct es_tile_store *store, uint64_t size1,
                                        uint64_t size2,
                                        struct es_merkle_proof *ret_proof) ES_MUST_CHECK;
