#include "worker-ledger/log/edge.h"

#include <string.h>

#define FIRST_CAPACITY 64

size_t es_edge_tiles(uint64_t size, struct es_tile ret_tiles[ES_TILE_LEVELS])
{
    size_t count = 0;
    for (unsigned level = 0; level < ES_TILE_LEVELS; level++) {
        uint64_t hashes = size >> (level * ES_TILE_HEIGHT);
        if (hashes % ES_TILE_WIDTH != 0) {
            ret_tiles[count++] = (struct es_tile){.level = level,
                                                  .index = hashes / ES_TILE_WIDTH,
                                                  .width = (size_t)(hashes % ES_TILE_WIDTH)};
        }
    }
    return count;
}

enum es_db_result es_edge_load(struct es_db *db, struct es_arena *arena, uint64_t size,
                               struct es_edge *ret_edge)
{
    struct es_edge edge = {.arena = arena};
    struct es_tile wanted[ES_TILE_LEVELS];
    struct es_held_tile *tiles = NULL;
    size_t count = 0;
    enum es_db_result result =
        es_log_read_tiles(db, arena, wanted, es_edge_tiles(size, wanted), &tiles, &count);
    if (result != ES_DB_OK) {
        return result;
    }
    for (size_t i = 0; i < count; i++) {
        edge.last[tiles[i].tile.level] = tiles[i];
    }
    *ret_edge = edge;
    return ES_DB_OK;
}

static bool read_tile(void *context, const struct es_tile *wanted,
                      struct es_hash ret_hashes[ES_TILE_WIDTH], size_t *ret_width)
{
    const struct es_edge *edge = context;
    const struct es_held_tile *held = &edge->last[wanted->level];
    if (held->tile.width < wanted->width || held->tile.index != wanted->index) {
        return false;
    }
    memcpy(ret_hashes, held->hashes, held->tile.width * sizeof(*ret_hashes));
    *ret_width = held->tile.width;
    return true;
}

static struct es_held_tile *next_written(struct es_edge *edge)
{
    if (edge->written_count == edge->written_capacity) {
        size_t capacity = edge->written_capacity > 0 ? 2 * edge->written_capacity : FIRST_CAPACITY;
        struct es_held_tile *grown = es_arena_alloc(edge->arena, capacity * sizeof(*grown));
        if (edge->written_count > 0) {
            memcpy(grown, edge->written, edge->written_count * sizeof(*grown));
        }
        edge->written = grown;
        edge->written_capacity = capacity;
    }
    return &edge->written[edge->written_count++];
}

static bool write_tile(void *context, const struct es_tile *tile, const struct es_hash *hashes)
{
    struct es_edge *edge = context;
    struct es_hash *kept = es_arena_alloc(edge->arena, tile->width * sizeof(*kept));
    memcpy(kept, hashes, tile->width * sizeof(*kept));
    struct es_held_tile *written = next_written(edge);
    *written = (struct es_held_tile){.tile = *tile, .hashes = kept};
    edge->last[tile->level] = *written;
    return true;
}

struct es_tile_store es_edge_store(struct es_edge *edge)
{
    return (struct es_tile_store){.context = edge, .read = read_tile, .write = write_tile};
}
