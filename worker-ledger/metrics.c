#include "worker-ledger/metrics.h"

#include "common/base/compiler.h"

static const double seal_bounds[] = {0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};

#define COUNTER(name_, help_)                                                                      \
    {                                                                                              \
        .name = (name_), .type = ES_METRIC_COUNTER, .help = (help_)                                \
    }
#define GAUGE(name_, help_)                                                                        \
    {                                                                                              \
        .name = (name_), .type = ES_METRIC_GAUGE, .help = (help_)                                  \
    }
#define LABELLED(type_, name_, labels_, help_)                                                     \
    {                                                                                              \
        .name = (name_), .type = (type_), .labels = (labels_), .help = (help_)                     \
    }
#define STATE(state)                                                                               \
    LABELLED(ES_METRIC_GAUGE, "ledger_transactions", "state=\"" state "\"",                        \
             "Transactions on their way, by state.")
#define FAILED(kind)                                                                               \
    LABELLED(ES_METRIC_COUNTER, "ledger_broadcast_failures_total", "kind=\"" kind "\"",            \
             "Failed broadcasts, by what is known of them.")

const struct es_metric es_ledger_metrics[ES_LEDGER_METRIC_COUNT] = {
    [ES_METRIC_LEAVES_WAITING] =
        GAUGE("ledger_leaves_waiting", "Leaves that wait to be sealed (counted up to a batch)."),
    [ES_METRIC_LEAF_OLDEST] =
        GAUGE("ledger_leaf_oldest_seconds", "How long the oldest of them has waited."),
    [ES_METRIC_LEAF_ALARM] =
        GAUGE("ledger_leaf_age_alarm", "1 while that is longer than LEAF_AGE_ALARM."),
    [ES_METRIC_LEAVES_SEALED] = COUNTER("ledger_leaves_sealed_total", "Leaves sealed."),
    [ES_METRIC_CHECKPOINTS_SEALED] =
        COUNTER("ledger_checkpoints_sealed_total", "Checkpoints made."),
    [ES_METRIC_SEAL_SECONDS] = {.name = "ledger_seal_seconds",
                                .type = ES_METRIC_HISTOGRAM,
                                .help = "Time to make a checkpoint.",
                                .bounds = seal_bounds,
                                .bound_count = ES_ARRAY_LEN(seal_bounds)},
    [ES_METRIC_PUBLISHED_SIZE] =
        GAUGE("ledger_published_size", "Leaves in the latest published checkpoint."),
    [ES_METRIC_LOG_ROLLED_BACK] =
        GAUGE("ledger_log_rolled_back", "1 while the database lacks what was published."),
    [ES_METRIC_UNANCHORED] =
        GAUGE("ledger_checkpoints_unanchored", "Checkpoints that need a transaction."),
    [ES_METRIC_ANCHOR_OLDEST] =
        GAUGE("ledger_anchor_oldest_seconds",
              "Age of the oldest checkpoint whose transaction the network has not seen."),
    [ES_METRIC_ANCHOR_ALARM] =
        GAUGE("ledger_anchor_age_alarm", "1 while that is longer than LEAF_AGE_ALARM."),
    [ES_METRIC_SIGNED] = STATE("signed"),
    [ES_METRIC_SENT] = STATE("sent"),
    [ES_METRIC_SEEN] = STATE("seen"),
    [ES_METRIC_MINED] = STATE("mined"),
    [ES_METRIC_SEEN_TOTAL] = COUNTER("ledger_seen_total", "Transactions the network has taken."),
    [ES_METRIC_MINED_TOTAL] = COUNTER("ledger_mined_total", "Transactions found in a block."),
    [ES_METRIC_FINAL_TOTAL] = COUNTER("ledger_final_total", "Transactions that became final."),
    [ES_METRIC_REJECTED_TOTAL] =
        COUNTER("ledger_rejected_total", "Transactions the network refused."),
    [ES_METRIC_REWARDS_TOTAL] = COUNTER("ledger_rewards_total", "Rewards transferred."),
    [ES_METRIC_BROADCASTS] =
        COUNTER("ledger_broadcasts_total", "Transactions given to a provider."),
    [ES_METRIC_FAILED_UNCLEAR] = FAILED("unclear"),
    [ES_METRIC_FAILED_BUSY] = FAILED("busy"),
    [ES_METRIC_FAILED_FEE] = FAILED("refused_fee"),
    [ES_METRIC_FAILED_COIN] = FAILED("refused_coin"),
    [ES_METRIC_FAILED_OTHER] = FAILED("refused_other"),
    [ES_METRIC_ANNOUNCED_AGAIN] =
        COUNTER("ledger_announced_again_total", "Transactions sent again because time ran out."),
    [ES_METRIC_VERIFY_UNKNOWN] =
        COUNTER("ledger_verify_unknown_total",
                "Transactions seen by BROADCAST that VERIFY did not know in time."),
    [ES_METRIC_CONTESTED] = COUNTER("ledger_contested_total",
                                    "Times a transaction was found in conflict with another."),
    [ES_METRIC_BAD_PROOFS] = COUNTER("ledger_bad_proofs_total", "Merkle proofs that did not hold."),
    [ES_METRIC_TIP_HEIGHT] = GAUGE("ledger_tip_height", "Height of the best block we hold."),
    [ES_METRIC_REORGS] = COUNTER("ledger_reorgs_total", "Reorganisations of the chain."),
    [ES_METRIC_FINALS_CONTRADICTED] =
        GAUGE("ledger_finals_contradicted", "Final transactions off the best chain: never."),
    [ES_METRIC_FEE_RATE] = GAUGE("ledger_fee_rate", "Fee rate, satoshis per 1000 bytes."),
    [ES_METRIC_FEE_ABOVE_CAP] =
        GAUGE("ledger_fee_above_cap", "1 while FEE_CAP keeps us from signing."),
    [ES_METRIC_COINS_READY] = GAUGE("ledger_coins_ready", "Coins that can pay for a checkpoint."),
    [ES_METRIC_BALANCE] = GAUGE("ledger_balance_satoshis", "Satoshis in those coins."),
    [ES_METRIC_BATCHES_LEFT] =
        GAUGE("ledger_batches_left", "Checkpoints they pay for at the present fee rate."),
    [ES_METRIC_DATABASE_UP] = GAUGE("ledger_database_up", "0 while PostgreSQL is away."),
};
