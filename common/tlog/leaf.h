/*
 * Eldersafe leaf v1: what one event (a life signal, a payment, an audit entry) becomes in the log.
 *
 *     leaf = SHA-256(0x00 || salt || event)
 *
 * This is the RFC 9162 leaf hash of salt || event. The salt is 16 random bytes, new for each leaf
 * and never published, so that nobody can guess an event from its leaf, and erasing the salt makes
 * the leaf meaningless. The event is a UTF-8 JSON text and counts byte for byte.
 */
#pragma once

#include "common/tlog/hash.h"

#include <stddef.h>

#define ES_LEAF_SALT_SIZE 16

struct es_hash es_leaf_hash(const unsigned char salt[ES_LEAF_SALT_SIZE], const void *event,
                            size_t length);
