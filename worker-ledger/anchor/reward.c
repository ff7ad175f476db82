#include "worker-ledger/anchor/reward.h"

#include "common/daemon/fault.h"
#include "common/observe/log.h"
#include "worker-ledger/db/checkpoints.h"
#include "worker-ledger/metrics.h"

struct rewarding {
    const struct es_tx_row *row;
    int64_t transfers;
    bool done; /* by this call */
};

/* The transaction's row is the lock: whoever holds it sees whether the other was here. */
static enum es_db_result reward_body(struct es_db *db, void *context)
{
    struct rewarding *rewarding = context;
    const struct es_tx_row *row = rewarding->row;
    bool rewarded = false;
    rewarding->done = false;
    enum es_db_result result = es_transactions_hold(db, row->id, row->state, &rewarded);
    if (result != ES_DB_OK || rewarded) {
        return result;
    }
    result = es_checkpoints_reward(db, row->checkpoint_id, &rewarding->transfers);
    if (result == ES_DB_OK) {
        result = es_checkpoints_tell(db, "anchor.seen", row->checkpoint_id, &row->payload.txid);
    }
    rewarding->done = true;
    return result;
}

/* Told once, not each time it is tried again. */
static void tell_refused(struct es_anchor_work *work, int64_t checkpoint_id)
{
    if (work->reward_refused != checkpoint_id) {
        es_log(ES_LOG_BROKEN, "ledger.reward_refused", es_f_int("checkpoint", checkpoint_id),
               es_f_text("error", es_db_error(work->db)));
    }
    work->reward_refused = checkpoint_id;
}

enum es_db_result es_reward(struct es_anchor_work *work, const struct es_tx_row *row)
{
    struct rewarding rewarding = {.row = row};
    if (row->checkpoint_id == 0 || row->rewarded) {
        return ES_DB_OK;
    }
    es_fault_point("ledger.before_rewards");
    enum es_db_result result = es_db_transaction(work->db, "reward", reward_body, &rewarding);
    if (result == ES_DB_OK && rewarding.done) {
        es_fault_point("ledger.after_rewards");
        es_metric_add(work->ledger->metrics, ES_METRIC_REWARDS_TOTAL, rewarding.transfers);
        es_log(ES_LOG_INFO, "ledger.rewarded", es_f_int("checkpoint", row->checkpoint_id),
               es_f_int("transfers", rewarding.transfers));
    } else if (result == ES_DB_CHECK) {
        tell_refused(work, row->checkpoint_id);
    }
    return result;
}
