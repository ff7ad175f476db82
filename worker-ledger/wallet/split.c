#include "worker-ledger/wallet/split.h"

#include "common/daemon/fault.h"
#include "worker-ledger/wallet/choose.h"

struct splitting {
    const struct es_split_policy *policy;
    struct es_arena *arena;
    enum es_sign_outcome outcome;
};

size_t es_split_count(const struct es_split_policy *policy, const struct es_coin_totals *totals)
{
    if (totals->ready >= policy->ready || totals->unsettled_splits > 0 ||
        policy->sign.rate > policy->sign.cap) {
        return 0;
    }
    return es_choose_splits(totals->largest, policy->value, policy->sign.rate,
                            (size_t)(policy->ready - totals->ready));
}

static enum es_db_result split_body(struct es_db *db, void *context)
{
    struct splitting *splitting = context;
    const struct es_split_policy *policy = splitting->policy;
    struct es_coin_totals totals;
    struct es_coin_row *coins = NULL;
    size_t count = 0;
    int64_t depth = 0;
    es_arena_reset(splitting->arena);
    splitting->outcome = ES_SIGN_IDLE;
    enum es_db_result result = es_coins_lock(db);
    if (result == ES_DB_OK) {
        result = es_coins_totals(db, es_choose_least(1, policy->sign.rate), &totals);
    }
    if (result == ES_DB_OK) {
        result = es_coins_largest(db, splitting->arena, 1, &coins, &count);
    }
    if (result == ES_DB_OK && count > 0) {
        result = es_coins_depth(db, &coins[0], policy->sign.depth, &depth);
    }
    if (result != ES_DB_OK || count == 0 || depth >= policy->sign.depth) {
        return result;
    }
    totals.largest = (int64_t)coins[0].coin.satoshis;
    struct es_build_request request = {
        .key = policy->sign.key,
        .coins = &coins[0].coin,
        .coin_count = 1,
        .split_count = es_split_count(policy, &totals),
        .split_satoshis = (uint64_t)policy->value,
    };
    if (request.split_count == 0) {
        return ES_DB_OK;
    }
    return es_sign_store(db, splitting->arena, &policy->sign, 0, &request, coins,
                         &splitting->outcome);
}

enum es_db_result es_split(struct es_db *db, const struct es_split_policy *policy, bool *ret_split)
{
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct splitting splitting = {.policy = policy, .arena = arena};
    enum es_db_result result = es_db_transaction(db, "split", split_body, &splitting);
    if (result == ES_DB_OK) {
        if (splitting.outcome == ES_SIGN_SIGNED) {
            es_fault_point("ledger.split_after_sign");
        }
        *ret_split = splitting.outcome == ES_SIGN_SIGNED;
    }
    return result;
}
