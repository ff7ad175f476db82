#include "worker-ledger/chain/build.h"

#include "worker-ledger/chain/fee.h"
#include "worker-ledger/chain/hash256.h"
#include "worker-ledger/chain/script.h"
#include "worker-ledger/chain/sighash.h"

#include <string.h>

/* What the outputs will be, in satoshis. */
struct plan {
    uint64_t fee;
    uint64_t rest;       /* value of the last change output */
    bool has_rest;       /* whether there is one */
    size_t change_count; /* splits and the rest */
};

static bool coin_repeats(const struct es_build_request *request, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (es_outpoint_equal(&request->coins[i].outpoint, &request->coins[at].outpoint)) {
            return true;
        }
    }
    return false;
}

static enum es_build_result add_up_coins(const struct es_build_request *request,
                                         uint64_t *ret_total)
{
    uint64_t total = 0;
    if (request->coin_count == 0 || request->coin_count > ES_BUILD_COINS_MAX) {
        return ES_BUILD_BAD_COINS;
    }
    for (size_t i = 0; i < request->coin_count; i++) {
        if (coin_repeats(request, i) || request->coins[i].satoshis > ES_TX_SATOSHIS_MAX - total) {
            return ES_BUILD_BAD_COINS;
        }
        total += request->coins[i].satoshis;
    }
    *ret_total = total;
    return ES_BUILD_OK;
}

static enum es_build_result add_up_splits(const struct es_build_request *request,
                                          uint64_t *ret_total)
{
    if (request->split_count > ES_BUILD_SPLITS_MAX) {
        return ES_BUILD_TOO_MANY;
    }
    if (request->split_count > 0 && request->split_satoshis < ES_FEE_DUST) {
        return ES_BUILD_DUST;
    }
    return __builtin_mul_overflow((uint64_t)request->split_count, request->split_satoshis,
                                  ret_total)
               ? ES_BUILD_OVERFLOW
               : ES_BUILD_OK;
}

static bool fee_with_outputs(const struct es_build_request *request, size_t outputs,
                             uint64_t *ret_fee)
{
    uint64_t size = es_fee_estimate_size(request->coin_count, outputs, request->commitment != NULL);
    return es_fee_for_size(size, request->fee_rate, ret_fee);
}

/* Decide on fee and rest: with a change output if it holds more than dust, else without. */
static enum es_build_result make_plan(const struct es_build_request *request, struct plan *ret_plan)
{
    uint64_t coins = 0;
    uint64_t splits = 0;
    uint64_t fee = 0;
    uint64_t fee_with_rest = 0;
    enum es_build_result result = add_up_coins(request, &coins);
    if (result == ES_BUILD_OK) {
        result = add_up_splits(request, &splits);
    }
    if (result != ES_BUILD_OK) {
        return result;
    }
    if (!fee_with_outputs(request, request->split_count, &fee) ||
        !fee_with_outputs(request, request->split_count + 1, &fee_with_rest)) {
        return ES_BUILD_OVERFLOW;
    }
    if (splits > coins || fee > coins - splits) {
        return ES_BUILD_INSUFFICIENT;
    }
    uint64_t left = coins - splits;
    struct plan plan = {.fee = left, .change_count = request->split_count};
    if (left >= fee_with_rest && left - fee_with_rest >= ES_FEE_DUST) {
        plan.fee = fee_with_rest;
        plan.rest = left - fee_with_rest;
        plan.has_rest = true;
        plan.change_count++;
    }
    if (plan.fee > request->fee_cap) {
        return ES_BUILD_ABOVE_CAP;
    }
    if (plan.change_count == 0 && request->commitment == NULL) {
        return ES_BUILD_NO_OUTPUT;
    }
    *ret_plan = plan;
    return ES_BUILD_OK;
}

/* The scripts that a build needs, in memory that outlives it. */
static struct es_script keep_script(struct es_arena *arena, const void *bytes, size_t length)
{
    unsigned char *kept = es_arena_alloc(arena, length);
    memcpy(kept, bytes, length);
    return (struct es_script){.bytes = kept, .length = length};
}

static struct es_script own_lock(struct es_arena *arena, const struct es_key *key)
{
    unsigned char script[ES_SCRIPT_P2PKH_SIZE];
    es_script_p2pkh(es_key_hash(key), script);
    return keep_script(arena, script, sizeof(script));
}

