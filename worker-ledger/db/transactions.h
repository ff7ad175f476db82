/*
 * Our transactions in PostgreSQL.
 *
 * Every change of state is a compare-and-swap: it names the state it expects, and yields
 * ES_DB_NO_ROW, changing nothing, when another process was there first. Each leaves a line with its
 * reason in anchor.transitions, written by the same statement. Times are the database's, so that
 * several processes agree on them.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"
#include "common/db/db.h"
#include "common/tlog/hash.h"
#include "worker-ledger/anchor/state.h"
#include "worker-ledger/providers/answers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const struct es_db_statement es_transactions_claim_statement;
extern const struct es_db_statement es_transactions_add_statement;
extern const struct es_db_statement es_transactions_known_statement;
extern const struct es_db_statement es_transactions_move_statement;
extern const struct es_db_statement es_transactions_mined_statement;
extern const struct es_db_statement es_transactions_again_statement;
extern const struct es_db_statement es_transactions_sending_statement;
extern const struct es_db_statement es_transactions_revive_statement;
extern const struct es_db_statement es_transactions_hold_statement;
extern const struct es_db_statement es_transactions_rewarded_statement;
extern const struct es_db_statement es_transactions_new_block_statement;

struct es_tx_row {
    int64_t id;
    int64_t checkpoint_id; /* 0: it carries none (a split) */
    struct es_payload payload;
    int64_t fee; /* satoshis */
    enum es_tx_state state;
    int64_t in_state_ms;
    int64_t sent_ago_ms; /* INT64_MAX: not sent, or to be sent again */
    int64_t sends;
    int64_t failures;          /* in a row */
    bool rewarded;             /* its checkpoint's leaves have been */
    struct es_hash block_hash; /* mined and final */
    int64_t block_height;
};

/* Take the transaction that is most overdue, for LEASE_MS: until then nobody else gets it, after
 * that it is due again. ES_DB_NO_ROW when none is due. What *RET_ROW points to lives in ARENA. */
enum es_db_result es_transactions_claim(struct es_db *db, struct es_arena *arena, int64_t lease_ms,
                                        struct es_tx_row *ret_row) ES_MUST_CHECK;

/* Insert a signed transaction, due at once. CHECKPOINT_ID 0: a split. */
enum es_db_result es_transactions_add(struct es_db *db, int64_t checkpoint_id,
                                      const struct es_payload *payload, int64_t fee,
                                      int64_t *ret_id) ES_MUST_CHECK;

/* Whether there is (or was) a transaction of ours with this id. */
enum es_db_result es_transactions_known(struct es_db *db, const struct es_hash *txid,
                                        bool *ret_known) ES_MUST_CHECK;

/* FROM -> TO, due again after DELAY_MS (never again when TO is an end). Leaving `mined` for `seen`
 * forgets the block. */
enum es_db_result es_transactions_move(struct es_db *db, int64_t id, enum es_tx_state from,
                                       enum es_tx_state to, int64_t delay_ms,
                                       const char *reason) ES_MUST_CHECK;

struct es_tx_proof {
    struct es_block_header header;
    const unsigned char *bump;
    size_t bump_length;
};

/* seen -> mined, with its proof. */
enum es_db_result es_transactions_mined(struct es_db *db, int64_t id,
                                        const struct es_tx_proof *proof, int64_t delay_ms,
                                        const char *reason) ES_MUST_CHECK;

/* What a look at a transaction came to, for its count of failures. */
enum es_tx_try {
    ES_TX_WELL,    /* they are forgotten */
    ES_TX_FAILED,  /* one more */
    ES_TX_UNTRIED, /* nobody was asked: as before */
};

/* Stay in STATE and be due again after DELAY_MS. */
enum es_db_result es_transactions_again(struct es_db *db, int64_t id, enum es_tx_state state,
                                        int64_t delay_ms, enum es_tx_try tried) ES_MUST_CHECK;

/* The bytes are about to be sent: written before, so that a crash cannot hide it. */
enum es_db_result es_transactions_sending(struct es_db *db, int64_t id,
                                          enum es_tx_state state) ES_MUST_CHECK;

/* Have the unmined transactions that ID spends from sent again, now. *RET_COUNT is how many. */
enum es_db_result es_transactions_revive(struct es_db *db, int64_t id,
                                         int64_t *ret_count) ES_MUST_CHECK;

/* Lock transaction ID (until the end of the database transaction) if it is in STATE; whether its
 * checkpoint has been rewarded. ES_DB_NO_ROW when it is in another state. */
enum es_db_result es_transactions_hold(struct es_db *db, int64_t id, enum es_tx_state state,
                                       bool *ret_rewarded) ES_MUST_CHECK;

/* The chain has grown or changed: every transaction that is seen or mined is due now. */
enum es_db_result es_transactions_new_block(struct es_db *db) ES_MUST_CHECK;
