/* Unit tests of common/tlog: hashing, frontier, leaf v1 and the two proof checks. */
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/tests/test-tlog-naive.h"
#include "common/tests/unit.h"
#include "common/tlog/frontier.h"
#include "common/tlog/leaf.h"
#include "common/tlog/merkle.h"

#include <stdlib.h>
#include <string.h>

#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, NULL, NULL, NULL                                                          \
    }

static struct es_hash hash_of(const char *hex)
{
    struct es_hash hash;
    assert_true(es_parse_hex(hex, hash.bytes, sizeof(hash.bytes)));
    return hash;
}

static void assert_hash(const struct es_hash *hash, const char *hex)
{
    struct es_hash expected = hash_of(hex);
    assert_memory_equal(hash->bytes, expected.bytes, sizeof(expected.bytes));
}

/* The leaves that Certificate Transparency implementations test with, and the roots of the first
 * 0 to 8 of them. */
static const char *const ct_leaves[] = {
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
};
static const char *const ct_roots[] = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

static void read_ct_leaves(struct es_hash leaves[ES_ARRAY_LEN(ct_leaves)])
{
    for (size_t i = 0; i < ES_ARRAY_LEN(ct_leaves); i++) {
        unsigned char data[16];
        size_t length = strlen(ct_leaves[i]) / 2;
        assert_true(es_parse_hex(ct_leaves[i], data, length));
        leaves[i] = es_merkle_leaf(data, length);
    }
}

static void published_roots(void **state)
{
    (void)state;
    struct es_hash leaves[ES_ARRAY_LEN(ct_leaves)];
    struct es_frontier frontier = ES_FRONTIER_EMPTY;
    read_ct_leaves(leaves);
    for (size_t size = 0; size < ES_ARRAY_LEN(ct_roots); size++) {
        struct es_hash root = es_merkle_root(leaves, size);
        assert_hash(&root, ct_roots[size]);
        root = es_frontier_root(&frontier);
        assert_hash(&root, ct_roots[size]);
        if (size < ES_ARRAY_LEN(ct_leaves)) {
            es_frontier_append(&frontier, &leaves[size]);
        }
    }
}

