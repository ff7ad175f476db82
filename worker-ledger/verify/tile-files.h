/* A published log's tiles as files: a store for tile-proof.h that only reads. */
#pragma once

#include "common/tlog/tile.h"

struct es_tile_files {
    const char *directory; /* that holds tile/… */
};

/* The tiles of FILES, which must live as long as the store. Where a partial tile is wanted, the
 * full one that has replaced it will do. */
struct es_tile_store es_tile_files_store(struct es_tile_files *files);
