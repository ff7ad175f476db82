/* Unit tests of worker-ledger/log: when to seal, the growing edge of the tree, static files. */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/tests/unit.h"
#include "common/tlog/merkle.h"
#include "common/tlog/tile-proof.h"
#include "worker-ledger/log/edge.h"
#include "worker-ledger/log/seal.h"
#include "worker-ledger/log/static-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, NULL, NULL, NULL                                                          \
    }

static void due_by_time_or_by_number(void **state)
{
    (void)state;
    static const struct es_seal_policy policy = {.interval_ms = 60000, .max = 100};
    static const struct {
        struct es_log_waiting waiting;
        bool due;
    } cases[] = {
        {{.leaves = 0, .since_sealed_ms = 0}, false},
        {{.leaves = 0, .since_sealed_ms = 3600000}, false}, /* an idle hour makes none */
        {{.leaves = 1, .since_sealed_ms = 59999}, false},
        {{.leaves = 1, .since_sealed_ms = 60000}, true},
        {{.leaves = 99, .since_sealed_ms = 0}, false},
        {{.leaves = 100, .since_sealed_ms = 0}, true},
        {{.leaves = 1000, .since_sealed_ms = 0}, true},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        assert_int_equal(es_seal_due(&policy, &cases[i].waiting), cases[i].due);
    }
}

static void leaf_hash(uint64_t number, struct es_hash *ret_hash)
{
    *ret_hash = es_hash_sha256(&number, sizeof(number));
}

/* Grow a tree in uneven steps as sealing does, each time from nothing but the tiles that
 * es_edge_tiles() names, and compare the root with that of all leaves at once. */
static void the_edge_is_all_that_growing_needs(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 1, 254, 1, 255, 300, 1, 65000, 100, 700};
    size_t total = 0;
    for (size_t i = 0; i < ES_ARRAY_LEN(steps); i++) {
        total += steps[i];
    }
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(1 << 20);
    struct es_hash *leaves = es_arena_alloc(arena, total * sizeof(*leaves));
    for (size_t i = 0; i < total; i++) {
        leaf_hash(i, &leaves[i]);
    }
    struct es_edge before = {.arena = arena};
    size_t size = 0;
    for (size_t i = 0; i < ES_ARRAY_LEN(steps); i++) {
        struct es_tile named[ES_TILE_LEVELS];
        struct es_edge edge = {.arena = arena};
        size_t count = es_edge_tiles(size, named);
        for (size_t k = 0; k < count; k++) { /* what the database would give back */
            edge.last[named[k].level] = before.last[named[k].level];
            assert_int_equal(edge.last[named[k].level].tile.index, named[k].index);
            assert_int_equal(edge.last[named[k].level].tile.width, named[k].width);
        }
        struct es_tile_store store = es_edge_store(&edge);
        struct es_hash root;
        assert_int_equal(es_tile_append(&store, size, leaves + size, steps[i]), ES_TILE_OK);
        size += steps[i];
        assert_int_equal(es_tile_root(&store, size, &root), ES_TILE_OK);
        struct es_hash expected = es_merkle_root(leaves, size);
        assert_true(es_hash_equal(&root, &expected));
        assert_true(edge.written_count > 0);
        before = edge;
    }
}

static void a_missing_tile_stops_the_growth(void **state)
{
    (void)state;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct es_edge edge = {.arena = arena};
    struct es_tile_store store = es_edge_store(&edge);
    struct es_hash leaf;
    leaf_hash(1, &leaf);
    assert_int_equal(es_tile_append(&store, 5, &leaf, 1), ES_TILE_UNREADABLE);
}

static void remove_tree(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    es_static_remove_directory(fd, "a/b");
    es_static_remove_directory(fd, "a");
    es_static_remove_directory(AT_FDCWD, path);
    close(fd);
}

static void files_are_whole_and_directories_made(void **state)
{
    (void)state;
    char path[] = "/tmp/test-ledger-log-XXXXXX";
    assert_non_null(mkdtemp(path));
    int fd = open(path, O_RDONLY | O_DIRECTORY);
    ES_CLEANUP(es_buf_done) struct es_buf content = ES_BUF_INIT;
    errno = 0;
    assert_false(es_static_read(fd, "a/b/c", 100, &content));
    assert_int_equal(errno, ENOENT);
    assert_true(es_static_write(fd, "a/b/c", "one", 3));
    assert_true(es_static_write(fd, "a/b/c", "second", 6));
    assert_true(es_static_read(fd, "a/b/c", 100, &content));
    assert_string_equal(es_buf_str(&content), "second");
    assert_false(es_static_read(fd, "a/b/c", 5, &content));
    assert_int_equal(errno, EFBIG);
    struct stat info;
    assert_int_equal(fstatat(fd, "a/b/c", &info, 0), 0);
    assert_int_equal(info.st_mode & 0777, 0644);
    assert_int_not_equal(fstatat(fd, "a/b/c.new", &info, 0), 0); /* no draft is left */
    assert_true(es_static_flush(fd));
    assert_int_equal(mkdirat(fd, "blocked", 0755), 0);
    assert_false(es_static_write(fd, "blocked", "x", 1)); /* a directory is in the way */
    (void)unlinkat(fd, "blocked.new", 0);
    (void)unlinkat(fd, "blocked", AT_REMOVEDIR);
    close(fd);
    remove_tree(path);
    assert_int_not_equal(access(path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("E97 E98 due by time or by number", due_by_time_or_by_number),
        TEST("J2.13 the edge is all that growing needs", the_edge_is_all_that_growing_needs),
        TEST("a missing tile stops the growth", a_missing_tile_stops_the_growth),
        TEST("J2.15 files are whole and directories made", files_are_whole_and_directories_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
