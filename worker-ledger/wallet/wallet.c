#include "worker-ledger/wallet/wallet.h"

#include "common/base/mem.h"
#include "common/observe/log.h"
#include "worker-ledger/chain/fee.h"
#include "worker-ledger/db/headers.h"
#include "worker-ledger/db/transactions.h"
#include "worker-ledger/ledger.h"
#include "worker-ledger/metrics.h"
#include "worker-ledger/wallet/best-chain.h"
#include "worker-ledger/wallet/choose.h"
#include "worker-ledger/wallet/split.h"

#include <stdlib.h>

/* In rounds of POLL_INTERVAL (2 s unless configured): 5 minutes, 1 minute, 10 seconds. */
#define POLICY_EVERY    150
#define COINS_EVERY     30
#define COINS_EVERY_LOW 5

struct es_wallet {
    struct es_ledger *ledger;
    struct es_db *db;
    struct es_providers *providers;
    struct es_arena *arena;
    struct es_best_chain *chain;
    int64_t policy_due; /* rounds until we ask again */
    int64_t coins_due;
    bool coins_listed; /* our coins were asked for and written at least once, or cannot be */
    bool low;          /* the balance is low, and that was said */
    bool left_out;     /* the list of our coins was too long, and that was said */
    bool contradicted; /* a final transaction is, and that was said */
};

/* --- headers --------------------------------------------------------------------------------- */
/* A final transaction is never changed silently; that one is contradicted is for people. */
static enum es_db_result check_finals(struct es_wallet *wallet)
{
    int64_t count = 0;
    enum es_db_result result = es_headers_contradicted(wallet->db, &count);
    if (result != ES_DB_OK) {
        return result;
    }
    es_metric_set(wallet->ledger->metrics, ES_METRIC_FINALS_CONTRADICTED, count);
    if (count > 0 && !wallet->contradicted) {
        es_log(ES_LOG_BROKEN, "ledger.finals_contradicted", es_f_int("transactions", count));
    }
    wallet->contradicted = count > 0;
    return ES_DB_OK;
}

static enum es_db_result follow_chain(struct es_wallet *wallet, bool *ret_more)
{
    struct es_chain_news news;
    struct es_metrics *metrics = wallet->ledger->metrics;
    enum es_db_result result =
        es_best_chain_follow(wallet->chain, wallet->db, wallet->providers->reader, &news);
    if (result != ES_DB_OK) {
        return result;
    }
    *ret_more = news.more;
    if (news.tip_height >= 0) {
        es_metric_set(metrics, ES_METRIC_TIP_HEIGHT, news.tip_height);
    }
    if (news.left > 0) {
        es_metric_add(metrics, ES_METRIC_REORGS, 1);
        es_log(ES_LOG_INFO, "ledger.reorg", es_f_int("blocks", news.left),
               es_f_int("tip", news.tip_height));
        result = check_finals(wallet);
    }
    if (result == ES_DB_OK && news.changed) {
        result = es_transactions_new_block(wallet->db);
        es_ledger_wake(wallet->ledger, ES_OUTAGE_ANCHORER);
    }
    return result;
}

/* --- fee policy ------------------------------------------------------------------------------ */
static void refresh_policy(struct es_wallet *wallet)
{
    struct es_ledger *ledger = wallet->ledger;
    const struct es_providers *providers = wallet->providers;
    struct es_provider *sources[] = {providers->broadcaster, providers->verifier,
                                     providers->reader};
    int64_t rate = 0;
    bool above_cap = es_fees_rate(ledger->fees) > es_fees_cap(ledger->fees);
    if (wallet->policy_due-- > 0 && !above_cap) {
        return;
    }
    wallet->policy_due = 0;
    for (size_t i = 0; i < ES_ARRAY_LEN(sources); i++) {
        enum es_question question =
            sources[i] != NULL ? es_provider_policy(sources[i], &rate) : ES_QUESTION_UNSUPPORTED;
        if (question == ES_QUESTION_ANSWERED) {
            es_fees_learn_policy(ledger->fees, rate);
            wallet->policy_due = POLICY_EVERY;
        }
        if (question != ES_QUESTION_UNSUPPORTED) {
            break;
        }
    }
    es_metric_set(ledger->metrics, ES_METRIC_FEE_RATE, es_fees_rate(ledger->fees));
}

