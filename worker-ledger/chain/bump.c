#include "worker-ledger/chain/bump.h"

#include "common/base/reader.h"
#include "worker-ledger/chain/varint.h"

#define FLAG_DUPLICATE 0x01
#define FLAG_TXID      0x02

/* The least a node takes: offset and flags. It bounds the count before memory is taken. */
#define NODE_SIZE_MIN 2

const struct es_bump_node *es_bump_find(const struct es_bump *bump, size_t level, uint64_t offset)
{
    for (size_t i = 0; i < bump->levels[level].count; i++) {
        if (bump->levels[level].nodes[i].offset == offset) {
            return &bump->levels[level].nodes[i];
        }
    }
    return NULL;
}

static struct es_bump_node read_node(struct es_reader *reader)
{
    struct es_bump_node node = {.offset = es_reader_varint(reader)};
    uint8_t flags = es_reader_u8(reader);
    node.duplicate = flags == FLAG_DUPLICATE;
    node.is_txid = flags == FLAG_TXID;
    if (flags > FLAG_TXID || (node.duplicate && (node.offset & 1) == 0)) {
        reader->failed = true;
    }
    if (!node.duplicate) {
        node.hash = es_hash_read(reader);
    }
    return node;
}

static void read_level(struct es_reader *reader, struct es_arena *arena, struct es_bump *bump,
                       size_t level)
{
    uint64_t count = es_reader_varint(reader);
    uint64_t offsets = (uint64_t)1 << (bump->level_count - level);
    struct es_bump_level *into = &bump->levels[level];
    if (count > es_reader_left(reader) / NODE_SIZE_MIN) {
        reader->failed = true;
        return;
    }
    into->nodes = es_arena_alloc(arena, (size_t)count * sizeof(*into->nodes));
    while (into->count < count && !reader->failed) {
        struct es_bump_node node = read_node(reader);
        if (node.offset >= offsets || (node.is_txid && level > 0) ||
            es_bump_find(bump, level, node.offset) != NULL) {
            reader->failed = true;
        }
        into->nodes[into->count++] = node;
    }
}

bool es_bump_parse(struct es_arena *arena, const void *bytes, size_t length,
                   struct es_bump *ret_bump)
{
    if (length > ES_BUMP_SIZE_MAX) {
        return false;
    }
    struct es_reader reader = es_reader_make(bytes, length);
    struct es_bump bump = {.height = es_reader_varint(&reader)};
    bump.level_count = es_reader_u8(&reader);
    if (bump.height > ES_BUMP_HEIGHT_MAX || bump.level_count == 0 ||
        bump.level_count > ES_BUMP_LEVELS_MAX) {
        return false;
    }
    for (size_t level = 0; level < bump.level_count && !reader.failed; level++) {
        read_level(&reader, arena, &bump, level);
    }
    if (!es_reader_done(&reader) || bump.levels[0].count == 0) {
        return false;
    }
    *ret_bump = bump;
    return true;
}

static void write_node(const struct es_bump_node *node, struct es_buf *out)
{
    es_varint_add(out, node->offset);
    if (node->duplicate) {
        es_buf_add_byte(out, FLAG_DUPLICATE);
        return;
    }
    es_buf_add_byte(out, node->is_txid ? FLAG_TXID : 0);
    es_buf_add(out, node->hash.bytes, sizeof(node->hash.bytes));
}

void es_bump_write(const struct es_bump *bump, struct es_buf *out)
{
    es_varint_add(out, bump->height);
    es_buf_add_byte(out, (unsigned char)bump->level_count);
    for (size_t level = 0; level < bump->level_count; level++) {
        es_varint_add(out, bump->levels[level].count);
        for (size_t i = 0; i < bump->levels[level].count; i++) {
            write_node(&bump->levels[level].nodes[i], out);
        }
    }
}
