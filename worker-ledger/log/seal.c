#include "worker-ledger/log/seal.h"

#include "common/daemon/fault.h"
#include "common/observe/log.h"
#include "common/tlog/checkpoint.h"
#include "common/tlog/tile-proof.h"
#include "worker-ledger/log/edge.h"

#include <sodium.h>
#include <string.h>

#define REPEATED_AT_ONCE 1000

struct sealing {
    const struct es_seal_policy *policy;
    struct es_arena *arena;
    bool *damaged;
    struct es_sealed sealed;
};

bool es_seal_due(const struct es_seal_policy *policy, const struct es_log_waiting *waiting)
{
    return waiting->leaves >= policy->max ||
           (waiting->leaves > 0 && waiting->since_sealed_ms >= policy->interval_ms);
}

/* Before the tree grows, its tiles must still give the root that was signed last: a tile that was
 * damaged since would otherwise be signed into a checkpoint that contradicts the one before, and
 * nobody could ever prove consistency again. Sealing stops until the tiles are repaired; that is
 * said once, not in every round. */
static enum es_db_result check_tiles(struct es_db *db, const struct es_tile_store *store,
                                     int64_t size, bool *damaged)
{
    struct es_hash signed_root;
    struct es_hash tiles_root;
    if (size == 0) {
        return ES_DB_OK;
    }
    enum es_db_result result = es_log_root(db, size, &signed_root);
    if (result != ES_DB_OK && result != ES_DB_NO_ROW) {
        return result;
    }
    bool fits = result == ES_DB_OK &&
                es_tile_root(store, (uint64_t)size, &tiles_root) == ES_TILE_OK &&
                es_hash_equal(&signed_root, &tiles_root);
    if (!fits && !*damaged) {
        es_log(ES_LOG_BROKEN, "ledger.log_damaged", es_f_int("size", size));
    }
    *damaged = !fits;
    return fits ? ES_DB_OK : ES_DB_BUG;
}

/* The tiles in the database and the size in the log's row belong together: if they do not, somebody
 * else has written there, and going on would sign a wrong root. */
static enum es_db_result grow_tree(struct es_db *db, const struct sealing *sealing, int64_t size,
                                   const struct es_hash *leaves, size_t count,
                                   struct es_hash *ret_root)
{
    struct es_edge edge;
    enum es_db_result result = es_edge_load(db, sealing->arena, (uint64_t)size, &edge);
    if (result != ES_DB_OK) {
        return result;
    }
    struct es_tile_store store = es_edge_store(&edge);
    result = check_tiles(db, &store, size, sealing->damaged);
    if (result != ES_DB_OK) {
        return result;
    }
    enum es_tile_result grown = es_tile_append(&store, (uint64_t)size, leaves, count);
    if (grown == ES_TILE_OK) {
        grown = es_tile_root(&store, (uint64_t)size + count, ret_root);
    }
    if (es_bug_on(grown != ES_TILE_OK, "the log's tiles do not fit its size")) {
        return ES_DB_BUG;
    }
    return es_log_put_tiles(db, edge.written, edge.written_count);
}

static enum es_db_result add_checkpoint(struct es_db *db, struct sealing *sealing, int64_t size,
                                        size_t count, const struct es_hash *root)
{
    ES_CLEANUP(es_buf_done) struct es_buf note = ES_BUF_INIT;
    struct es_checkpoint checkpoint = {.size = (uint64_t)size + count, .root = *root};
    size_t length = strlen(sealing->policy->origin); /* valid, so it fits */
    memcpy(checkpoint.origin, sealing->policy->origin, length + 1);
    if (es_bug_on(!es_checkpoint_sign(&checkpoint, sealing->policy->secret_key, &note),
                  "the log's origin is no key name")) {
        return ES_DB_BUG;
    }
    sealing->sealed.first_index = size;
    sealing->sealed.size = size + (int64_t)count;
    return es_log_add_checkpoint(db, size, sealing->sealed.size, root, es_buf_str(&note),
                                 &sealing->sealed.checkpoint_id);
}

static enum es_db_result seal_body(struct es_db *db, void *context)
{
    struct sealing *sealing = context;
    const struct es_hash *leaves = NULL;
    size_t count = 0;
    int64_t size = 0;
    struct es_log_waiting waiting = {0};
    struct es_hash root;
    sealing->sealed = (struct es_sealed){0};
    es_arena_reset(sealing->arena);
    enum es_db_result result = es_log_lock(db, &size);
    if (result == ES_DB_OK) {
        result = es_log_waiting(db, sealing->policy->max, &waiting);
    }
    if (result != ES_DB_OK || !es_seal_due(sealing->policy, &waiting)) {
        return result;
    }
    result = es_log_take(db, sealing->arena, size, sealing->policy->max, &leaves, &count);
    if (result != ES_DB_OK || count == 0) {
        return result;
    }
    result = grow_tree(db, sealing, size, leaves, count, &root);
    if (result == ES_DB_OK) {
        result = add_checkpoint(db, sealing, size, count, &root);
    }
    if (result == ES_DB_OK) {
        es_fault_point("ledger.seal_before_commit");
    }
    return result;
}

/* A tier may put a leaf under an id that the log has: the entry stands, and the line is all that is
 * kept of the other one, for it must not hold up everybody else's. */
static enum es_db_result drop_repeated(struct es_db *db, struct es_arena *arena)
{
    struct es_repeated_leaf *leaves = NULL;
    size_t count = 0;
    enum es_db_result result = es_log_drop_repeated(db, arena, REPEATED_AT_ONCE, &leaves, &count);
    for (size_t i = 0; result == ES_DB_OK && i < count; i++) {
        char hash[2 * ES_HASH_SIZE + 1];
        (void)sodium_bin2hex(hash, sizeof(hash), leaves[i].hash.bytes, ES_HASH_SIZE);
        es_log(ES_LOG_BROKEN, "ledger.leaf_repeated", es_f_int("leaf", leaves[i].id),
               es_f_text("hash", hash));
    }
    return result == ES_DB_OK && count == 0 ? ES_DB_UNIQUE : result;
}

enum es_db_result es_seal_leaves(struct es_db *db, struct es_arena *arena,
                                 const struct es_seal_policy *policy, bool *damaged,
                                 struct es_sealed *ret_sealed)
{
    struct sealing sealing = {.policy = policy, .arena = arena, .damaged = damaged};
    enum es_db_result result = es_db_transaction(db, "seal", seal_body, &sealing);
    if (result == ES_DB_UNIQUE) {
        sealing.sealed = (struct es_sealed){0};
        result = drop_repeated(db, arena);
    }
    es_arena_reset(arena); /* a large batch leaves tens of megabytes */
    if (result == ES_DB_OK) {
        if (sealing.sealed.checkpoint_id != 0) {
            es_fault_point("ledger.seal_after_commit");
        }
        *ret_sealed = sealing.sealed;
    }
    return result;
}
