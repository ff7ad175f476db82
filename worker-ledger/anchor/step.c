#include "worker-ledger/anchor/step.h"

#include "common/base/backoff.h"
#include "common/daemon/fault.h"
#include "common/observe/log.h"
#include "worker-ledger/anchor/prove.h"
#include "worker-ledger/anchor/refuse.h"
#include "worker-ledger/anchor/reward.h"
#include "worker-ledger/chain/hash256.h"
#include "worker-ledger/db/checkpoints.h"
#include "worker-ledger/db/gauges.h"
#include "worker-ledger/db/headers.h"
#include "worker-ledger/metrics.h"

#include <string.h>

#define RETRY_CAP_MS   (300 * 1000)
#define CALLS_A_STEP   6 /* that one step makes at most, or nearly so */
#define LEASE_SPARE_MS 1000

/* One step: the row, what was learnt about it, and from whom. */
struct step {
    struct es_anchor_work *work;
    struct es_tx_row row;
    struct es_sighting sighting;
    struct es_provider *said_by;
    bool overdue;
    bool unrewarded; /* its rewards cannot be made */
};

struct es_sighting es_anchor_ask(struct es_anchor_work *work, struct es_provider *provider,
                                 const struct es_hash *txid)
{
    struct es_sighting sighting = es_provider_status(provider, work->arena, txid);
    if (strcmp(sighting.reason, ES_REASON_NO_TXINDEX) == 0 && !work->missing_index_told) {
        work->missing_index_told = true;
        es_log(ES_LOG_WARN, "ledger.no_txindex", es_f_text("provider", es_provider_name(provider)),
               es_f_text("advice", "start the node with -txindex=1"));
    }
    return sighting;
}

void es_anchor_tell(const struct es_tx_row *row, enum es_tx_state to, const char *reason)
{
    char txid[ES_HASH256_TEXT_SIZE];
    es_hash256_format(&row->payload.txid, txid);
    es_log(ES_LOG_INFO, "ledger.transaction", es_f_int("transaction", row->id),
           es_f_int("checkpoint", row->checkpoint_id), es_f_text("txid", txid),
           es_f_text("from", es_tx_state_name(row->state)), es_f_text("to", es_tx_state_name(to)),
           es_f_text("reason", reason));
}

static const struct es_ledger_config *config_of(const struct step *step)
{
    return &step->work->ledger->config;
}

static struct es_metrics *metrics_of(const struct step *step)
{
    return step->work->ledger->metrics;
}

/* --- staying in a state ---------------------------------------------------------------------- */
static enum es_db_result wait(struct step *step)
{
    int64_t pause_ms = es_decide_pause_ms(step->row.in_state_ms, config_of(step)->poll_interval_ms);
    return es_transactions_again(step->work->db, step->row.id, step->row.state, pause_ms,
                                 ES_TX_WELL);
}

/* Something was just done about it: see soon what came of that. */
static enum es_db_result look_soon(struct step *step)
{
    return es_transactions_again(step->work->db, step->row.id, step->row.state,
                                 config_of(step)->poll_interval_ms, ES_TX_WELL);
}

static enum es_db_result retry(struct step *step)
{
    int64_t pause_ms = es_backoff_ms(config_of(step)->retry_base_ms, RETRY_CAP_MS,
                                     (unsigned)step->row.failures + 1);
    if (pause_ms < step->sighting.retry_after_ms) {
        pause_ms = step->sighting.retry_after_ms < RETRY_CAP_MS ? step->sighting.retry_after_ms
                                                                : RETRY_CAP_MS;
    }
    bool asked = strcmp(step->sighting.reason, "circuit_open") != 0;
    return es_transactions_again(step->work->db, step->row.id, step->row.state, pause_ms,
                                 asked ? ES_TX_FAILED : ES_TX_UNTRIED);
}