static void published_inclusion_proof(void **state)
{
    (void)state;
    struct es_hash leaves[ES_ARRAY_LEN(ct_leaves)];
    struct es_hash root = hash_of(ct_roots[7]);
    struct es_hash path[] = {
        hash_of("bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"),
        hash_of("b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f"),
        hash_of("d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    };
    read_ct_leaves(leaves);
    assert_true(es_merkle_check_inclusion(&leaves[5], 5, 7, path, 3, &root));
    assert_false(es_merkle_check_inclusion(&leaves[5], 4, 7, path, 3, &root));
    assert_false(es_merkle_check_inclusion(&leaves[4], 5, 7, path, 3, &root));
}

static void published_consistency_proof(void **state)
{
    (void)state;
    struct es_hash old_root = hash_of(ct_roots[6]);
    struct es_hash new_root = hash_of(ct_roots[8]);
    struct es_hash proof[] = {
        hash_of("0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"),
        hash_of("ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"),
        hash_of("d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    };
    assert_true(es_merkle_check_consistency(6, &old_root, 8, &new_root, proof, 3));
    assert_false(es_merkle_check_consistency(5, &old_root, 8, &new_root, proof, 3));
    assert_false(es_merkle_check_consistency(6, &new_root, 8, &old_root, proof, 3));
}

#define LEAVES_MAX 300

/* Each change that a forger could make to a true inclusion proof, one at a time. */
static void refuse_tampered_inclusion(const struct es_hash *leaf, size_t index, size_t size,
                                      const struct es_merkle_proof *proof,
                                      const struct es_hash *root)
{
    struct es_merkle_proof changed = *proof;
    struct es_hash other_root = *root;
    struct es_hash other_leaf = *leaf;
    other_root.bytes[31] ^= 1;
    other_leaf.bytes[0] ^= 0x80;
    assert_false(
        es_merkle_check_inclusion(leaf, index, size, changed.hashes, changed.length, &other_root));
    assert_false(
        es_merkle_check_inclusion(&other_leaf, index, size, changed.hashes, changed.length, root));
    assert_false(
        es_merkle_check_inclusion(leaf, index, size, changed.hashes, changed.length + 1, root));
    assert_false(es_merkle_check_inclusion(leaf, size, size, changed.hashes, changed.length, root));
    if (proof->length > 0) {
        assert_false(
            es_merkle_check_inclusion(leaf, index, size, changed.hashes, changed.length - 1, root));
        assert_false(
            es_merkle_check_inclusion(leaf, index ^ 1, size, changed.hashes, changed.length, root));
    }
    for (size_t i = 0; i < proof->length; i++) {
        changed.hashes[i].bytes[i % ES_HASH_SIZE] ^= 0x10;
        assert_false(
            es_merkle_check_inclusion(leaf, index, size, changed.hashes, changed.length, root));
        changed.hashes[i] = proof->hashes[i];
    }
}

static void every_leaf_of_every_size_is_provable(void **state)
{
    (void)state;
    static struct es_hash leaves[LEAVES_MAX];
    naive_leaves(leaves, LEAVES_MAX);
    for (size_t size = 1; size <= LEAVES_MAX; size++) {
        struct es_hash root = es_merkle_root(leaves, size);
        struct es_hash naive = naive_root(leaves, size);
        assert_memory_equal(root.bytes, naive.bytes, ES_HASH_SIZE);
        for (size_t index = 0; index < size; index++) {
            struct es_merkle_proof proof = {.length = 0};
            naive_path(leaves, index, size, &proof);
            assert_true(es_merkle_check_inclusion(&leaves[index], index, size, proof.hashes,
                                                  proof.length, &root));
            if (size <= 40 || index % 37 == size % 37) { /* the rest would only repeat these */
                refuse_tampered_inclusion(&leaves[index], index, size, &proof, &root);
            }
        }
    }
}

static void refuse_tampered_consistency(size_t size1, const struct es_hash *root1, size_t size2,
                                        const struct es_hash *root2,
                                        const struct es_merkle_proof *proof)
{
    struct es_merkle_proof changed = *proof;
    struct es_hash other1 = *root1;
    struct es_hash other2 = *root2;
    other1.bytes[7] ^= 1;
    other2.bytes[7] ^= 1;
    assert_false(
        es_merkle_check_consistency(size1, &other1, size2, root2, changed.hashes, changed.length));
    assert_false(
        es_merkle_check_consistency(size1, root1, size2, &other2, changed.hashes, changed.length));
    assert_false(es_merkle_check_consistency(size1, root1, size2, root2, changed.hashes,
                                             changed.length + 1));
    assert_false(
        es_merkle_check_consistency(size1, root1, size2, root2, changed.hashes, proof->length - 1));
    for (size_t i = 0; i < proof->length; i++) {
        changed.hashes[i].bytes[0] ^= 1;
        assert_false(es_merkle_check_consistency(size1, root1, size2, root2, changed.hashes,
                                                 changed.length));
        changed.hashes[i] = proof->hashes[i];
    }
}

static void check_consistency_of(const struct es_hash *leaves, size_t size1, size_t size2)
{
    struct es_merkle_proof proof = {.length = 0};
    struct es_hash root1 = es_merkle_root(leaves, size1);
    struct es_hash root2 = es_merkle_root(leaves, size2);
    naive_subproof(leaves, size1, size2, true, &proof);
    assert_true(
        es_merkle_check_consistency(size1, &root1, size2, &root2, proof.hashes, proof.length));
    if (size1 < size2) {
        refuse_tampered_consistency(size1, &root1, size2, &root2, &proof);
    }
}

static void any_two_sizes_are_consistent(void **state)
{
    (void)state;
    static struct es_hash leaves[LEAVES_MAX];
    naive_leaves(leaves, LEAVES_MAX);
    for (size_t size2 = 1; size2 <= 64; size2++) {
        for (size_t size1 = 1; size1 <= size2; size1++) {
            check_consistency_of(leaves, size1, size2);
        }
    }
    es_random_seed_for_tests(1);
    for (int i = 0; i < 500; i++) {
        size_t size2 = 65 + es_random_below(LEAVES_MAX - 64);
        check_consistency_of(leaves, 1 + es_random_below((uint32_t)size2), size2);
    }
}

static void edges_of_consistency(void **state)
{
    (void)state;
    struct es_hash leaves[2];
    naive_leaves(leaves, 2);
    struct es_hash empty = es_merkle_empty_root();
    struct es_hash one = es_merkle_root(leaves, 1);
    struct es_hash two = es_merkle_root(leaves, 2);
    assert_true(es_merkle_check_consistency(0, &empty, 2, &two, NULL, 0));
    assert_true(es_merkle_check_consistency(0, &empty, 0, &empty, NULL, 0));
    assert_false(es_merkle_check_consistency(0, &one, 2, &two, NULL, 0));
    assert_false(es_merkle_check_consistency(0, &empty, 2, &two, leaves, 1));
    assert_false(es_merkle_check_consistency(2, &two, 1, &one, NULL, 0));
    assert_false(es_merkle_check_consistency(2, &two, 2, &two, leaves, 1));
    assert_false(es_merkle_check_consistency(1, &one, 2, &two, NULL, 0));
    assert_true(es_merkle_check_consistency(1, &one, 2, &two, &leaves[1], 1));
    assert_false(es_merkle_check_inclusion(&leaves[0], 0, 0, NULL, 0, &empty));
    assert_false(es_merkle_check_inclusion(&leaves[0], 0, UINT64_MAX, leaves, 2, &two));
}

static void one_root_for_any_batch(void **state)
{
    (void)state;
    struct es_frontier frontier = ES_FRONTIER_EMPTY;
    struct es_hash leaf = es_merkle_leaf("event", 5);
    struct es_hash before = es_frontier_root(&frontier);
    for (size_t i = 0; i < 100000; i++) {
        es_frontier_append(&frontier, &leaf);
    }
    struct es_hash after = es_frontier_root(&frontier);
    assert_int_equal(frontier.size, 100000);
    assert_false(es_hash_equal(&before, &after));
}

/* printf '\0<salt>{"v":1}' | sha256sum */
static void leaf_version_1(void **state)
{
    (void)state;
    unsigned char salt[ES_LEAF_SALT_SIZE];
    for (size_t i = 0; i < sizeof(salt); i++) {
        salt[i] = (unsigned char)('a' + i);
    }
    struct es_hash leaf = es_leaf_hash(salt, "{\"v\":1}", 7);
    assert_hash(&leaf, "1f9504262a79826abd2e40b8d728cdefe2d91d35cad53bb570d69d880dceda42");
    struct es_hash same = es_merkle_leaf("abcdefghijklmnop{\"v\":1}", 23);
    assert_true(es_hash_equal(&leaf, &same));
    salt[15] ^= 1;
    struct es_hash other = es_leaf_hash(salt, "{\"v\":1}", 7);
    assert_false(es_hash_equal(&leaf, &other));
}

int main(void)
{
    es_random_init();
    const struct CMUnitTest tests[] = {
        TEST("J2.2 one hash whatever the batch size", one_root_for_any_batch),
        TEST("J2.3 leaf v1 is salted", leaf_version_1),
        TEST("RFC 9162: published roots", published_roots),
        TEST("RFC 9162: published inclusion proof", published_inclusion_proof),
        TEST("RFC 9162: published consistency proof", published_consistency_proof),
        TEST("J2.4 inclusion: sizes 1..300, every index", every_leaf_of_every_size_is_provable),
        TEST("J2.13 consistency: all pairs to 64, random to 300", any_two_sizes_are_consistent),
        TEST("J2.13 consistency: empty, equal and reversed sizes", edges_of_consistency),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
