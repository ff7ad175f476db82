/* Unit tests of common/tlog: tiles and the proofs built from them. */
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/tests/test-tlog-naive.h"
#include "common/tests/unit.h"
#include "common/tlog/frontier.h"
#include "common/tlog/tile-proof.h"
#include "common/tlog/tile.h"

#include <stdlib.h>
#include <string.h>

#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, NULL, NULL, NULL                                                          \
    }

#define STORED_LEVELS 3
#define STORED_TILES  300 /* a level: enough for 76,800 leaves */

/* Tiles in memory, counting what is done to them; BUDGET is how many reads or writes succeed. */
struct memory {
    struct es_hash tiles[STORED_LEVELS][STORED_TILES][ES_TILE_WIDTH];
    size_t widths[STORED_LEVELS][STORED_TILES];
    size_t reads;
    size_t writes;
    size_t budget;
};

static bool memory_read(void *context, const struct es_tile *wanted,
                        struct es_hash ret_hashes[ES_TILE_WIDTH], size_t *ret_width)
{
    struct memory *memory = context;
    memory->reads++;
    if (memory->budget-- == 0 || wanted->level >= STORED_LEVELS || wanted->index >= STORED_TILES) {
        memory->budget = 0;
        return false;
    }
    assert_true(wanted->width > 0);
    size_t width = memory->widths[wanted->level][wanted->index];
    memcpy(ret_hashes, memory->tiles[wanted->level][wanted->index], width * sizeof(*ret_hashes));
    *ret_width = width;
    return true;
}

static bool memory_write(void *context, const struct es_tile *tile, const struct es_hash *hashes)
{
    struct memory *memory = context;
    assert_true(tile->level < STORED_LEVELS && tile->index < STORED_TILES);
    size_t *width = &memory->widths[tile->level][tile->index];
    memory->writes++;
    if (memory->budget-- == 0) {
        memory->budget = 0;
        return false;
    }
    assert_true(tile->width >= *width && tile->width <= ES_TILE_WIDTH);
    memcpy(memory->tiles[tile->level][tile->index], hashes, tile->width * sizeof(*hashes));
    *width = tile->width;
    return true;
}

static struct memory *memory_new(void)
{
    struct memory *memory = ES_NEW(struct memory);
    memory->budget = SIZE_MAX;
    return memory;
}

static struct es_tile_store store_of(struct memory *memory)
{
    return (struct es_tile_store){.context = memory, .read = memory_read, .write = memory_write};
}

static void tile_paths(void **state)
{
    (void)state;
    static const struct {
        struct es_tile tile;
        const char *path;
    } cases[] = {
        {{0, 0, 256}, "tile/0/000"},
        {{0, 0, 1}, "tile/0/000.p/1"},
        {{1, 999, 256}, "tile/1/999"},
        {{2, 1000, 255}, "tile/2/x001/000.p/255"},
        {{0, 1234067, 256}, "tile/0/x001/x234/067"},
        {{7, UINT64_MAX, 128}, "tile/7/x018/x446/x744/x073/x709/x551/615.p/128"},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        ES_CLEANUP(es_buf_done) struct es_buf path = ES_BUF_INIT;
        es_tile_path(&cases[i].tile, &path);
        assert_string_equal(es_buf_str(&path), cases[i].path);
    }
}

/* "a tree of size 70,000 will be represented by 273 full level 0 tiles, one partial level 0 tile of
 * width 112, one full level 1 tile, one partial level 1 tile of width 17, and one partial level 2
 * tile of width 1" (C2SP tlog-tiles). */
static void tile_widths(void **state)
{
    (void)state;
    assert_int_equal(es_tile_width(0, 272, 70000), 256);
    assert_int_equal(es_tile_width(0, 273, 70000), 112);
    assert_int_equal(es_tile_width(0, 274, 70000), 0);
    assert_int_equal(es_tile_width(1, 0, 70000), 256);
    assert_int_equal(es_tile_width(1, 1, 70000), 17);
    assert_int_equal(es_tile_width(2, 0, 70000), 1);
    assert_int_equal(es_tile_width(3, 0, 70000), 0);
    assert_int_equal(es_tile_width(1, 0, 256), 1);
    assert_int_equal(es_tile_width(7, 0, ES_MERKLE_SIZE_MAX), 127);
    assert_int_equal(es_tile_width(8, 0, ES_MERKLE_SIZE_MAX), 0);
}

