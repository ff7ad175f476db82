#include "common/tlog/tile-proof.h"

#include "common/base/arena.h"

/* A proof touches the tiles over its leaf (or over the end of the first tree) and those at the
 * right edge: two a level. */
#define CACHED_TILES (2 * ES_TILE_LEVELS)
#define TILE_BYTES   ((size_t)ES_TILE_WIDTH * ES_HASH_SIZE)

struct cached_tile {
    struct es_tile tile;
    struct es_hash *hashes;
};

/* One proof in the making: what was read, and the first failure. */
struct build {
    const struct es_tile_store *store;
    uint64_t size;
    struct es_arena *arena;
    struct cached_tile cache[CACHED_TILES];
    size_t cached;
    bool failed;
};

static struct build build_begin(const struct es_tile_store *store, uint64_t size)
{
    return (struct build){.store = store, .size = size, .arena = es_arena_new(0)};
}

static enum es_tile_result build_end(struct build *build)
{
    build->arena = es_arena_free(build->arena);
    return build->failed ? ES_TILE_UNREADABLE : ES_TILE_OK;
}

/* The slot for the next tile; the last one is overwritten should a proof ever need more. */
static struct cached_tile *next_slot(struct build *build)
{
    if (build->cached == CACHED_TILES) {
        return &build->cache[CACHED_TILES - 1];
    }
    struct cached_tile *slot = &build->cache[build->cached++];
    slot->hashes = es_arena_alloc(build->arena, TILE_BYTES);
    return slot;
}

/* The hashes of tile (LEVEL, INDEX) of the tree in question, or NULL after a failure. */
static const struct es_hash *tile_hashes(struct build *build, unsigned level, uint64_t index)
{
    for (size_t i = 0; i < build->cached; i++) {
        const struct es_tile *tile = &build->cache[i].tile;
        if (tile->level == level && tile->index == index) {
            return build->cache[i].hashes;
        }
    }
    struct es_tile wanted = {
        .level = level, .index = index, .width = es_tile_width(level, index, build->size)};
    struct cached_tile *slot = next_slot(build);
    size_t width = 0;
    slot->tile = (struct es_tile){.level = ES_TILE_LEVELS}; /* names no tile until it is read */
    if (build->failed ||
        !build->store->read(build->store->context, &wanted, slot->hashes, &width) ||
        width < wanted.width) {
        build->failed = true;
        return NULL;
    }
    slot->tile = wanted;
    return slot->hashes;
}

/* Root of the complete subtree of 2^HEIGHT leaves that begins at leaf INDEX << HEIGHT. */
static struct es_hash complete_subtree(struct build *build, unsigned height, uint64_t index)
{
    unsigned level = height / ES_TILE_HEIGHT;
    unsigned inside = height % ES_TILE_HEIGHT;
    uint64_t first = index << inside; /* counted in hashes of the tile's level */
    const struct es_hash *hashes = tile_hashes(build, level, first / ES_TILE_WIDTH);
    if (hashes == NULL) {
        return (struct es_hash){{0}};
    }
    return es_tile_subtree(&hashes[first % ES_TILE_WIDTH], inside);
}

static unsigned highest_bit(uint64_t value)
{
    return 63 - (unsigned)__builtin_clzll(value);
}

/* MTH(D[begin:end]) for a range that begins at a multiple of the largest power of two that fits in
 * it, as all ranges of the RFC's recursions do: complete subtrees, folded from the right. */
static struct es_hash range_root(struct build *build, uint64_t begin, uint64_t end)
{
    struct es_hash parts[ES_MERKLE_PROOF_MAX];
    size_t count = 0;
    while (begin < end) {
        unsigned height = highest_bit(end - begin);
        parts[count++] = complete_subtree(build, height, begin >> height);
        begin += (uint64_t)1 << height;
    }
    struct es_hash root = parts[--count];
    while (count > 0) {
        root = es_merkle_node(&parts[--count], &root);
    }
    return root;
}

/* The largest power of two below COUNT (COUNT >= 2): where RFC 9162 section 2.1.1 splits. */
static uint64_t split_point(uint64_t count)
{
    return (uint64_t)1 << highest_bit(count - 1);
}

static void proof_add(struct es_merkle_proof *proof, struct es_hash hash)
{
    proof->hashes[proof->length++] = hash;
}

