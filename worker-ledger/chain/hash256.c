#include "worker-ledger/chain/hash256.h"

#include "common/base/text.h"

#include <sodium.h>
#include <string.h>

struct es_hash es_hash256(const void *bytes, size_t length)
{
    struct es_hash once = es_hash_sha256(bytes, length);
    return es_hash_sha256(once.bytes, sizeof(once.bytes));
}

struct es_hash es_hash256_pair(const struct es_hash *left, const struct es_hash *right)
{
    unsigned char input[2 * ES_HASH_SIZE];
    memcpy(input, left->bytes, ES_HASH_SIZE);
    memcpy(input + ES_HASH_SIZE, right->bytes, ES_HASH_SIZE);
    return es_hash256(input, sizeof(input));
}

void es_hash256_format(const struct es_hash *hash, char ret_text[ES_HASH256_TEXT_SIZE])
{
    struct es_hash shown = es_hash_reversed(hash);
    sodium_bin2hex(ret_text, ES_HASH256_TEXT_SIZE, shown.bytes, sizeof(shown.bytes));
}

bool es_hash256_parse(const char *text, struct es_hash *ret_hash)
{
    struct es_hash shown;
    if (!es_parse_hex(text, shown.bytes, sizeof(shown.bytes))) {
        return false;
    }
    *ret_hash = es_hash_reversed(&shown);
    return true;
}
