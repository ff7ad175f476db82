#include "common/tlog/tile.h"

#include "common/base/mem.h"

#include <string.h>

#define THREE_DIGITS     1000
#define INDEX_GROUPS_MAX 7 /* 20 digits */

void es_tile_path(const struct es_tile *tile, struct es_buf *out)
{
    unsigned groups[INDEX_GROUPS_MAX]; /* of three digits, the lowest first */
    size_t count = 0;
    uint64_t rest = tile->index;
    do {
        groups[count++] = (unsigned)(rest % THREE_DIGITS);
        rest /= THREE_DIGITS;
    } while (rest > 0);
    es_buf_printf(out, "tile/%u/", tile->level);
    while (count > 1) {
        es_buf_printf(out, "x%03u/", groups[--count]);
    }
    es_buf_printf(out, "%03u", groups[0]);
    if (tile->width < ES_TILE_WIDTH) {
        es_buf_printf(out, ".p/%zu", tile->width);
    }
}

size_t es_tile_width(unsigned level, uint64_t index, uint64_t size)
{
    uint64_t hashes = level < ES_TILE_LEVELS ? size >> (level * ES_TILE_HEIGHT) : 0;
    uint64_t full = hashes / ES_TILE_WIDTH;
    if (index < full) {
        return ES_TILE_WIDTH;
    }
    return index == full ? (size_t)(hashes % ES_TILE_WIDTH) : 0;
}

static bool read_held(void *context, const struct es_tile *wanted,
                      struct es_hash ret_hashes[ES_TILE_WIDTH], size_t *ret_width)
{
    const struct es_tile_set *set = context;
    for (size_t i = 0; i < set->count; i++) {
        const struct es_tile *held = &set->tiles[i].tile;
        if (held->level == wanted->level && held->index == wanted->index) {
            memcpy(ret_hashes, set->tiles[i].hashes, held->width * sizeof(*ret_hashes));
            *ret_width = held->width;
            return true;
        }
    }
    return false;
}

struct es_tile_store es_tile_set_store(struct es_tile_set *set)
{
    return (struct es_tile_store){.context = set, .read = read_held};
}

struct es_hash es_tile_subtree(const struct es_hash *hashes, unsigned height)
{
    struct es_hash row[ES_TILE_WIDTH];
    size_t width = (size_t)1 << height;
    memcpy(row, hashes, width * sizeof(*row));
    for (; width > 1; width /= 2) {
        for (size_t i = 0; i < width / 2; i++) {
            row[i] = es_merkle_node(&row[2 * i], &row[2 * i + 1]);
        }
    }
    return row[0];
}

/* Hashes that join one level of the tree: COUNT of them, after the FIRST it already has. */
struct level_batch {
    unsigned level;
    uint64_t first;
    const struct es_hash *hashes;
    size_t count;
};

/* Read the part of the last tile that the tree before this batch had. */
static enum es_tile_result read_edge(const struct es_tile_store *store,
                                     const struct level_batch *batch, struct es_hash *ret_hashes)
{
    struct es_tile wanted = {.level = batch->level,
                             .index = batch->first / ES_TILE_WIDTH,
                             .width = (size_t)(batch->first % ES_TILE_WIDTH)};
    size_t width = 0;
    if (wanted.width == 0) {
        return ES_TILE_OK;
    }
    if (!store->read(store->context, &wanted, ret_hashes, &width) || width < wanted.width) {
        return ES_TILE_UNREADABLE;
    }
    return ES_TILE_OK;
}

/* Write the tiles of one level; store the roots of those that became full in RET_FULL (room for
 * COUNT / ES_TILE_WIDTH + 1) and their number in *RET_FULL_COUNT. */
static enum es_tile_result append_level(const struct es_tile_store *store,
                                        const struct level_batch *batch, struct es_hash *ret_full,
                                        size_t *ret_full_count)
{
    struct es_hash hashes[ES_TILE_WIDTH];
    enum es_tile_result result = read_edge(store, batch, hashes);
    if (result != ES_TILE_OK) {
        return result;
    }
    size_t full = 0;
    for (size_t done = 0; done < batch->count;) {
        uint64_t position = batch->first + done;
        size_t used = (size_t)(position % ES_TILE_WIDTH);
        size_t added = batch->count - done;
        if (added > ES_TILE_WIDTH - used) {
            added = ES_TILE_WIDTH - used;
        }
        memcpy(&hashes[used], &batch->hashes[done], added * sizeof(*hashes));
        struct es_tile tile = {
            .level = batch->level, .index = position / ES_TILE_WIDTH, .width = used + added};
        if (!store->write(store->context, &tile, hashes)) {
            return ES_TILE_UNWRITABLE;
        }
        if (tile.width == ES_TILE_WIDTH) {
            ret_full[full++] = es_tile_subtree(hashes, ES_TILE_HEIGHT);
        }
        done += added;
    }
    *ret_full_count = full;
    return ES_TILE_OK;
}

enum es_tile_result es_tile_append(const struct es_tile_store *store, uint64_t size,
                                   const struct es_hash *leaves, size_t count)
{
    if (size > ES_MERKLE_SIZE_MAX || count > ES_MERKLE_SIZE_MAX - size) {
        return ES_TILE_BAD_RANGE;
    }
    /* The roots of full tiles are what the next level grows by. A level writes at most as many as
     * it reads, and reads each before it could be overwritten, so one array serves all levels. */
    ES_CLEANUP(es_free_p)
    struct es_hash *roots = es_calloc(count / ES_TILE_WIDTH + 1, sizeof(*roots));
    struct level_batch batch = {.level = 0, .first = size, .hashes = leaves, .count = count};
    while (batch.count > 0) {
        size_t full = 0;
        enum es_tile_result result = append_level(store, &batch, roots, &full);
        if (result != ES_TILE_OK) {
            return result;
        }
        batch.level++;
        batch.first /= ES_TILE_WIDTH;
        batch.hashes = roots;
        batch.count = full;
    }
    return ES_TILE_OK;
}