static void append_in_batches(struct memory *memory, const struct es_hash *leaves, size_t count)
{
    struct es_tile_store store = store_of(memory);
    for (size_t size = 0; size < count;) {
        size_t batch = 1 + es_random_below(700);
        batch = batch > count - size ? count - size : batch;
        assert_int_equal(es_tile_append(&store, size, leaves + size, batch), ES_TILE_OK);
        size += batch;
    }
}

static void check_one_inclusion(const struct es_tile_store *store, const struct es_hash *leaves,
                                size_t index, size_t size, const struct es_hash *root)
{
    struct es_merkle_proof proof;
    assert_int_equal(es_tile_inclusion(store, index, size, &proof), ES_TILE_OK);
    assert_true(
        es_merkle_check_inclusion(&leaves[index], index, size, proof.hashes, proof.length, root));
}

static void check_one_consistency(const struct es_tile_store *store, size_t size1,
                                  const struct es_hash *root1, size_t size2,
                                  const struct es_hash *root2)
{
    struct es_merkle_proof proof;
    assert_int_equal(es_tile_consistency(store, size1, size2, &proof), ES_TILE_OK);
    assert_true(
        es_merkle_check_consistency(size1, root1, size2, root2, proof.hashes, proof.length));
}

#define SMALL_TREE 700

/* The tiles of 700 leaves serve every smaller size: roots, all proofs, equal to the RFC's. */
static void tiles_serve_every_smaller_tree(void **state)
{
    (void)state;
    static struct es_hash leaves[SMALL_TREE];
    static struct es_hash roots[SMALL_TREE + 1];
    ES_CLEANUP(es_free_p) struct memory *memory = memory_new();
    struct es_tile_store store = store_of(memory);
    es_random_seed_for_tests(2);
    naive_leaves(leaves, SMALL_TREE);
    append_in_batches(memory, leaves, SMALL_TREE);
    for (size_t size = 0; size <= SMALL_TREE; size++) {
        struct es_hash naive = naive_root(leaves, size);
        assert_int_equal(es_tile_root(&store, size, &roots[size]), ES_TILE_OK);
        assert_memory_equal(roots[size].bytes, naive.bytes, ES_HASH_SIZE);
    }
    for (size_t size = 1; size <= SMALL_TREE; size += 1 + size / 8) {
        for (size_t index = 0; index < size; index++) {
            check_one_inclusion(&store, leaves, index, size, &roots[size]);
        }
        for (size_t size1 = 0; size1 <= size; size1++) {
            check_one_consistency(&store, size1, &roots[size1], size, &roots[size]);
        }
    }
}

static void proofs_are_those_of_the_rfc(void **state)
{
    (void)state;
    static struct es_hash leaves[SMALL_TREE];
    ES_CLEANUP(es_free_p) struct memory *memory = memory_new();
    struct es_tile_store store = store_of(memory);
    naive_leaves(leaves, SMALL_TREE);
    append_in_batches(memory, leaves, SMALL_TREE);
    for (int i = 0; i < 300; i++) {
        size_t size = 1 + es_random_below(SMALL_TREE);
        size_t index = es_random_below((uint32_t)size);
        struct es_merkle_proof naive = {.length = 0};
        struct es_merkle_proof proof;
        naive_path(leaves, index, size, &naive);
        assert_int_equal(es_tile_inclusion(&store, index, size, &proof), ES_TILE_OK);
        assert_int_equal(proof.length, naive.length);
        assert_memory_equal(proof.hashes, naive.hashes, naive.length * ES_HASH_SIZE);
        naive.length = 0;
        naive_subproof(leaves, index + 1, size, true, &naive);
        assert_int_equal(es_tile_consistency(&store, index + 1, size, &proof), ES_TILE_OK);
        assert_int_equal(proof.length, naive.length);
        assert_memory_equal(proof.hashes, naive.hashes, naive.length * ES_HASH_SIZE);
    }
}