/* --- coins ----------------------------------------------------------------------------------- */
/* Confirmed outputs only: until then a payment from outside may change its id or vanish. And only
 * those worth more than the input that spends them, as anybody may send us dust. */
static struct es_coin *worthy_coins(struct es_arena *arena, const struct es_unspent_list *list,
                                    int64_t rate, size_t *ret_count)
{
    uint64_t price = 0;
    bool priced = es_fee_for_size(ES_FEE_INPUT_SIZE, (uint64_t)rate, &price);
    struct es_coin *coins = es_arena_alloc(arena, list->count * sizeof(*coins));
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].confirmed && priced && (uint64_t)list->items[i].satoshis > price) {
            coins[count++] = (struct es_coin){.outpoint = list->items[i].outpoint,
                                              .satoshis = (uint64_t)list->items[i].satoshis};
        }
    }
    *ret_count = count;
    return coins;
}

static void tell_left_out(struct es_wallet *wallet, size_t left_out)
{
    if (left_out > 0 && !wallet->left_out) {
        es_log(ES_LOG_WARN, "ledger.coins_left_out", es_f_int("outputs", (int64_t)left_out));
    } else if (left_out == 0 && wallet->left_out) {
        es_log_plain(ES_LOG_INFO, "ledger.coins_listed_whole");
    }
    wallet->left_out = left_out > 0;
}

static enum es_db_result store_coins(struct es_wallet *wallet, const struct es_unspent_list *list)
{
    size_t count = 0;
    int64_t learnt = 0;
    int64_t trusted = 0;
    struct es_coin *coins =
        worthy_coins(wallet->arena, list, es_fees_rate(wallet->ledger->fees), &count);
    tell_left_out(wallet, list->left_out);
    if (count == 0) {
        return ES_DB_OK;
    }
    enum es_db_result result = es_coins_learn(wallet->db, coins, count, &learnt);
    if (result == ES_DB_OK) {
        result = es_coins_trust_again(wallet->db, coins, count, &trusted);
    }
    if (result == ES_DB_OK && learnt + trusted > 0) {
        es_log(ES_LOG_INFO, "ledger.coins_found", es_f_int("new", learnt),
               es_f_int("usable_again", trusted));
        es_ledger_wake(wallet->ledger, ES_OUTAGE_ANCHORER);
    }
    return result;
}

static enum es_db_result refresh_coins(struct es_wallet *wallet)
{
    struct es_unspent_list list;
    enum es_db_result result = ES_DB_OK;
    if (wallet->coins_due-- > 0) {
        return ES_DB_OK;
    }
    wallet->coins_due = 0;
    es_arena_reset(wallet->arena);
    switch (es_provider_unspent(wallet->providers->reader, wallet->arena, &list)) {
    case ES_QUESTION_ANSWERED:
        result = store_coins(wallet, &list);
        break;
    case ES_QUESTION_UNSUPPORTED: /* there is nothing to wait for */
        break;
    case ES_QUESTION_ABSENT:
    case ES_QUESTION_UNANSWERED:
        return ES_DB_OK; /* in the next round again */
    }
    if (result == ES_DB_OK) {
        wallet->coins_listed = true;
        wallet->coins_due = wallet->low ? COINS_EVERY_LOW : COINS_EVERY;
    }
    return result;
}

/* What one checkpoint costs at RATE, change included. */
static int64_t batch_fee(int64_t rate)
{
    uint64_t fee = 0;
    bool fits = es_fee_for_size(es_fee_estimate_size(1, 1, true), (uint64_t)rate, &fee);
    return fits && fee > 0 && fee <= INT64_MAX ? (int64_t)fee : INT64_MAX;
}

