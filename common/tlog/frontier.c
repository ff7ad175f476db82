#include "common/tlog/frontier.h"

#include "common/base/reader.h"
#include "common/tlog/merkle.h"

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

void es_frontier_write(const struct es_frontier *frontier, struct es_buf *out)
{
    es_buf_add_be64(out, frontier->size);
    for (size_t level = ES_FRONTIER_LEVELS; level-- > 0;) {
        if (has_peak(frontier, level)) {
            es_buf_add(out, frontier->peaks[level].bytes, ES_HASH_SIZE);
        }
    }
}

static uint64_t read_be64(struct es_reader *reader)
{
    return __builtin_bswap64(es_reader_le64(reader));
}

bool es_frontier_parse(const void *bytes, size_t length, struct es_frontier *ret_frontier)
{
    struct es_reader reader = es_reader_make(bytes, length);
    struct es_frontier frontier = ES_FRONTIER_EMPTY;
    frontier.size = read_be64(&reader);
    if (frontier.size > ES_MERKLE_SIZE_MAX) {
        return false;
    }
    for (size_t level = ES_FRONTIER_LEVELS; level-- > 0;) {
        if (has_peak(&frontier, level)) {
            frontier.peaks[level] = es_hash_read(&reader);
        }
    }
    if (!es_reader_done(&reader)) {
        return false;
    }
    *ret_frontier = frontier;
    return true;
}
