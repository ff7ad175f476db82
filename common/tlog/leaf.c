#include "common/tlog/leaf.h"

#include <sodium.h>

struct es_hash es_leaf_hash(const unsigned char salt[ES_LEAF_SALT_SIZE], const void *event,
                            size_t length)
{
    static const unsigned char prefix = 0x00; /* RFC 9162 section 2.1.1: leaves, not nodes */
    crypto_hash_sha256_state state;
    struct es_hash leaf;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, &prefix, sizeof(prefix));
    crypto_hash_sha256_update(&state, salt, ES_LEAF_SALT_SIZE);
    crypto_hash_sha256_update(&state, event, length);
    crypto_hash_sha256_final(&state, leaf.bytes);
    return leaf;
}
