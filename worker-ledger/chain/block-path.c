#include "worker-ledger/chain/block-path.h"

#include "worker-ledger/chain/hash256.h"

#include <string.h>

/* Node (LEVEL, OFFSET), given or computed from the nodes below it; false when it cannot be had.
 * Every success rests on nodes that are present, and the first gap ends the search, so the work is
 * bounded by the size of the BUMP. A duplicate is found as such. */
static bool find_or_compute(const struct es_bump *bump, size_t level, uint64_t offset,
                            struct es_block_step *ret_node)
{
    const struct es_bump_node *node = es_bump_find(bump, level, offset);
    if (node != NULL) {
        *ret_node = (struct es_block_step){.duplicate = node->duplicate, .sibling = node->hash};
        return true;
    }
    struct es_block_step left;
    struct es_block_step right;
    if (level == 0 || !find_or_compute(bump, level - 1, 2 * offset, &left) || left.duplicate ||
        !find_or_compute(bump, level - 1, 2 * offset + 1, &right)) {
        return false;
    }
    const struct es_hash *right_hash = right.duplicate ? &left.sibling : &right.sibling;
    *ret_node = (struct es_block_step){.sibling = es_hash256_pair(&left.sibling, right_hash)};
    return true;
}

static const struct es_bump_node *find_txid(const struct es_bump *bump, const struct es_hash *txid)
{
    for (size_t i = 0; i < bump->levels[0].count; i++) {
        const struct es_bump_node *node = &bump->levels[0].nodes[i];
        if (!node->duplicate && es_hash_equal(&node->hash, txid)) {
            return node;
        }
    }
    return NULL;
}

bool es_block_path_from_bump(const struct es_bump *bump, const struct es_hash *txid,
                             struct es_block_path *ret_path)
{
    const struct es_bump_node *node = find_txid(bump, txid);
    if (node == NULL) {
        return false;
    }
    struct es_block_path path = {.height = bump->height, .txid = *txid, .index = node->offset};
    /* One level with one node: the block holds nothing else. */
    bool alone = bump->level_count == 1 && bump->levels[0].count == 1 && node->offset == 0;
    path.depth = alone ? 0 : bump->level_count;
    for (size_t level = 0; level < path.depth; level++) {
        uint64_t sibling = (path.index >> level) ^ 1;
        if (!find_or_compute(bump, level, sibling, &path.steps[level])) {
            return false;
        }
    }
    *ret_path = path;
    return true;
}

/* The node above NODE, which is at OFFSET of its level. */
static struct es_hash step_up(const struct es_block_step *step, const struct es_hash *node,
                              uint64_t offset)
{
    const struct es_hash *sibling = step->duplicate ? node : &step->sibling;
    return (offset & 1) == 0 ? es_hash256_pair(node, sibling) : es_hash256_pair(sibling, node);
}

/* One node of a TSC proof beside NODE, which is at OFFSET of its level. WhatsOnChain spells a copy
 * of a last node out instead of writing "*". */
static bool parse_tsc_node(const char *text, const struct es_hash *node, uint64_t offset,
                           struct es_block_step *ret_step)
{
    struct es_block_step step = {.duplicate = strcmp(text, "*") == 0};
    if (!step.duplicate && !es_hash256_parse(text, &step.sibling)) {
        return false;
    }
    if (!step.duplicate && (offset & 1) == 0 && es_hash_equal(&step.sibling, node)) {
        step = (struct es_block_step){.duplicate = true};
    }
    *ret_step = step;
    return true;
}

bool es_block_path_from_tsc(uint64_t height, const struct es_hash *txid, uint64_t index,
                            const char *const *nodes, size_t node_count,
                            struct es_block_path *ret_path)
{
    struct es_block_path path = {
        .height = height, .txid = *txid, .index = index, .depth = node_count};
    struct es_hash node = *txid;
    if (node_count > ES_BUMP_LEVELS_MAX || height > ES_BUMP_HEIGHT_MAX) {
        return false;
    }
    for (size_t i = 0; i < node_count; i++) {
        if (!parse_tsc_node(nodes[i], &node, index >> i, &path.steps[i])) {
            return false;
        }
        node = step_up(&path.steps[i], &node, index >> i);
    }
    *ret_path = path;
    return true;
}

/* Whether a step may be what it is. NODE is at OFFSET of its level; AT_EDGE says that lower steps
 * have shown it to be the last one there. */
static bool step_allowed(const struct es_block_step *step, const struct es_hash *node,
                         uint64_t offset, bool at_edge)
{
    bool is_left = (offset & 1) == 0;
    if (step->duplicate) {
        return is_left && offset > 0; /* the only node of a level is the root, and ends the path */
    }
    if (at_edge && is_left) {
        return false; /* a last node has nothing to its right */
    }
    return !es_hash_equal(&step->sibling, node);
}

bool es_block_path_root(const struct es_block_path *path, struct es_hash *ret_root)
{
    struct es_hash node = path->txid;
    bool at_edge = false;
    if (path->depth > ES_BUMP_LEVELS_MAX || path->index >> path->depth != 0) {
        return false;
    }
    for (size_t level = 0; level < path->depth; level++) {
        const struct es_block_step *step = &path->steps[level];
        uint64_t offset = path->index >> level;
        if (!step_allowed(step, &node, offset, at_edge)) {
            return false;
        }
        at_edge = at_edge || step->duplicate;
        node = step_up(step, &node, offset);
    }
    *ret_root = node;
    return true;
}

bool es_block_path_proves(const struct es_block_path *path, const void *transaction,
                          size_t transaction_length, const struct es_hash *root)
{
    struct es_hash reached;
    if (transaction_length == ES_BLOCK_NODE_SIZE) {
        return false;
    }
    struct es_hash txid = es_hash256(transaction, transaction_length);
    return es_hash_equal(&txid, &path->txid) && es_block_path_root(path, &reached) &&
           es_hash_equal(&reached, root);
}

static struct es_bump_node sibling_node(const struct es_block_path *path, size_t level)
{
    const struct es_block_step *step = &path->steps[level];
    return (struct es_bump_node){
        .offset = (path->index >> level) ^ 1, .duplicate = step->duplicate, .hash = step->sibling};
}

void es_block_path_write(const struct es_block_path *path, struct es_buf *out)
{
    struct es_bump_node txid = {.offset = path->index, .is_txid = true, .hash = path->txid};
    struct es_bump_node lowest[2] = {txid, txid};
    struct es_bump_node upper[ES_BUMP_LEVELS_MAX];
    struct es_bump bump = {.height = path->height, .level_count = 1};
    bump.levels[0] = (struct es_bump_level){.nodes = lowest, .count = 1};
    if (path->depth > 0) {
        lowest[(path->index & 1) ^ 1] = sibling_node(path, 0);
        bump.levels[0].count = 2;
        bump.level_count = path->depth;
    }
    for (size_t level = 1; level < path->depth; level++) {
        upper[level] = sibling_node(path, level);
        bump.levels[level] = (struct es_bump_level){.nodes = &upper[level], .count = 1};
    }
    es_bump_write(&bump, out);
}
