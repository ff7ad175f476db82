#include "common/tlog/hash.h"

#include <sodium.h>
#include <string.h>

struct es_hash es_hash_sha256(const void *bytes, size_t length)
{
    struct es_hash hash;
    crypto_hash_sha256(hash.bytes, bytes, length);
    return hash;
}

struct es_hash es_hash_from_bytes(const void *bytes)
{
    struct es_hash hash;
    memcpy(hash.bytes, bytes, sizeof(hash.bytes));
    return hash;
}

struct es_hash es_hash_read(struct es_reader *reader)
{
    const unsigned char *bytes = es_reader_bytes(reader, ES_HASH_SIZE);
    return bytes != NULL ? es_hash_from_bytes(bytes) : (struct es_hash){{0}};
}

bool es_hash_equal(const struct es_hash *a, const struct es_hash *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

struct es_hash es_hash_reversed(const struct es_hash *hash)
{
    struct es_hash reversed;
    for (size_t i = 0; i < ES_HASH_SIZE; i++) {
        reversed.bytes[i] = hash->bytes[ES_HASH_SIZE - 1 - i];
    }
    return reversed;
}
