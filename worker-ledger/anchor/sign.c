#include "worker-ledger/anchor/sign.h"

#include "common/base/backoff.h"
#include "common/daemon/fault.h"
#include "common/observe/log.h"
#include "worker-ledger/chain/fee.h"
#include "worker-ledger/db/refusals.h"
#include "worker-ledger/db/transactions.h"
#include "worker-ledger/wallet/choose.h"

#include <string.h>

#define SINGLES_MAX 64 /* coins looked at to find one that suffices */
#define SEVERAL_MAX 64 /* coins put together when none does */
#define RAISES_MAX  64 /* tries to make bytes that are new */
#define RAISE_PART  20 /* by a twentieth each */

#define SPLIT_BASE_MS 1000 /* pause after a split that was refused */
#define SPLIT_CAP_MS  (3600 * 1000)

struct signing {
    const struct es_sign_policy *policy;
    struct es_arena *arena;
    int64_t checkpoint_id;
    struct es_checkpoint checkpoint;
    enum es_sign_outcome outcome;
};

static struct es_coin *plain_coins(struct es_arena *arena, const struct es_coin_row *rows,
                                   size_t count)
{
    struct es_coin *coins = es_arena_alloc(arena, count * sizeof(*coins));
    for (size_t i = 0; i < count; i++) {
        coins[i] = rows[i].coin;
    }
    return coins;
}

/* Satoshis that a transaction as REQUEST asks for may cost. */
static uint64_t fee_cap_of(const struct es_sign_policy *policy,
                           const struct es_build_request *request)
{
    uint64_t cap = 0;
    uint64_t size = es_fee_estimate_size(request->coin_count, request->split_count + 1,
                                         request->commitment != NULL);
    return es_fee_for_size(size, (uint64_t)policy->cap, &cap) ? cap : UINT64_MAX;
}

static enum es_sign_outcome outcome_of(enum es_build_result built)
{
    switch (built) {
    case ES_BUILD_OK:
        return ES_SIGN_SIGNED;
    case ES_BUILD_ABOVE_CAP:
        return ES_SIGN_ABOVE_CAP;
    case ES_BUILD_BAD_COINS:
    case ES_BUILD_TOO_MANY:
    case ES_BUILD_OVERFLOW:
    case ES_BUILD_DUST:
    case ES_BUILD_INSUFFICIENT:
    case ES_BUILD_NO_OUTPUT:
    case ES_BUILD_SIGNING:
        break;
    }
    return ES_SIGN_NO_COINS;
}

/* Build bytes that were never ours. ES_SIGN_SIGNED when RET_BUILT is set. A coin too small for
 * change gives the same bytes at any rate that it can pay. */
static enum es_db_result build_new(struct es_db *db, struct es_arena *arena,
                                   const struct es_sign_policy *policy,
                                   struct es_build_request *request, struct es_built *ret_built,
                                   enum es_sign_outcome *ret_outcome)
{
    request->fee_rate = (uint64_t)policy->rate;
    request->fee_cap = fee_cap_of(policy, request);
    for (int tries = 0; tries < RAISES_MAX; tries++) {
        bool known = false;
        enum es_build_result built = es_build(arena, request, ret_built);
        if (es_bug_on(built == ES_BUILD_SIGNING, "a signature of ours does not verify")) {
            return ES_DB_BUG;
        }
        if (built != ES_BUILD_OK) {
            *ret_outcome = tries > 0 ? ES_SIGN_KNOWN : outcome_of(built);
            return ES_DB_OK;
        }
        enum es_db_result result = es_transactions_known(db, &ret_built->txid, &known);
        if (result != ES_DB_OK || !known) {
            *ret_outcome = ES_SIGN_SIGNED;
            return result;
        }
        request->fee_rate += request->fee_rate / RAISE_PART + 1;
    }
    *ret_outcome = ES_SIGN_KNOWN;
    return ES_DB_OK;
}

/* A checkpoint waits in its row after a refusal. A split has none, and would come with each poll.
 */
static enum es_db_result is_split_early(struct es_db *db, bool *ret_early)
{
    int64_t refused = 0;
    int64_t ago_ms = 0;
    enum es_db_result result = es_refusals_splits(db, &refused, &ago_ms);
    *ret_early =
        refused > 0 && ago_ms < es_backoff_ms(SPLIT_BASE_MS, SPLIT_CAP_MS, (unsigned)refused);
    return result;
}

enum es_db_result es_sign_store(struct es_db *db, struct es_arena *arena,
                                const struct es_sign_policy *policy, int64_t checkpoint_id,
                                struct es_build_request *request, const struct es_coin_row *coins,
                                enum es_sign_outcome *ret_outcome)
{
    struct es_built built;
    int64_t id = 0;
    bool early = false;
    enum es_db_result result = checkpoint_id == 0 ? is_split_early(db, &early) : ES_DB_OK;
    if (result != ES_DB_OK || early) {
        *ret_outcome = ES_SIGN_IDLE;
        return result;
    }
    result = build_new(db, arena, policy, request, &built, ret_outcome);
    if (result != ES_DB_OK || *ret_outcome != ES_SIGN_SIGNED) {
        return result;
    }
    struct es_payload payload = {
        .txid = built.txid, .raw = built.raw, .raw_length = built.raw_length};
    result = es_transactions_add(db, checkpoint_id, &payload, (int64_t)built.fee, &id);
    if (result == ES_DB_OK) {
        result = es_coins_reserve(db, id, coins, request->coin_count);
    }
    if (result == ES_DB_OK && built.change_count > 0) {
        result = es_coins_add_change(db, id, built.change, built.change_count);
    }
    return result;
}

