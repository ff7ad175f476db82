/*
 * The tree as static tiles (C2SP tlog-tiles): files of up to 256 hashes that never change once
 * full, from which anybody can build any proof.
 *
 * Tile (level L, index N) holds the roots of the complete subtrees of 256^L leaves numbered
 * 256*N ... 256*N + 255; level 0 holds leaf hashes. Only full tiles are hashed into the level
 * above. A tile that grows keeps the hashes it had, so the tiles of a larger tree serve every
 * smaller one.
 *
 * Storage belongs to the caller and is reached through two functions; nothing here touches files
 * or a database. Not tied to a thread.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/tlog/hash.h"
#include "common/tlog/merkle.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ES_TILE_HEIGHT 8
#define ES_TILE_WIDTH  256 /* hashes in a full tile */
#define ES_TILE_LEVELS 8   /* levels 0..7 carry a tree of 2^63 - 1 leaves */

struct es_tile {
    unsigned level; /* 0..ES_TILE_LEVELS - 1 */
    uint64_t index;
    size_t width; /* hashes held, 1..ES_TILE_WIDTH */
};

/* Append the path of a tile below the log's prefix: "tile/3/x001/x234/067.p/112". */
void es_tile_path(const struct es_tile *tile, struct es_buf *out);

/* Width of tile (LEVEL, INDEX) in a tree of SIZE leaves; 0 when the tree has no such tile. */
size_t es_tile_width(unsigned level, uint64_t index, uint64_t size);

/*
 * Fetch a tile. WANTED names it and the width that is needed; the function copies that many hashes
 * or more (never above ES_TILE_WIDTH) to RET_HASHES, stores how many in RET_WIDTH and returns true;
 * false when the tile cannot be had.
 */
typedef bool es_tile_read_fn(void *context, const struct es_tile *wanted,
                             struct es_hash ret_hashes[ES_TILE_WIDTH], size_t *ret_width);

/* Store a new or extended tile of TILE->width hashes; false stops the append. */
typedef bool es_tile_write_fn(void *context, const struct es_tile *tile,
                              const struct es_hash *hashes);

struct es_tile_store {
    void *context;
    es_tile_read_fn *read;
    es_tile_write_fn *write; /* only es_tile_append() uses it */
};

/* A tile with its hashes. */
struct es_held_tile {
    struct es_tile tile;
    const struct es_hash *hashes; /* tile.width of them */
};

/* Some tiles in memory, and a store that can read them and no others, as long as SET lives. */
struct es_tile_set {
    const struct es_held_tile *tiles;
    size_t count;
};
struct es_tile_store es_tile_set_store(struct es_tile_set *set);

enum es_tile_result {
    ES_TILE_OK,
    ES_TILE_BAD_RANGE,  /* no such leaf, or no such pair of sizes */
    ES_TILE_UNREADABLE, /* the store could not supply a tile, or not enough of it */
    ES_TILE_UNWRITABLE, /* the store refused a tile */
};

/*
 * Append COUNT leaf hashes to the tree of SIZE leaves: read the partial tiles at its right edge and
 * write every tile that is new or has grown, level by level from 0, in order of index. Doing the
 * same append again writes the same tiles, so a crash half way is repaired by repeating it. Tiles
 * may be partial; those of earlier widths stay valid and may be deleted once a full one exists.
 */
enum es_tile_result es_tile_append(const struct es_tile_store *store, uint64_t size,
                                   const struct es_hash *leaves, size_t count) ES_MUST_CHECK;

/* Root of the complete subtree over 2^HEIGHT hashes (HEIGHT <= ES_TILE_HEIGHT). */
struct es_hash es_tile_subtree(const struct es_hash *hashes, unsigned height);
