#include "worker-ledger/anchor/sign.h"

#include "common/daemon/fault.h"
#include "common/observe/log.h"
#include "worker-ledger/chain/fee.h"
#include "worker-ledger/db/transactions.h"
#include "worker-ledger/wallet/choose.h"

#include <string.h>

#define SINGLES_MAX 64 /* coins looked at to find one that suffices */
#define SEVERAL_MAX 64 /* coins put together when none does */
#define RAISES_MAX  64 /* tries to make bytes that are new */
#define RAISE_PART  20 /* by a twentieth each */

struct signing {
    const struct es_sign_policy *policy;
    struct es_arena *arena;
    enum es_sign_outcome outcome;
};

struct chosen {
    struct es_coin_row *coins;
    size_t count;
};

/* The smallest coin that suffices and does not lengthen a chain beyond the limit. */
static enum es_db_result choose_single(struct es_db *db, struct signing *signing,
                                       struct chosen *ret_chosen)
{
    struct es_coin_row *coins = NULL;
    size_t count = 0;
    int64_t least = es_choose_least(1, signing->policy->rate);
    enum es_db_result result =
        es_coins_free(db, signing->arena, least, SINGLES_MAX, &coins, &count);
    for (size_t i = 0; i < count && result == ES_DB_OK; i++) {
        int64_t depth = 0;
        result = es_coins_depth(db, &coins[i], signing->policy->depth, &depth);
        if (result == ES_DB_OK && depth < signing->policy->depth) {
            *ret_chosen = (struct chosen){.coins = &coins[i], .count = 1};
            return ES_DB_OK;
        }
    }
    return result;
}

static enum es_db_result choose_several(struct es_db *db, struct signing *signing,
                                        struct chosen *ret_chosen)
{
    struct es_coin_row *coins = NULL;
    size_t count = 0;
    size_t kept = 0;
    enum es_db_result result = es_coins_largest(db, signing->arena, SEVERAL_MAX, &coins, &count);
    for (size_t i = 0; i < count && result == ES_DB_OK; i++) {
        int64_t depth = 0;
        result = es_coins_depth(db, &coins[i], signing->policy->depth, &depth);
        if (result == ES_DB_OK && depth < signing->policy->depth) {
            coins[kept++] = coins[i];
        }
    }
    if (result == ES_DB_OK) {
        ret_chosen->coins = coins;
        ret_chosen->count = es_choose_several(coins, kept, signing->policy->rate);
    }
    return result;
}

/* RET_CHOSEN->count is 0 when nothing suffices. */
static enum es_db_result choose(struct es_db *db, struct signing *signing,
                                struct chosen *ret_chosen)
{
    *ret_chosen = (struct chosen){0};
    enum es_db_result result = choose_single(db, signing, ret_chosen);
    if (result == ES_DB_OK && ret_chosen->count == 0) {
        result = choose_several(db, signing, ret_chosen);
    }
    return result;
}

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

/* Build bytes that were never ours. ES_SIGN_SIGNED when RET_BUILT is set. */
static enum es_db_result build_new(struct es_db *db, struct es_arena *arena,
                                   const struct es_sign_policy *policy,
                                   struct es_build_request *request, struct es_built *ret_built,
                                   enum es_sign_outcome *ret_outcome)
{
    bool known = true;
    request->fee_rate = (uint64_t)policy->rate;
    request->fee_cap = fee_cap_of(policy, request);
    for (int tries = 0; known && tries < RAISES_MAX; tries++) {
        enum es_build_result built = es_build(arena, request, ret_built);
        *ret_outcome = outcome_of(built);
        if (es_bug_on(built == ES_BUILD_SIGNING, "a signature of ours does not verify")) {
            return ES_DB_BUG;
        }
        if (built != ES_BUILD_OK) {
            return ES_DB_OK;
        }
        enum es_db_result result = es_transactions_known(db, &ret_built->txid, &known);
        if (result != ES_DB_OK) {
            return result;
        }
        request->fee_rate += request->fee_rate / RAISE_PART + 1;
    }
    if (known) {
        *ret_outcome = ES_SIGN_NO_COINS; /* another coin is needed to make a difference */
    }
    return ES_DB_OK;
}

enum es_db_result es_sign_store(struct es_db *db, struct es_arena *arena,
                                const struct es_sign_policy *policy, int64_t checkpoint_id,
                                struct es_build_request *request, const struct es_coin_row *coins,
                                enum es_sign_outcome *ret_outcome)
{
    struct es_built built;
    int64_t id = 0;
    enum es_db_result result = build_new(db, arena, policy, request, &built, ret_outcome);
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

static enum es_db_result sign_for(struct es_db *db, struct signing *signing,
                                  const struct es_checkpoint_row *row)
{
    struct chosen chosen;
    struct es_checkpoint checkpoint = {.size = (uint64_t)row->size, .root = row->root};
    size_t length = strlen(signing->policy->origin); /* valid, so it fits */
    memcpy(checkpoint.origin, signing->policy->origin, length + 1);
    enum es_db_result result = choose(db, signing, &chosen);
    if (result != ES_DB_OK || chosen.count == 0) {
        signing->outcome = ES_SIGN_NO_COINS;
        return result;
    }
    struct es_build_request request = {
        .key = signing->policy->key,
        .coins = plain_coins(signing->arena, chosen.coins, chosen.count),
        .coin_count = chosen.count,
        .commitment = &checkpoint,
    };
    result = es_sign_store(db, signing->arena, signing->policy, row->id, &request, chosen.coins,
                           &signing->outcome);
    if (result == ES_DB_OK && signing->outcome == ES_SIGN_SIGNED) {
        result = es_checkpoints_signed(db, row->id);
    }
    return result;
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
    result = sign_for(db, signing, &row);
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
