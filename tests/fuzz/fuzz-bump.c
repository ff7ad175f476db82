/* Bytes that are taken for a BUMP are written back as they were, and a path taken out of one is,
 * as a BUMP of its own, read back as the same path with the same root. */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "worker-ledger/chain/block-path.h"
#include "worker-ledger/chain/bump.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(struct es_arena *arena, const struct es_bump *bump,
                       const struct es_hash *txid)
{
    ES_CLEANUP(es_buf_done) struct es_buf bytes = ES_BUF_INIT;
    struct es_block_path path;
    struct es_block_path again;
    struct es_bump single;
    struct es_hash root;
    struct es_hash root_again;
    if (!es_block_path_from_bump(bump, txid, &path) || !es_block_path_root(&path, &root)) {
        return;
    }
    es_block_path_write(&path, &bytes);
    if (!es_bump_parse(arena, bytes.data, bytes.length, &single) ||
        !es_block_path_from_bump(&single, txid, &again) || again.index != path.index ||
        !es_block_path_root(&again, &root_again) || !es_hash_equal(&root, &root_again)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    ES_CLEANUP(es_buf_done) struct es_buf again = ES_BUF_INIT;
    struct es_bump bump;
    if (!es_bump_parse(arena, data, size, &bump)) {
        return 0;
    }
    es_bump_write(&bump, &again);
    if (again.length != size || memcmp(again.data, data, size) != 0) {
        abort();
    }
    for (size_t i = 0; i < bump.levels[0].count && i < 8; i++) {
        check_path(arena, &bump, &bump.levels[0].nodes[i].hash);
    }
    return 0;
}
