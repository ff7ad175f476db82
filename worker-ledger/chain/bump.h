/*
 * BUMP (BRC-74): the Merkle path format in which broadcasters say which block holds a transaction.
 *
 *     varint block height, u8 levels, then for each level from the transactions upward:
 *     varint count, count times { varint offset, u8 flags, hash unless duplicate }
 *
 * flags: 0x01 duplicate of the left neighbour, 0x02 one of the proven transactions. A BUMP may hold
 * paths of several transactions, in any order and with nodes left out that can be computed; what
 * Eldersafe stores and puts into receipts is the path of one (block-path.h).
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/tlog/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ES_BUMP_SIZE_MAX   ((size_t)64 * 1024)
#define ES_BUMP_LEVELS_MAX 63
#define ES_BUMP_HEIGHT_MAX UINT32_MAX

struct es_bump_node {
    uint64_t offset;
    bool duplicate; /* no hash: a copy of the node at OFFSET - 1 */
    bool is_txid;
    struct es_hash hash; /* internal order */
};

struct es_bump_level {
    struct es_bump_node *nodes;
    size_t count;
};

struct es_bump {
    uint64_t height;
    size_t level_count;
    struct es_bump_level levels[ES_BUMP_LEVELS_MAX];
};

/*
 * Parse exactly LENGTH bytes (at most ES_BUMP_SIZE_MAX). Shortest varints, known flags, offsets
 * that exist on their level and do not repeat, duplicates only on the right; level 0 is not empty.
 * Nodes come from ARENA. Writing the result gives the same bytes again.
 */
bool es_bump_parse(struct es_arena *arena, const void *bytes, size_t length,
                   struct es_bump *ret_bump) ES_MUST_CHECK;

void es_bump_write(const struct es_bump *bump, struct es_buf *out);

/* The node of BUMP at LEVEL and OFFSET as it is given, or NULL. */
const struct es_bump_node *es_bump_find(const struct es_bump *bump, size_t level, uint64_t offset);