static enum es_db_result revive(struct step *step)
{
    int64_t revived = 0;
    enum es_db_result result = es_transactions_revive(step->work->db, step->row.id, &revived);
    return result == ES_DB_OK ? retry(step) : result;
}

/* --- moving on ------------------------------------------------------------------------------- */
static enum es_db_result move(struct step *step, enum es_tx_state to, const char *reason)
{
    enum es_db_result result =
        es_transactions_move(step->work->db, step->row.id, step->row.state, to, 0, reason);
    if (result == ES_DB_OK) {
        es_anchor_tell(&step->row, to, reason);
    }
    return result;
}

static enum es_db_result to_sent(struct step *step)
{
    enum es_db_result result = move(step, ES_TX_SENT, es_provider_name(step->said_by));
    if (result == ES_DB_OK) {
        es_fault_point("ledger.after_sent");
    }
    return result;
}

/* A reward that cannot be made holds up nothing but the end of its own transaction, so that it is
 * tried again until somebody has seen to it. */
static enum es_db_result reward(struct step *step)
{
    enum es_db_result result = es_reward(step->work, &step->row);
    step->unrewarded = result == ES_DB_CHECK;
    return step->unrewarded ? ES_DB_OK : result;
}

static enum es_db_result to_seen(struct step *step)
{
    es_fault_point("ledger.before_seen_commit");
    enum es_db_result result = move(step, ES_TX_SEEN, es_provider_name(step->said_by));
    if (result != ES_DB_OK) {
        return result;
    }
    es_metric_add(metrics_of(step), ES_METRIC_SEEN_TOTAL, 1);
    es_fault_point("ledger.after_seen");
    step->row.state = ES_TX_SEEN;
    return reward(step);
}

/* Of two blocks at one height the provider may know the one, and our chain hold the other. */
static enum es_db_result is_off_best(struct step *step, const struct es_block_header *header,
                                     bool *ret_off)
{
    enum es_block_place place = ES_BLOCK_NOT_HELD;
    int64_t confirmations = 0;
    enum es_db_result result =
        es_headers_place(step->work->db, header->height, &header->hash, &place, &confirmations);
    *ret_off = place == ES_BLOCK_OFF_BEST;
    return result;
}

static enum es_db_result prove(struct step *step)
{
    bool off_best = false;
    struct es_tx_proof proof;
    enum es_prove_result proven =
        es_prove(step->work, &step->row, &step->sighting, step->said_by, &proof);
    if (proven == ES_PROVE_WRONG) {
        es_metric_add(metrics_of(step), ES_METRIC_BAD_PROOFS, 1);
        es_log(ES_LOG_WARN, "ledger.bad_proof", es_f_int("transaction", step->row.id),
               es_f_text("provider", es_provider_name(step->said_by)));
    }
    if (proven != ES_PROVE_OK) {
        return retry(step);
    }
    enum es_db_result result = is_off_best(step, &proof.header, &off_best);
    if (result != ES_DB_OK || off_best) {
        return result == ES_DB_OK ? retry(step) : result;
    }
    result =
        es_transactions_mined(step->work->db, step->row.id, &proof,
                              config_of(step)->poll_interval_ms, es_provider_name(step->said_by));
    if (result == ES_DB_OK) {
        es_fault_point("ledger.after_mined");
        es_metric_add(metrics_of(step), ES_METRIC_MINED_TOTAL, 1);
        es_anchor_tell(&step->row, ES_TX_MINED, es_provider_name(step->said_by));
    }
    return result;
}

static enum es_db_result refuse(struct step *step)
{
    bool rejected = false;
    enum es_db_result result = es_refuse(step->work, &step->row, &step->sighting, &rejected);
    return result == ES_DB_OK && !rejected ? retry(step) : result;
}

static enum es_db_result seen_again(struct step *step)
{
    return move(step, ES_TX_SEEN, "its block left the best chain");
}

