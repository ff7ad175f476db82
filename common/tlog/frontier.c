#include "common/tlog/frontier.h"

#include "common/tlog/merkle.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

static bool has_peak(const struct es_frontier *frontier, size_t level)
{
    return (frontier->size >> level & 1) == 1;
}

void es_frontier_append(struct es_frontier *frontier, const struct es_hash *leaf)
{
    if (frontier->size >= ES_MERKLE_SIZE_MAX) {
        abort();
    }
    struct es_hash node = *leaf;
    size_t level = 0;
    for (; has_peak(frontier, level); level++) {
        node = es_merkle_node(&frontier->peaks[level], &node);
    }
    frontier->peaks[level] = node;
    frontier->size++;
}

struct es_hash es_frontier_root(const struct es_frontier *frontier)
{
    if (frontier->size == 0) {
        return es_merkle_empty_root();
    }
    size_t level = (size_t)__builtin_ctzll(frontier->size);
    struct es_hash root = frontier->peaks[level];
    for (level++; level < ES_FRONTIER_LEVELS; level++) {
        if (has_peak(frontier, level)) {
            root = es_merkle_node(&frontier->peaks[level], &root);
        }
    }
    return root;
}
