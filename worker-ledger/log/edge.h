/*
 * The right edge of the tree while it grows: a tile store in memory that begins with the unfinished
 * tiles read from the database and collects every tile written over them.
 *
 * Growing a tree and computing its root touch nothing but the last tile of each level, so this is
 * all that sealing needs whatever the size of the log. It belongs to one sealing transaction.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"
#include "common/db/db.h"
#include "common/tlog/hash.h"
#include "common/tlog/tile.h"
#include "worker-ledger/db/log.h"

#include <stddef.h>
#include <stdint.h>

struct es_edge {
    struct es_arena *arena;                   /* of the caller: all hashes live there */
    struct es_held_tile last[ES_TILE_LEVELS]; /* the last tile of each level; width 0: none */
    struct es_held_tile *written;             /* in order of writing */
    size_t written_count;
    size_t written_capacity;
};

/* The tiles at the right edge of a tree of SIZE leaves that are not full: at most one a level.
 * Returns how many there are. */
size_t es_edge_tiles(uint64_t size, struct es_tile ret_tiles[ES_TILE_LEVELS]);

/* Read the edge of the tree of SIZE leaves from DB. */
enum es_db_result es_edge_load(struct es_db *db, struct es_arena *arena, uint64_t size,
                               struct es_edge *ret_edge) ES_MUST_CHECK;

/* EDGE as a store for es_tile_append() and es_tile_root(). */
struct es_tile_store es_edge_store(struct es_edge *edge);