static enum es_db_result final_body(struct es_db *db, void *context)
{
    const struct es_tx_row *row = context;
    enum es_db_result result =
        es_transactions_move(db, row->id, row->state, ES_TX_FINAL, 0, "enough blocks on top");
    if (result == ES_DB_OK && row->checkpoint_id != 0) {
        result = es_checkpoints_tell(db, "anchor.final", row->checkpoint_id, &row->payload.txid);
    }
    if (result == ES_DB_OK) {
        es_fault_point("ledger.before_final");
    }
    return result;
}

static enum es_db_result to_final(struct step *step)
{
    if (step->unrewarded) {
        return retry(step);
    }
    enum es_db_result result = es_db_transaction(step->work->db, "final", final_body, &step->row);
    if (result == ES_DB_OK) {
        es_fault_point("ledger.after_final");
        es_metric_add(metrics_of(step), ES_METRIC_FINAL_TOTAL, 1);
        es_anchor_tell(&step->row, ES_TX_FINAL, "enough blocks on top");
    }
    return result;
}

/* --- sending --------------------------------------------------------------------------------- */
static enum es_ledger_metric failure_metric(const struct es_sighting *sighting)
{
    if (sighting->sight == ES_SIGHT_BUSY) {
        return ES_METRIC_FAILED_BUSY;
    }
    switch (sighting->refusal) {
    case ES_REFUSAL_FEE:
        return ES_METRIC_FAILED_FEE;
    case ES_REFUSAL_COIN:
        return ES_METRIC_FAILED_COIN;
    case ES_REFUSAL_FROZEN:
    case ES_REFUSAL_OTHER:
        return ES_METRIC_FAILED_OTHER;
    case ES_REFUSAL_NONE:
        break;
    }
    return ES_METRIC_FAILED_UNCLEAR;
}

/* What came of sending: counted in metrics and in PostgreSQL (E119), and told. */
static enum es_db_result note_broadcast(struct step *step, enum es_step next)
{
    char txid[ES_HASH256_TEXT_SIZE];
    bool failed = next == ES_STEP_RETRY || next == ES_STEP_REFUSE;
    es_hash256_format(&step->row.payload.txid, txid);
    es_log(ES_LOG_INFO, "ledger.broadcast", es_f_int("transaction", step->row.id),
           es_f_text("txid", txid), es_f_text("provider", es_provider_name(step->said_by)),
           es_f_int("attempt", step->row.sends + 1),
           es_f_text("outcome", es_sight_name(step->sighting.sight)),
           es_f_text("reason", step->sighting.reason), es_f_text("detail", step->sighting.detail));
    es_metric_add(metrics_of(step), ES_METRIC_BROADCASTS, 1);
    if (!failed) {
        return ES_DB_OK;
    }
    es_metric_add(metrics_of(step), failure_metric(&step->sighting), 1);
    return es_gauges_count_failure(step->work->db, es_provider_name(step->said_by),
                                   step->sighting.reason);
}

static void note_overdue(struct step *step)
{
    if (!step->overdue) {
        return;
    }
    es_metric_add(metrics_of(step), ES_METRIC_ANNOUNCED_AGAIN, 1);
    es_log(ES_LOG_INFO, "ledger.overdue", es_f_int("transaction", step->row.id),
           es_f_text("state", es_tx_state_name(step->row.state)),
           es_f_text("sight", es_sight_name(step->sighting.sight)));
}

static enum es_db_result perform_after_sending(struct step *step, enum es_step next)
{
    switch (next) {
    case ES_STEP_TO_SENT:
        return to_sent(step);
    case ES_STEP_REFUSE:
        return refuse(step);
    case ES_STEP_WAIT:
        return look_soon(step);
    case ES_STEP_RETRY:
    case ES_STEP_ANNOUNCE:
    case ES_STEP_REVIVE:
    case ES_STEP_TO_SEEN:
    case ES_STEP_PROVE:
    case ES_STEP_SEEN_AGAIN:
    case ES_STEP_TO_FINAL:
        break;
    }
    return retry(step);
}

