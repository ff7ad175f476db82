#include "common/tlog/merkle.h"

#include "common/tlog/frontier.h"

#include <sodium.h>
#include <string.h>

#define LEAF_PREFIX 0x00
#define NODE_PREFIX 0x01

struct es_hash es_merkle_leaf(const void *data, size_t length)
{
    static const unsigned char prefix = LEAF_PREFIX;
    crypto_hash_sha256_state state;
    struct es_hash hash;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, &prefix, sizeof(prefix));
    crypto_hash_sha256_update(&state, data, length);
    crypto_hash_sha256_final(&state, hash.bytes);
    return hash;
}

struct es_hash es_merkle_node(const struct es_hash *left, const struct es_hash *right)
{
    unsigned char input[1 + 2 * ES_HASH_SIZE];
    input[0] = NODE_PREFIX;
    memcpy(input + 1, left->bytes, ES_HASH_SIZE);
    memcpy(input + 1 + ES_HASH_SIZE, right->bytes, ES_HASH_SIZE);
    return es_hash_sha256(input, sizeof(input));
}

struct es_hash es_merkle_empty_root(void)
{
    return es_hash_sha256("", 0);
}

struct es_hash es_merkle_root(const struct es_hash *leaves, size_t count)
{
    struct es_frontier frontier = ES_FRONTIER_EMPTY;
    for (size_t i = 0; i < count; i++) {
        es_frontier_append(&frontier, &leaves[i]);
    }
    return es_frontier_root(&frontier);
}

/* One step of both procedures: is the next hash of the proof the left sibling? If so, and the
 * position is even, the position skips the levels in which it has no sibling. */
static bool sibling_is_left(uint64_t *fn, uint64_t *sn)
{
    if ((*fn & 1) == 0 && *fn != *sn) {
        return false;
    }
    while ((*fn & 1) == 0 && *fn != 0) {
        *fn >>= 1;
        *sn >>= 1;
    }
    return true;
}

bool es_merkle_check_inclusion(const struct es_hash *leaf, uint64_t index, uint64_t size,
                               const struct es_hash *path, size_t length,
                               const struct es_hash *root)
{
    if (index >= size || size > ES_MERKLE_SIZE_MAX) {
        return false;
    }
    uint64_t fn = index;
    uint64_t sn = size - 1;
    struct es_hash hash = *leaf;
    for (size_t i = 0; i < length; i++) {
        if (sn == 0) {
            return false;
        }
        hash = sibling_is_left(&fn, &sn) ? es_merkle_node(&path[i], &hash)
                                         : es_merkle_node(&hash, &path[i]);
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && es_hash_equal(&hash, root);
}

/* The general case: 0 < SIZE1 < SIZE2 and a proof that is not empty. */
static bool consistency_walk(uint64_t size1, const struct es_hash *root1, uint64_t size2,
                             const struct es_hash *root2, const struct es_hash *proof,
                             size_t length)
{
    uint64_t fn = size1 - 1;
    uint64_t sn = size2 - 1;
    while ((fn & 1) == 1) {
        fn >>= 1;
        sn >>= 1;
    }
    /* A first tree that is complete is itself the first node of the proof (fn = 0 then). */
    size_t used = (size1 & (size1 - 1)) == 0 ? 0 : 1;
    struct es_hash fr = used == 0 ? *root1 : proof[0];
    struct es_hash sr = fr;
    for (size_t i = used; i < length; i++) {
        if (sn == 0) {
            return false;
        }
        if (sibling_is_left(&fn, &sn)) {
            fr = es_merkle_node(&proof[i], &fr);
            sr = es_merkle_node(&proof[i], &sr);
        } else {
            sr = es_merkle_node(&sr, &proof[i]);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && es_hash_equal(&fr, root1) && es_hash_equal(&sr, root2);
}

bool es_merkle_check_consistency(uint64_t size1, const struct es_hash *root1, uint64_t size2,
                                 const struct es_hash *root2, const struct es_hash *proof,
                                 size_t length)
{
    if (size1 > size2 || size2 > ES_MERKLE_SIZE_MAX) {
        return false;
    }
    if (size1 == size2) {
        return length == 0 && es_hash_equal(root1, root2);
    }
    if (size1 == 0) {
        struct es_hash empty = es_merkle_empty_root();
        return length == 0 && es_hash_equal(root1, &empty);
    }
    return length > 0 && consistency_walk(size1, root1, size2, root2, proof, length);
}