/* The recursions walk from the root down; proofs are written from the leaves up. */
static void proof_reverse(struct es_merkle_proof *proof)
{
    for (size_t i = 0; i < proof->length / 2; i++) {
        struct es_hash other = proof->hashes[proof->length - 1 - i];
        proof->hashes[proof->length - 1 - i] = proof->hashes[i];
        proof->hashes[i] = other;
    }
}

enum es_tile_result es_tile_root(const struct es_tile_store *store, uint64_t size,
                                 struct es_hash *ret_root)
{
    if (size > ES_MERKLE_SIZE_MAX) {
        return ES_TILE_BAD_RANGE;
    }
    if (size == 0) {
        *ret_root = es_merkle_empty_root();
        return ES_TILE_OK;
    }
    struct build build = build_begin(store, size);
    struct es_hash root = range_root(&build, 0, size);
    enum es_tile_result result = build_end(&build);
    if (result == ES_TILE_OK) {
        *ret_root = root;
    }
    return result;
}

size_t es_tile_inclusion_tiles(uint64_t index, uint64_t size,
                               struct es_tile ret_tiles[ES_TILE_INCLUSION_MAX])
{
    size_t count = 0;
    uint64_t above = index / ES_TILE_WIDTH;
    uint64_t hashes = size; /* on this level */
    for (unsigned level = 0; level < ES_TILE_LEVELS && hashes > 0; level++) {
        uint64_t last = (hashes - 1) / ES_TILE_WIDTH;
        if (above < last) {
            ret_tiles[count++] = (struct es_tile){level, above, es_tile_width(level, above, size)};
        }
        ret_tiles[count++] = (struct es_tile){level, last, es_tile_width(level, last, size)};
        above /= ES_TILE_WIDTH;
        hashes /= ES_TILE_WIDTH;
    }
    return count;
}

enum es_tile_result es_tile_inclusion(const struct es_tile_store *store, uint64_t index,
                                      uint64_t size, struct es_merkle_proof *ret_proof)
{
    if (index >= size || size > ES_MERKLE_SIZE_MAX) {
        return ES_TILE_BAD_RANGE;
    }
    struct build build = build_begin(store, size);
    struct es_merkle_proof proof = {.length = 0};
    uint64_t begin = 0;
    uint64_t end = size;
    while (end - begin > 1) {
        uint64_t middle = begin + split_point(end - begin);
        if (index < middle) {
            proof_add(&proof, range_root(&build, middle, end));
            end = middle;
        } else {
            proof_add(&proof, range_root(&build, begin, middle));
            begin = middle;
        }
    }
    proof_reverse(&proof);
    enum es_tile_result result = build_end(&build);
    if (result == ES_TILE_OK) {
        *ret_proof = proof;
    }
    return result;
}

/* SUBPROOF(m, D[begin:end], known) of section 2.1.4.1 with m = SIZE1 - begin: KNOWN says that the
 * verifier holds the root of what is left of the first tree. */
static void consistency_walk(struct build *build, uint64_t size1, struct es_merkle_proof *proof)
{
    uint64_t begin = 0;
    uint64_t end = build->size;
    bool known = true;
    while (size1 < end) {
        uint64_t middle = begin + split_point(end - begin);
        if (size1 <= middle) {
            proof_add(proof, range_root(build, middle, end));
            end = middle;
        } else {
            proof_add(proof, range_root(build, begin, middle));
            begin = middle;
            known = false;
        }
    }
    if (!known) {
        proof_add(proof, range_root(build, begin, end));
    }
    proof_reverse(proof);
}

enum es_tile_result es_tile_consistency(const struct es_tile_store *store, uint64_t size1,
                                        uint64_t size2, struct es_merkle_proof *ret_proof)
{
    if (size1 > size2 || size2 > ES_MERKLE_SIZE_MAX) {
        return ES_TILE_BAD_RANGE;
    }
    struct es_merkle_proof proof = {.length = 0};
    if (size1 == 0 || size1 == size2) {
        *ret_proof = proof;
        return ES_TILE_OK;
    }
    struct build build = build_begin(store, size2);
    consistency_walk(&build, size1, &proof);
    enum es_tile_result result = build_end(&build);
    if (result == ES_TILE_OK) {
        *ret_proof = proof;
    }
    return result;
}