static enum es_db_result announce(struct step *step)
{
    note_overdue(step);
    enum es_db_result result =
        es_transactions_sending(step->work->db, step->row.id, step->row.state);
    if (result != ES_DB_OK) {
        return result;
    }
    es_fault_point("ledger.before_send");
    step->said_by = step->work->providers->broadcaster;
    step->sighting = es_provider_submit(step->said_by, step->work->arena, &step->row.payload);
    es_fault_point("ledger.after_send");
    enum es_step next = es_decide_submission(step->row.state, step->sighting.sight);
    result = note_broadcast(step, next);
    if (result != ES_DB_OK) {
        return result;
    }
    if (next == ES_STEP_TO_SENT) {
        es_fault_point("ledger.after_accept");
    }
    return perform_after_sending(step, next);
}

/* --- deciding -------------------------------------------------------------------------------- */
typedef enum es_db_result perform_fn(struct step *step);

static perform_fn *const performers[] = {
    [ES_STEP_WAIT] = wait,         [ES_STEP_RETRY] = retry,     [ES_STEP_ANNOUNCE] = announce,
    [ES_STEP_REVIVE] = revive,     [ES_STEP_TO_SENT] = to_sent, [ES_STEP_TO_SEEN] = to_seen,
    [ES_STEP_PROVE] = prove,       [ES_STEP_REFUSE] = refuse,   [ES_STEP_SEEN_AGAIN] = seen_again,
    [ES_STEP_TO_FINAL] = to_final,
};

static void ask(struct step *step, struct es_provider *provider)
{
    step->said_by = provider;
    step->sighting = es_anchor_ask(step->work, provider, &step->row.payload.txid);
}

/* "Seen" needs the verifier's word as well, when there is one (E106). */
static enum es_step verify(struct step *step)
{
    struct es_provider *verifier = step->work->providers->verifier;
    if (verifier == NULL) {
        return ES_STEP_TO_SEEN;
    }
    struct es_sighting sighting = es_anchor_ask(step->work, verifier, &step->row.payload.txid);
    enum es_step next = es_decide_verified(sighting.sight, step->overdue);
    if (next == ES_STEP_ANNOUNCE) {
        es_metric_add(metrics_of(step), ES_METRIC_VERIFY_UNKNOWN, 1);
        es_log(ES_LOG_WARN, "ledger.unverified", es_f_int("transaction", step->row.id),
               es_f_text("verifier", es_provider_name(verifier)),
               es_f_text("says", es_sight_name(sighting.sight)));
    }
    return next;
}

/* Time is up: before it is announced again, or shown once more to be in a block that is not on the
 * best chain, another provider may know better (J2.8). OTHERWISE when that one does not. */
static enum es_step ask_around(struct step *step, enum es_step otherwise)
{
    const struct es_providers *providers = step->work->providers;
    struct es_provider *other =
        providers->verifier != NULL ? providers->verifier : providers->reader;
    if (other == providers->broadcaster) {
        return otherwise;
    }
    struct es_sighting before = step->sighting;
    ask(step, other);
    enum es_step next = es_decide_second_word(step->row.state, step->sighting.sight);
    if (next == ES_STEP_ANNOUNCE) {
        step->sighting = before;
        step->said_by = providers->broadcaster;
        return otherwise;
    }
    return next;
}

/* Contested for longer than a block ever takes: whoever calls it so may not have heard that the
 * other transaction was mined. */
static enum es_db_result settle_contest(struct step *step, enum es_step *next)
{
    bool lost = false;
    if (step->sighting.sight != ES_SIGHT_CONTESTED ||
        step->row.in_state_ms <= config_of(step)->mined_deadline_ms) {
        return ES_DB_OK;
    }
    enum es_db_result result = es_refuse_is_lost(step->work, &step->row, &lost);
    if (result == ES_DB_OK && lost) {
        step->sighting.refusal = ES_REFUSAL_COIN;
        *next = ES_STEP_REFUSE;
    }
    return result;
}

