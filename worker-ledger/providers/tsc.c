#include "worker-ledger/providers/tsc.h"

#include "worker-ledger/chain/bump.h"
#include "worker-ledger/providers/json.h"

static bool read_nodes(struct es_arena *arena, const json_t *nodes, struct es_tsc_proof *proof)
{
    proof->node_count = json_array_size(nodes);
    if (!json_is_array(nodes) || proof->node_count > ES_BUMP_LEVELS_MAX) {
        return false;
    }
    proof->nodes = es_arena_alloc(arena, (proof->node_count + 1) * sizeof(*proof->nodes));
    for (size_t i = 0; i < proof->node_count; i++) {
        const char *text = json_string_value(json_array_get(nodes, i));
        if (text == NULL) {
            return false;
        }
        proof->nodes[i] = es_arena_strdup(arena, text);
    }
    return true;
}

bool es_tsc_read(struct es_arena *arena, const json_t *proof, const struct es_hash *txid,
                 struct es_tsc_proof *ret_proof)
{
    int64_t index = 0;
    struct es_tsc_proof read;
    if (!es_provider_json_is_id(proof, "txOrId", txid) ||
        !es_provider_json_id(proof, "target", &read.block_hash) ||
        !es_provider_json_int(proof, "index", &index) || index < 0 ||
        !read_nodes(arena, json_object_get(proof, "nodes"), &read)) {
        return false;
    }
    read.index = (uint64_t)index;
    *ret_proof = read;
    return true;
}
