#include "worker-ledger/anchor/refuse.h"

#include "common/observe/log.h"
#include "worker-ledger/db/coins.h"
#include "worker-ledger/db/refusals.h"
#include "worker-ledger/metrics.h"

#include <stdio.h>

#define REASON_SIZE    240
#define RESIGN_BASE_MS 1000
#define RESIGN_CAP_MS  (3600 * 1000)
#define RATE_SIZE      1000
#define ASKED_MAX      3

/* Every provider's opinion, asked now. */
static bool stands(struct es_anchor_work *work, const struct es_tx_row *row, bool contest_lost)
{
    const struct es_providers *providers = work->providers;
    struct es_provider *asked[ASKED_MAX] = {providers->broadcaster};
    enum es_sight opinions[ASKED_MAX];
    size_t count = 1;
    if (providers->verifier != NULL) {
        asked[count++] = providers->verifier;
    }
    if (providers->reader != providers->broadcaster && providers->reader != providers->verifier) {
        asked[count++] = providers->reader;
    }
    for (size_t i = 0; i < count; i++) {
        opinions[i] = es_anchor_ask(work, asked[i], &row->payload.txid).sight;
    }
    return es_decide_refusal_stands(opinions, count, contest_lost);
}

/* Whether a provider has the transaction of ours that made COIN. */
static bool maker_is_known(struct es_anchor_work *work, const struct es_spent_coin *coin)
{
    if (coin->settled) {
        return true;
    }
    struct es_sighting sighting =
        es_anchor_ask(work, work->providers->broadcaster, &coin->outpoint.txid);
    return sighting.sight == ES_SIGHT_SEEN || sighting.sight == ES_SIGHT_MINED ||
           sighting.sight == ES_SIGHT_STALE_BLOCK;
}

static bool a_maker_is_lost(struct es_anchor_work *work, const struct es_spent_coin *coins,
                            size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (coins[i].made_by_us && !maker_is_known(work, &coins[i])) {
            return true;
        }
    }
    return false;
}

/* Whether the transaction from outside that made COIN is gone: a reorganisation may have taken it
 * away, and the reader calls a coin that it does not know not spent. */
static bool is_vanished(struct es_anchor_work *work, const struct es_spent_coin *coin)
{
    return !coin->made_by_us &&
           es_anchor_ask(work, work->providers->reader, &coin->outpoint.txid).sight ==
               ES_SIGHT_UNKNOWN;
}

/* Whether the coin is spent by somebody else, or there is none any more. The reader knows, at least
 * of coins in blocks; about younger ones, and without its word, the kind of the refusal tells. */
static bool is_bad(struct es_anchor_work *work, const struct es_spent_coin *coin,
                   enum es_refusal refusal)
{
    bool suspected = refusal == ES_REFUSAL_COIN;
    bool spent = false;
    if (refusal == ES_REFUSAL_FEE || refusal == ES_REFUSAL_FROZEN) {
        return refusal == ES_REFUSAL_FROZEN;
    }
    if (!coin->settled && !suspected) {
        return false;
    }
    if (es_provider_spent(work->providers->reader, &coin->outpoint, &spent) !=
        ES_QUESTION_ANSWERED) {
        return suspected;
    }
    return spent || (suspected && is_vanished(work, coin));
}

static void learn_fee(struct es_anchor_work *work, const struct es_tx_row *row)
{
    int64_t policy = 0;
    struct es_fees *fees = work->ledger->fees;
    if (es_provider_policy(work->providers->broadcaster, &policy) == ES_QUESTION_ANSWERED) {
        es_fees_learn_policy(fees, policy);
    }
    es_fees_learn_refusal(fees, row->fee * RATE_SIZE / (int64_t)row->payload.raw_length);
}

static enum es_db_result reject(struct es_anchor_work *work, const struct es_tx_row *row,
                                const struct es_sighting *sighting,
                                const struct es_spent_coin *coins, size_t count)
{
    char reason[REASON_SIZE];
    int64_t *bad = es_arena_alloc(work->arena, count * sizeof(*bad));
    size_t bad_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_bad(work, &coins[i], sighting->refusal)) {
            bad[bad_count++] = coins[i].id;
        }
    }
    (void)snprintf(reason, sizeof(reason), "%s: %s", sighting->reason, sighting->detail);
    bool next_is_better = sighting->refusal == ES_REFUSAL_FEE || bad_count > 0;
    struct es_rejection rejection = {
        .transaction_id = row->id,
        .from = row->state,
        .reason = reason,
        .bad_coins = bad,
        .bad_coin_count = bad_count,
        .base_ms = next_is_better ? 0 : RESIGN_BASE_MS,
        .cap_ms = RESIGN_CAP_MS,
    };
    enum es_db_result result = es_refusals_reject(work->db, &rejection);
    if (result == ES_DB_OK) {
        es_metric_add(work->ledger->metrics, ES_METRIC_REJECTED_TOTAL, 1);
        es_anchor_tell(row, ES_TX_REJECTED, reason);
    }
    return result;
}

enum es_db_result es_refuse(struct es_anchor_work *work, const struct es_tx_row *row,
                            const struct es_sighting *sighting, bool *ret_rejected)
{
    struct es_spent_coin *coins = NULL;
    size_t count = 0;
    int64_t revived = 0;
    *ret_rejected = false;
    if (!stands(work, row, sighting->sight == ES_SIGHT_CONTESTED)) {
        return ES_DB_OK;
    }
    enum es_db_result result = es_coins_spent_by(work->db, work->arena, row->id, &coins, &count);
    if (result != ES_DB_OK) {
        return result;
    }
    if (sighting->refusal == ES_REFUSAL_COIN && a_maker_is_lost(work, coins, count)) {
        return es_transactions_revive(work->db, row->id, &revived);
    }
    if (sighting->refusal == ES_REFUSAL_FEE) {
        learn_fee(work, row);
    }
    result = reject(work, row, sighting, coins, count);
    if (result == ES_DB_CHECK) {
        /* What spends from it is in a block, so it is as well: the refusal was a lie. */
        es_log(ES_LOG_WARN, "ledger.refusal_contradicted", es_f_int("transaction", row->id),
               es_f_text("detail", sighting->detail));
        return ES_DB_OK;
    }
    *ret_rejected = result == ES_DB_OK;
    return result;
}

enum es_db_result es_refuse_is_lost(struct es_anchor_work *work, const struct es_tx_row *row,
                                    bool *ret_lost)
{
    struct es_spent_coin *coins = NULL;
    size_t count = 0;
    struct es_provider *reader = work->providers->reader;
    *ret_lost = false;
    if (es_anchor_ask(work, reader, &row->payload.txid).sight != ES_SIGHT_UNKNOWN) {
        return ES_DB_OK;
    }
    enum es_db_result result = es_coins_spent_by(work->db, work->arena, row->id, &coins, &count);
    for (size_t i = 0; i < count && result == ES_DB_OK && !*ret_lost; i++) {
        bool spent = false;
        *ret_lost =
            es_provider_spent(reader, &coins[i].outpoint, &spent) == ES_QUESTION_ANSWERED && spent;
    }
    return result;
}