static struct es_script commitment_script(struct es_arena *arena,
                                          const struct es_checkpoint *checkpoint)
{
    ES_CLEANUP(es_buf_done) struct es_buf script = ES_BUF_INIT;
    struct es_commitment commitment = es_commitment_of(checkpoint);
    es_script_commitment(&commitment, &script);
    return keep_script(arena, script.data, script.length);
}

static struct es_tx unsigned_tx(struct es_arena *arena, const struct es_build_request *request,
                                const struct plan *plan, const struct es_script *lock)
{
    struct es_tx tx = {.version = 1, .input_count = request->coin_count};
    size_t commitments = request->commitment != NULL ? 1 : 0;
    tx.inputs = es_arena_alloc(arena, tx.input_count * sizeof(*tx.inputs));
    for (size_t i = 0; i < tx.input_count; i++) {
        tx.inputs[i] = (struct es_tx_input){.previous = request->coins[i].outpoint,
                                            .sequence = ES_TX_SEQUENCE_FINAL};
    }
    tx.outputs = es_arena_alloc(arena, (commitments + plan->change_count) * sizeof(*tx.outputs));
    if (request->commitment != NULL) {
        tx.outputs[tx.output_count++] =
            (struct es_tx_output){.lock = commitment_script(arena, request->commitment)};
    }
    for (size_t i = 0; i < request->split_count; i++) {
        tx.outputs[tx.output_count++] =
            (struct es_tx_output){.satoshis = request->split_satoshis, .lock = *lock};
    }
    if (plan->has_rest) {
        tx.outputs[tx.output_count++] =
            (struct es_tx_output){.satoshis = plan->rest, .lock = *lock};
    }
    return tx;
}

static bool sign_inputs(struct es_arena *arena, const struct es_build_request *request,
                        const struct es_script *lock, struct es_tx *tx)
{
    struct es_sighash_parts parts = es_sighash_parts_of(tx);
    for (size_t i = 0; i < tx->input_count; i++) {
        ES_CLEANUP(es_buf_done) struct es_buf unlock = ES_BUF_INIT;
        unsigned char signature[ES_SIGNATURE_SIZE_MAX];
        size_t length = 0;
        struct es_hash digest = es_sighash(tx, &parts, i, lock, request->coins[i].satoshis);
        if (!es_key_sign(request->key, &digest, signature, &length)) {
            return false;
        }
        es_script_unlock_p2pkh(signature, length, es_key_public(request->key), &unlock);
        tx->inputs[i].unlock = keep_script(arena, unlock.data, unlock.length);
    }
    return true;
}

/* The change outputs are the last ones of the transaction, and coins from now on. */
static const struct es_coin *new_coins(struct es_arena *arena, const struct es_tx *tx,
                                       const struct es_hash *txid, size_t count)
{
    struct es_coin *coins = es_arena_alloc(arena, count * sizeof(*coins));
    size_t first = tx->output_count - count;
    for (size_t i = 0; i < count; i++) {
        coins[i].outpoint = (struct es_outpoint){.txid = *txid, .vout = (uint32_t)(first + i)};
        coins[i].satoshis = tx->outputs[first + i].satoshis;
    }
    return coins;
}

enum es_build_result es_build(struct es_arena *arena, const struct es_build_request *request,
                              struct es_built *ret_built)
{
    struct plan plan;
    enum es_build_result result = make_plan(request, &plan);
    if (result != ES_BUILD_OK) {
        return result;
    }
    struct es_script lock = own_lock(arena, request->key);
    struct es_tx tx = unsigned_tx(arena, request, &plan, &lock);
    if (!sign_inputs(arena, request, &lock, &tx)) {
        return ES_BUILD_SIGNING;
    }
    ES_CLEANUP(es_buf_done) struct es_buf raw = ES_BUF_INIT;
    es_tx_write(&tx, &raw);
    struct es_script kept = keep_script(arena, raw.data, raw.length);
    struct es_hash txid = es_hash256(raw.data, raw.length);
    *ret_built = (struct es_built){
        .raw = kept.bytes,
        .raw_length = kept.length,
        .txid = txid,
        .fee = plan.fee,
        .change = new_coins(arena, &tx, &txid, plan.change_count),
        .change_count = plan.change_count,
    };
    return ES_BUILD_OK;
}
