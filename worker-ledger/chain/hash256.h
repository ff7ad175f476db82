/*
 * SHA-256 twice: transaction ids, block ids and the nodes of a block's Merkle tree.
 *
 * Inside the program ids are kept in the order in which they are hashed; as text they are shown
 * with the bytes reversed, as every explorer does.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/tlog/hash.h"

#include <stdbool.h>
#include <stddef.h>

struct es_hash es_hash256(const void *bytes, size_t length);

/* Node of a block's Merkle tree. */
struct es_hash es_hash256_pair(const struct es_hash *left, const struct es_hash *right);

/* 64 lower-case hexadecimal digits and a NUL, bytes reversed. */
#define ES_HASH256_TEXT_SIZE 65
void es_hash256_format(const struct es_hash *hash, char ret_text[ES_HASH256_TEXT_SIZE]);

/* From exactly 64 hexadecimal digits, bytes reversed. */
bool es_hash256_parse(const char *text, struct es_hash *ret_hash) ES_MUST_CHECK;