static void note_contest(const struct step *step)
{
    if (step->sighting.sight == ES_SIGHT_CONTESTED && step->overdue) {
        es_metric_add(metrics_of(step), ES_METRIC_CONTESTED, 1);
        es_log(ES_LOG_WARN, "ledger.contested", es_f_int("transaction", step->row.id),
               es_f_text("detail", step->sighting.detail));
    }
}

static enum es_db_result step_unmined(struct step *step)
{
    const struct es_ledger_config *config = config_of(step);
    struct es_deadlines deadlines = {.seen_ms = config->seen_deadline_ms,
                                     .mined_ms = config->mined_deadline_ms};
    if (step->row.sends == 0) {
        step->sighting = es_sighting_make(ES_SIGHT_UNKNOWN, "never sent");
    } else {
        ask(step, step->work->providers->broadcaster);
    }
    step->overdue =
        es_decide_overdue(step->row.state, step->sighting.sight, step->row.sent_ago_ms, &deadlines);
    note_contest(step);
    enum es_step next = es_decide_status(step->row.state, step->sighting.sight, step->overdue);
    enum es_db_result result = ES_DB_OK;
    if (next == ES_STEP_TO_SEEN) {
        next = verify(step);
    } else if (step->overdue && (next == ES_STEP_ANNOUNCE || next == ES_STEP_PROVE)) {
        next = ask_around(step, next);
        result = next == ES_STEP_ANNOUNCE ? settle_contest(step, &next) : ES_DB_OK;
    }
    return result == ES_DB_OK ? performers[next](step) : result;
}

/* Its block should be on our chain of headers by now: ask whether it is still in that block. */
static enum es_step check_block(struct step *step)
{
    ask(step, step->work->providers->broadcaster);
    bool same = step->sighting.sight == ES_SIGHT_MINED &&
                es_hash_equal(&step->sighting.block_hash, &step->row.block_hash);
    bool silent = step->sighting.sight == ES_SIGHT_UNCLEAR || step->sighting.sight == ES_SIGHT_BUSY;
    return same || silent ? ES_STEP_WAIT : ES_STEP_SEEN_AGAIN;
}

static enum es_db_result step_mined(struct step *step)
{
    const struct es_ledger_config *config = config_of(step);
    enum es_block_place place = ES_BLOCK_NOT_HELD;
    int64_t confirmations = 0;
    enum es_db_result result = es_headers_place(step->work->db, step->row.block_height,
                                                &step->row.block_hash, &place, &confirmations);
    if (result != ES_DB_OK) {
        return result;
    }
    enum es_step next = es_decide_mined(place, confirmations, config->confirmations);
    if (place == ES_BLOCK_NOT_HELD && step->row.in_state_ms > config->mined_deadline_ms) {
        next = check_block(step);
    }
    return performers[next](step);
}

static int64_t lease_ms(const struct es_ledger_config *config)
{
    return CALLS_A_STEP * config->provider_timeout_ms + LEASE_SPARE_MS;
}

enum es_db_result es_step_next(struct es_anchor_work *work, bool *ret_any)
{
    struct step step = {.work = work, .said_by = work->providers->broadcaster};
    es_arena_reset(work->arena);
    enum es_db_result result =
        es_transactions_claim(work->db, work->arena, lease_ms(&work->ledger->config), &step.row);
    *ret_any = result == ES_DB_OK;
    if (result != ES_DB_OK) {
        return result == ES_DB_NO_ROW ? ES_DB_OK : result;
    }
    if (step.row.state == ES_TX_SEEN || step.row.state == ES_TX_MINED) {
        result = reward(&step);
    }
    if (result == ES_DB_OK) {
        result = step.row.state == ES_TX_MINED ? step_mined(&step) : step_unmined(&step);
    }
    return result == ES_DB_NO_ROW ? ES_DB_OK : result; /* another process was faster */
}
