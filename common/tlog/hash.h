/*
 * A 32-byte hash as a value: assigned, compared and passed without pointer arithmetic.
 *
 * Used for log nodes (SHA-256) and, by worker-ledger/chain, for transaction and block ids. Ids of
 * the chain are kept in the order in which they are hashed ("internal"); people see them reversed.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/base/reader.h"

#include <stdbool.h>
#include <stddef.h>

#define ES_HASH_SIZE 32

struct es_hash {
    unsigned char bytes[ES_HASH_SIZE];
};

struct es_hash es_hash_sha256(const void *bytes, size_t length);

/* The hash held by the ES_HASH_SIZE bytes at BYTES (a database field, for example). */
struct es_hash es_hash_from_bytes(const void *bytes);

/* The next ES_HASH_SIZE bytes of READER; all zero once READER has failed. */
struct es_hash es_hash_read(struct es_reader *reader);

/* Hashes are public, so the comparison need not take constant time. */
bool es_hash_equal(const struct es_hash *a, const struct es_hash *b);

/* The same bytes in the other order: internal to display order, and back. */
struct es_hash es_hash_reversed(const struct es_hash *hash);