static void watch_balance(struct es_wallet *wallet, const struct es_coin_totals *totals,
                          int64_t rate)
{
    struct es_metrics *metrics = wallet->ledger->metrics;
    int64_t batches = totals->free_satoshis / batch_fee(rate);
    bool low = batches < wallet->ledger->config.low_balance_batches;
    es_metric_set(metrics, ES_METRIC_COINS_READY, totals->ready);
    es_metric_set(metrics, ES_METRIC_BALANCE, totals->free_satoshis);
    es_metric_set(metrics, ES_METRIC_BATCHES_LEFT, batches);
    if (!wallet->coins_listed && totals->ready == 0) {
        return; /* we do not know yet what we have */
    }
    if (low && !wallet->low) {
        es_log(ES_LOG_WARN, "ledger.low_balance", es_f_int("batches_left", batches),
               es_f_int("satoshis", totals->free_satoshis),
               es_f_text("address", wallet->ledger->address));
    } else if (!low && wallet->low) {
        es_log(ES_LOG_INFO, "ledger.balance_normal", es_f_int("batches_left", batches));
    }
    wallet->low = low;
}

static enum es_db_result split(struct es_wallet *wallet, int64_t rate)
{
    const struct es_ledger_config *config = &wallet->ledger->config;
    struct es_split_policy policy = {
        .sign = {.key = wallet->ledger->key,
                 .origin = config->log_origin,
                 .rate = rate,
                 .cap = config->fee_cap,
                 .depth = config->coin_depth},
        .ready = config->coins_ready,
        .value = config->coin_value,
    };
    bool done = false;
    struct es_coin_totals totals;
    enum es_db_result result = es_coins_totals(wallet->db, es_choose_least(1, rate), &totals);
    if (result == ES_DB_OK) {
        watch_balance(wallet, &totals, rate);
    }
    if (result == ES_DB_OK && es_split_count(&policy, &totals) > 0) {
        result = es_split(wallet->db, &policy, &done);
    }
    if (result == ES_DB_OK && done) {
        es_log_plain(ES_LOG_INFO, "ledger.split");
        es_ledger_wake(wallet->ledger, ES_OUTAGE_ANCHORER);
    }
    return result;
}

/* --- the thread ------------------------------------------------------------------------------ */
static bool tick(void *wallet_)
{
    struct es_wallet *wallet = wallet_;
    struct es_ledger *ledger = wallet->ledger;
    bool more = false;
    es_ledger_beat(ledger, ES_OUTAGE_WALLET);
    enum es_db_result result = follow_chain(wallet, &more);
    refresh_policy(wallet);
    if (result == ES_DB_OK) {
        result = refresh_coins(wallet);
    }
    if (result == ES_DB_OK) {
        result = split(wallet, es_fees_rate(ledger->fees));
    }
    return es_outage_report(ledger->outage, ES_OUTAGE_WALLET, wallet->db, result) && more;
}

struct es_wallet *es_wallet_start(struct es_ledger *ledger, struct es_buf *error)
{
    struct es_providers *providers = es_providers_new(ledger, error);
    if (providers == NULL) {
        return NULL;
    }
    struct es_wallet *wallet = ES_NEW(struct es_wallet);
    wallet->ledger = ledger;
    wallet->db = es_ledger_db_new(ledger);
    wallet->providers = providers;
    wallet->arena = es_arena_new(0);
    wallet->chain = es_best_chain_new((enum es_network)ledger->config.network);
    es_ledger_start_thread(ledger, ES_OUTAGE_WALLET, ledger->config.poll_interval_ms, tick, wallet);
    return wallet;
}

struct es_wallet *es_wallet_stop(struct es_wallet *wallet)
{
    if (wallet != NULL) {
        es_ledger_stop_thread(wallet->ledger, ES_OUTAGE_WALLET);
        es_best_chain_free(wallet->chain);
        es_arena_free(wallet->arena);
        es_providers_free(wallet->providers);
        es_db_free(wallet->db);
        free(wallet);
    }
    return NULL;
}