#define LARGE_TREE 70000

static void large_tree(void **state)
{
    (void)state;
    ES_CLEANUP(es_free_p) struct es_hash *leaves = es_calloc(LARGE_TREE, sizeof(*leaves));
    ES_CLEANUP(es_free_p) struct memory *memory = memory_new();
    struct es_tile_store store = store_of(memory);
    naive_leaves(leaves, LARGE_TREE);
    append_in_batches(memory, leaves, LARGE_TREE);
    assert_int_equal(memory->widths[0][273], 112);
    assert_int_equal(memory->widths[1][1], 17);
    assert_int_equal(memory->widths[2][0], 1);
    struct es_hash root = es_merkle_root(leaves, LARGE_TREE);
    for (int i = 0; i < 20; i++) {
        check_one_inclusion(&store, leaves, es_random_below(LARGE_TREE), LARGE_TREE, &root);
        size_t size1 = 1 + es_random_below(LARGE_TREE);
        struct es_hash root1 = es_merkle_root(leaves, size1);
        memory->reads = 0;
        check_one_consistency(&store, size1, &root1, LARGE_TREE, &root);
        assert_true(memory->reads <= 2 * STORED_LEVELS);
    }
}

static void same_tiles_whatever_the_batches(void **state)
{
    (void)state;
    static struct es_hash leaves[SMALL_TREE];
    ES_CLEANUP(es_free_p) struct memory *at_once = memory_new();
    ES_CLEANUP(es_free_p) struct memory *in_batches = memory_new();
    struct es_tile_store store = store_of(at_once);
    naive_leaves(leaves, SMALL_TREE);
    assert_int_equal(es_tile_append(&store, 0, leaves, SMALL_TREE), ES_TILE_OK);
    append_in_batches(in_batches, leaves, SMALL_TREE);
    assert_memory_equal(at_once->tiles, in_batches->tiles, sizeof(at_once->tiles));
    assert_memory_equal(at_once->widths, in_batches->widths, sizeof(at_once->widths));
    assert_int_equal(at_once->writes, 3 + 1);
}

/* Sizes 300 to 700 read the edge tiles of levels 0 and 1 and write two tiles and one: the store
 * fails at each of these calls in turn. */
static void interrupted_append_is_repaired_by_repeating(void **state)
{
    (void)state;
    static const enum es_tile_result results[] = {
        ES_TILE_UNREADABLE, ES_TILE_UNWRITABLE, ES_TILE_UNWRITABLE,
        ES_TILE_UNREADABLE, ES_TILE_UNWRITABLE, ES_TILE_OK,
    };
    static struct es_hash leaves[SMALL_TREE];
    naive_leaves(leaves, SMALL_TREE);
    for (size_t budget = 0; budget < ES_ARRAY_LEN(results); budget++) {
        ES_CLEANUP(es_free_p) struct memory *memory = memory_new();
        struct es_tile_store store = store_of(memory);
        struct es_hash root;
        struct es_hash expected = es_merkle_root(leaves, SMALL_TREE);
        append_in_batches(memory, leaves, 300);
        memory->budget = budget;
        assert_int_equal(es_tile_append(&store, 300, leaves + 300, SMALL_TREE - 300),
                         results[budget]);
        memory->budget = SIZE_MAX;
        assert_int_equal(es_tile_append(&store, 300, leaves + 300, SMALL_TREE - 300), ES_TILE_OK);
        assert_int_equal(es_tile_root(&store, SMALL_TREE, &root), ES_TILE_OK);
        assert_memory_equal(root.bytes, expected.bytes, ES_HASH_SIZE);
    }
}

/* A store that has only the tiles that are said to be enough. */
struct few {
    struct memory *memory;
    struct es_tile tiles[ES_TILE_INCLUSION_MAX];
    size_t count;
};

static bool few_read(void *context, const struct es_tile *wanted,
                     struct es_hash ret_hashes[ES_TILE_WIDTH], size_t *ret_width)
{
    const struct few *few = context;
    for (size_t i = 0; i < few->count; i++) {
        const struct es_tile *tile = &few->tiles[i];
        if (tile->level == wanted->level && tile->index == wanted->index) {
            return tile->width >= wanted->width &&
                   memory_read(few->memory, wanted, ret_hashes, ret_width);
        }
    }
    return false;
}

