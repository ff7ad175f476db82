#include "worker-ledger/db/registry.h"

#include "worker-ledger/db/checkpoints.h"
#include "worker-ledger/db/coins.h"
#include "worker-ledger/db/gauges.h"
#include "worker-ledger/db/headers.h"
#include "worker-ledger/db/log.h"
#include "worker-ledger/db/refusals.h"
#include "worker-ledger/db/transactions.h"

const struct es_db_statement *const es_ledger_statements[] = {
    &es_log_create_statement,
    &es_log_origin_statement,
    &es_log_waiting_statement,
    &es_log_lock_statement,
    &es_log_take_statement,
    &es_log_drop_repeated_statement,
    &es_log_tiles_statement,
    &es_log_put_tiles_statement,
    &es_log_add_checkpoint_statement,
    &es_log_root_statement,
    &es_log_last_note_statement,
    &es_log_checkpoints_after_statement,
    &es_checkpoints_next_statement,
    &es_checkpoints_signed_statement,
    &es_checkpoints_postpone_statement,
    &es_checkpoints_reward_statement,
    &es_checkpoints_tell_statement,
    &es_transactions_claim_statement,
    &es_transactions_add_statement,
    &es_transactions_known_statement,
    &es_transactions_move_statement,
    &es_transactions_mined_statement,
    &es_transactions_again_statement,
    &es_transactions_sending_statement,
    &es_transactions_revive_statement,
    &es_transactions_hold_statement,
    &es_transactions_rewarded_statement,
    &es_transactions_new_block_statement,
    &es_coins_lock_statement,
    &es_coins_free_statement,
    &es_coins_largest_statement,
    &es_coins_depth_statement,
    &es_coins_reserve_statement,
    &es_coins_add_change_statement,
    &es_coins_learn_statement,
    &es_coins_trust_again_statement,
    &es_coins_spent_by_statement,
    &es_coins_totals_statement,
    &es_refusals_family_statement,
    &es_refusals_stale_statement,
    &es_refusals_coins_statement,
    &es_refusals_requeue_statement,
    &es_refusals_count_statement,
    &es_refusals_splits_statement,
    &es_headers_lock_statement,
    &es_headers_range_statement,
    &es_headers_at_statement,
    &es_headers_leave_statement,
    &es_headers_put_statement,
    &es_headers_place_statement,
    &es_headers_contradicted_statement,
    &es_gauges_states_statement,
    &es_gauges_age_statement,
    &es_gauges_failed_statement,
};

const size_t es_ledger_statement_count = ES_ARRAY_LEN(es_ledger_statements);