/* Sign for the checkpoint with COINS; the outcome is in SIGNING. */
static enum es_db_result sign_with(struct es_db *db, struct signing *signing,
                                   const struct es_coin_row *coins, size_t count)
{
    struct es_build_request request = {
        .key = signing->policy->key,
        .coins = plain_coins(signing->arena, coins, count),
        .coin_count = count,
        .commitment = &signing->checkpoint,
    };
    return es_sign_store(db, signing->arena, signing->policy, signing->checkpoint_id, &request,
                         coins, &signing->outcome);
}

static enum es_db_result is_shallow(struct es_db *db, const struct signing *signing,
                                    const struct es_coin_row *coin, bool *ret_shallow)
{
    int64_t depth = 0;
    enum es_db_result result = es_coins_depth(db, coin, signing->policy->depth, &depth);
    *ret_shallow = result == ES_DB_OK && depth < signing->policy->depth;
    return result;
}

static bool wants_others(const struct signing *signing)
{
    return signing->outcome == ES_SIGN_NO_COINS || signing->outcome == ES_SIGN_KNOWN;
}

/* The smallest coin that suffices and does not lengthen a chain beyond the limit. */
static enum es_db_result try_singles(struct es_db *db, struct signing *signing)
{
    struct es_coin_row *coins = NULL;
    size_t count = 0;
    int64_t least = es_choose_least(1, signing->policy->rate);
    enum es_db_result result =
        es_coins_free(db, signing->arena, least, SINGLES_MAX, &coins, &count);
    for (size_t i = 0; i < count && result == ES_DB_OK && wants_others(signing); i++) {
        bool shallow = false;
        result = is_shallow(db, signing, &coins[i], &shallow);
        if (shallow) {
            result = sign_with(db, signing, &coins[i], 1);
        }
    }
    return result;
}

/* The largest coins, as few of them as suffice. */
static enum es_db_result try_several(struct es_db *db, struct signing *signing)
{
    struct es_coin_row *coins = NULL;
    size_t count = 0;
    size_t kept = 0;
    enum es_db_result result = es_coins_largest(db, signing->arena, SEVERAL_MAX, &coins, &count);
    for (size_t i = 0; i < count && result == ES_DB_OK; i++) {
        bool shallow = false;
        result = is_shallow(db, signing, &coins[i], &shallow);
        if (shallow) {
            coins[kept++] = coins[i];
        }
    }
    if (result != ES_DB_OK) {
        return result;
    }
    size_t taken = es_choose_several(coins, kept, signing->policy->rate);
    for (; taken > 0 && taken <= kept && result == ES_DB_OK && wants_others(signing); taken++) {
        result = sign_with(db, signing, coins, taken);
    }
    return result;
}

static enum es_db_result sign_for(struct es_db *db, struct signing *signing)
{
    signing->outcome = ES_SIGN_NO_COINS;
    enum es_db_result result = try_singles(db, signing);
    if (result == ES_DB_OK && wants_others(signing)) {
        result = try_several(db, signing);
    }
    if (result != ES_DB_OK) {
        return result;
    }
    if (signing->outcome == ES_SIGN_SIGNED) {
        return es_checkpoints_signed(db, signing->checkpoint_id);
    }
    signing->outcome = signing->outcome == ES_SIGN_KNOWN ? ES_SIGN_NO_COINS : signing->outcome;
    return es_checkpoints_postpone(db, signing->checkpoint_id);
}

static void set_checkpoint(struct signing *signing, const struct es_checkpoint_row *row)
{
    size_t length = strlen(signing->policy->origin); /* valid, so it fits */
    signing->checkpoint_id = row->id;
    signing->checkpoint = (struct es_checkpoint){.size = (uint64_t)row->size, .root = row->root};
    memcpy(signing->checkpoint.origin, signing->policy->origin, length + 1);
}

static enum es_db_result sign_body(struct es_db *db, void *context)
{
    struct signing *signing = context;
    struct es_checkpoint_row row;
    es_arena_reset(signing->arena);
    signing->outcome = ES_SIGN_IDLE;
    enum es_db_result result = es_coins_lock(db);
    if (result == ES_DB_OK) {
        result = es_checkpoints_next(db, &row);
    }
    if (result != ES_DB_OK) {
        return result == ES_DB_NO_ROW ? ES_DB_OK : result; /* another process was faster */
    }
    set_checkpoint(signing, &row);
    result = sign_for(db, signing);
    if (result == ES_DB_OK && signing->outcome == ES_SIGN_SIGNED) {
        es_fault_point("ledger.sign_before_commit");
    }
    return result;
}

enum es_db_result es_sign_next(struct es_db *db, const struct es_sign_policy *policy,
                               enum es_sign_outcome *ret_outcome)
{
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct signing signing = {.policy = policy, .arena = arena};
    struct es_checkpoint_row next;
    enum es_db_result result = es_checkpoints_next(db, &next);
    *ret_outcome = ES_SIGN_IDLE;
    if (result != ES_DB_OK) {
        return result == ES_DB_NO_ROW ? ES_DB_OK : result;
    }
    if (policy->rate > policy->cap) {
        *ret_outcome = ES_SIGN_ABOVE_CAP;
        return ES_DB_OK;
    }
    result = es_db_transaction(db, "sign", sign_body, &signing);
    if (result != ES_DB_OK) {
        return result;
    }
    if (signing.outcome == ES_SIGN_SIGNED) {
        es_fault_point("ledger.after_sign");
    }
    *ret_outcome = signing.outcome;
    return ES_DB_OK;
}