static void the_tiles_of_an_inclusion_proof_are_known_before(void **state)
{
    (void)state;
    ES_CLEANUP(es_free_p) struct es_hash *leaves = es_calloc(LARGE_TREE, sizeof(*leaves));
    ES_CLEANUP(es_free_p) struct memory *memory = memory_new();
    struct few few = {.memory = memory};
    struct es_tile_store store = {.context = &few, .read = few_read};
    naive_leaves(leaves, LARGE_TREE);
    append_in_batches(memory, leaves, LARGE_TREE);
    for (int i = 0; i < 2000; i++) {
        struct es_merkle_proof proof;
        uint64_t size = 1 + es_random_below(LARGE_TREE);
        if (i % 4 == 0) { /* where tiles begin and end */
            uint64_t full = size / ES_TILE_WIDTH;
            size = (full > 0 ? full : 1) * ES_TILE_WIDTH;
            size += es_random_below(2);
        }
        uint64_t index = es_random_below((uint32_t)size);
        few.count = es_tile_inclusion_tiles(index, size, few.tiles);
        assert_in_range(few.count, 1, ES_TILE_INCLUSION_MAX);
        assert_int_equal(es_tile_inclusion(&store, index, size, &proof), ES_TILE_OK);
    }
    assert_int_equal(es_tile_inclusion_tiles(0, 0, few.tiles), 0);
    assert_int_equal(es_tile_inclusion_tiles(ES_MERKLE_SIZE_MAX - 1, ES_MERKLE_SIZE_MAX, few.tiles),
                     ES_TILE_LEVELS);
}

static void missing_tiles_are_reported(void **state)
{
    (void)state;
    static struct es_hash leaves[SMALL_TREE];
    ES_CLEANUP(es_free_p) struct memory *memory = memory_new();
    struct es_tile_store store = store_of(memory);
    struct es_merkle_proof proof;
    struct es_hash root;
    naive_leaves(leaves, SMALL_TREE);
    append_in_batches(memory, leaves, SMALL_TREE);
    for (size_t budget = 0; budget < 2; budget++) {
        memory->budget = budget;
        assert_int_equal(es_tile_inclusion(&store, 5, SMALL_TREE, &proof), ES_TILE_UNREADABLE);
        memory->budget = budget;
        assert_int_equal(es_tile_consistency(&store, 5, SMALL_TREE, &proof), ES_TILE_UNREADABLE);
        memory->budget = budget;
        assert_int_equal(es_tile_root(&store, SMALL_TREE, &root), ES_TILE_UNREADABLE);
    }
    memory->budget = SIZE_MAX;
    assert_int_equal(es_tile_root(&store, SMALL_TREE + 1, &root), ES_TILE_UNREADABLE);
    assert_int_equal(es_tile_inclusion(&store, 5, 5, &proof), ES_TILE_BAD_RANGE);
    assert_int_equal(es_tile_consistency(&store, 6, 5, &proof), ES_TILE_BAD_RANGE);
    assert_int_equal(es_tile_append(&store, ES_MERKLE_SIZE_MAX, leaves, 1), ES_TILE_BAD_RANGE);
}

int main(void)
{
    es_random_init();
    const struct CMUnitTest tests[] = {
        TEST("J2.15 tile paths", tile_paths),
        TEST("J2.15 tile widths of C2SP's example", tile_widths),
        TEST("J2.15 tiles serve every smaller tree", tiles_serve_every_smaller_tree),
        TEST("J2.4 J2.13 proofs from tiles are those of the RFC", proofs_are_those_of_the_rfc),
        TEST("J2.15 70,000 leaves: few reads a proof", large_tree),
        TEST("tiles do not depend on the batches", same_tiles_whatever_the_batches),
        TEST("an interrupted append is repaired by repeating it",
             interrupted_append_is_repaired_by_repeating),
        TEST("the tiles of an inclusion proof are known before",
             the_tiles_of_an_inclusion_proof_are_known_before),
        TEST("missing tiles are reported", missing_tiles_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
