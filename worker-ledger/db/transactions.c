#include "worker-ledger/db/transactions.h"

#include <string.h>

/* statement_timestamp() in the search: clock_timestamp() is volatile, so the index would only give
 * the order, and a search that finds nothing due would walk over everything that is not (E92). */
const struct es_db_statement es_transactions_claim_statement = {
    .name = "transactions_claim",
    .params = "i",
    .sql =
        "UPDATE anchor.transactions t"
        " SET next_at = clock_timestamp() + $1 * interval '1 millisecond'"
        " WHERE t.transaction_id = (SELECT transaction_id FROM anchor.transactions"
        "  WHERE next_at <= statement_timestamp() ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED)"
        " RETURNING t.transaction_id, coalesce(t.checkpoint_id, 0) AS checkpoint_id, t.txid,"
        "  t.raw, t.fee, t.state, t.sends, t.failures,"
        "  (extract(epoch FROM clock_timestamp() - t.state_since) * 1000)::bigint AS in_state_ms,"
        "  coalesce((extract(epoch FROM clock_timestamp() - t.sent_at) * 1000)::bigint,"
        "   9223372036854775807) AS sent_ago_ms,"
        "  EXISTS (SELECT FROM anchor.rewarded r WHERE r.checkpoint_id = t.checkpoint_id)"
        "   AS rewarded,"
        "  t.block_hash, coalesce(t.block_height, 0) AS block_height",
};

const struct es_db_statement es_transactions_add_statement = {
    .name = "transactions_add",
    .params = "?ixxi",
    .sql = "WITH made AS ("
           "  INSERT INTO anchor.transactions"
           "   (kind, checkpoint_id, txid, raw, fee, state, next_at)"
           "  VALUES (CASE WHEN $1::bigint IS NULL THEN 'split' ELSE 'anchor' END, $1, $2, $3, $4,"
           "   'signed', clock_timestamp()) RETURNING transaction_id)"
           " INSERT INTO anchor.transitions (transaction_id, from_state, to_state, reason)"
           " SELECT transaction_id, 'new', 'signed', 'signed' FROM made RETURNING transaction_id",
};

const struct es_db_statement es_transactions_known_statement = {
    .name = "transactions_known",
    .params = "x",
    .sql = "SELECT EXISTS (SELECT FROM anchor.transactions WHERE txid = $1) AS known",
};

const struct es_db_statement es_transactions_move_statement = {
    .name = "transactions_move",
    .params = "ittit",
    .sql = "WITH moved AS ("
           "  UPDATE anchor.transactions SET state = $3, state_since = clock_timestamp(),"
           "   failures = 0, next_at = CASE WHEN $3 IN ('final', 'rejected', 'stale') THEN NULL"
           "    ELSE clock_timestamp() + $4 * interval '1 millisecond' END,"
           "   block_hash = CASE WHEN $3 = 'final' THEN block_hash END,"
           "   block_height = CASE WHEN $3 = 'final' THEN block_height END,"
           "   block_header = CASE WHEN $3 = 'final' THEN block_header END,"
           "   bump = CASE WHEN $3 = 'final' THEN bump END"
           "  WHERE transaction_id = $1 AND state = $2 RETURNING transaction_id)"
           " INSERT INTO anchor.transitions (transaction_id, from_state, to_state, reason)"
           " SELECT transaction_id, $2, $3, $5 FROM moved RETURNING transaction_id",
};

const struct es_db_statement es_transactions_mined_statement = {
    .name = "transactions_mined",
    .params = "ixixxit",
    .sql = "WITH moved AS ("
           "  UPDATE anchor.transactions SET state = 'mined', state_since = clock_timestamp(),"
           "   failures = 0, next_at = clock_timestamp() + $6 * interval '1 millisecond',"
           "   block_hash = $2, block_height = $3, block_header = $4, bump = $5"
           "  WHERE transaction_id = $1 AND state = 'seen' RETURNING transaction_id)"
           " INSERT INTO anchor.transitions (transaction_id, from_state, to_state, reason)"
           " SELECT transaction_id, 'seen', 'mined', $7 FROM moved RETURNING transaction_id",
};

const struct es_db_statement es_transactions_again_statement = {
    .name = "transactions_again",
    .params = "itit",
    .sql = "UPDATE anchor.transactions"
           " SET next_at = clock_timestamp() + $3 * interval '1 millisecond',"
           "  failures = CASE $4 WHEN 'failed' THEN failures + 1 WHEN 'untried' THEN failures"
           "   ELSE 0 END"
           " WHERE transaction_id = $1 AND state = $2 RETURNING transaction_id",
};

const struct es_db_statement es_transactions_sending_statement = {
    .name = "transactions_sending",
    .params = "it",
    .sql = "UPDATE anchor.transactions SET sends = sends + 1, sent_at = clock_timestamp()"
           " WHERE transaction_id = $1 AND state = $2 RETURNING transaction_id",
};

const struct es_db_statement es_transactions_revive_statement = {
    .name = "transactions_revive",
    .params = "i",
    .sql = "WITH revived AS ("
           "  UPDATE anchor.transactions SET next_at = clock_timestamp(), sent_at = NULL"
           "  WHERE state IN ('signed', 'sent', 'seen') AND transaction_id IN"
           "   (SELECT made_by FROM anchor.coins WHERE spent_by = $1) RETURNING transaction_id)"
           " SELECT count(*) AS revived FROM revived",
};

const struct es_db_statement es_transactions_hold_statement = {
    .name = "transactions_hold",
    .params = "it",
    .sql = "SELECT transaction_id FROM anchor.transactions"
           " WHERE transaction_id = $1 AND state = $2 FOR NO KEY UPDATE",
};

/* A statement of its own: one that has waited for the lock still sees what was there before. */
const struct es_db_statement es_transactions_rewarded_statement = {
    .name = "transactions_rewarded",
    .params = "i",
    .sql = "SELECT EXISTS (SELECT FROM anchor.transactions JOIN anchor.rewarded"
           "  USING (checkpoint_id) WHERE transaction_id = $1) AS rewarded",
};

/* Those at which failures are counted keep their back-off. */
const struct es_db_statement es_transactions_new_block_statement = {
    .name = "transactions_new_block",
    .params = "",
    .sql = "UPDATE anchor.transactions SET next_at = clock_timestamp()"
           " WHERE next_at > clock_timestamp() AND state IN ('seen', 'mined') AND failures = 0",
};

/* RET_BYTES lives in ARENA. */
static void keep_bytes(const struct es_db_rows *rows, const char *column, struct es_arena *arena,
                       const unsigned char **ret_bytes, size_t *ret_length)
{
    const void *bytes = es_db_bytea(rows, 0, column, ret_length);
    unsigned char *kept = es_arena_alloc(arena, *ret_length);
    memcpy(kept, bytes, *ret_length);
    *ret_bytes = kept;
}

static struct es_hash read_hash(const struct es_db_rows *rows, const char *column)
{
    size_t length = 0;
    const void *bytes = es_db_bytea(rows, 0, column, &length); /* the schema checks the length */
    return es_hash_from_bytes(bytes);
}

enum es_db_result es_transactions_claim(struct es_db *db, struct es_arena *arena, int64_t lease_ms,
                                        struct es_tx_row *ret_row)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &es_transactions_claim_statement, &rows, lease_ms);
    if (result != ES_DB_OK) {
        return result;
    }
    struct es_tx_row row = {
        .id = es_db_i64(rows, 0, "transaction_id"),
        .checkpoint_id = es_db_i64(rows, 0, "checkpoint_id"),
        .fee = es_db_i64(rows, 0, "fee"),
        .in_state_ms = es_db_i64(rows, 0, "in_state_ms"),
        .sent_ago_ms = es_db_i64(rows, 0, "sent_ago_ms"),
        .sends = es_db_i64(rows, 0, "sends"),
        .failures = es_db_i64(rows, 0, "failures"),
        .rewarded = es_db_bool(rows, 0, "rewarded"),
        .block_height = es_db_i64(rows, 0, "block_height"),
    };
    if (!es_tx_state_parse(es_db_text(rows, 0, "state"), &row.state)) {
        return ES_DB_BUG; /* the schema knows no other states */
    }
    row.payload.txid = read_hash(rows, "txid");
    keep_bytes(rows, "raw", arena, &row.payload.raw, &row.payload.raw_length);
    if (!es_db_is_null(rows, 0, "block_hash")) {
        row.block_hash = read_hash(rows, "block_hash");
    }
    *ret_row = row;
    return ES_DB_OK;
}

enum es_db_result es_transactions_add(struct es_db *db, int64_t checkpoint_id,
                                      const struct es_payload *payload, int64_t fee,
                                      int64_t *ret_id)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(
        db, &es_transactions_add_statement, &rows, checkpoint_id == 0, checkpoint_id,
        payload->txid.bytes, (size_t)ES_HASH_SIZE, payload->raw, payload->raw_length, fee);
    if (result == ES_DB_OK) {
        *ret_id = es_db_i64(rows, 0, "transaction_id");
    }
    return result;
}

enum es_db_result es_transactions_known(struct es_db *db, const struct es_hash *txid,
                                        bool *ret_known)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_one(db, &es_transactions_known_statement, &rows, txid->bytes, (size_t)ES_HASH_SIZE);
    if (result == ES_DB_OK) {
        *ret_known = es_db_bool(rows, 0, "known");
    }
    return result;
}

enum es_db_result es_transactions_move(struct es_db *db, int64_t id, enum es_tx_state from,
                                       enum es_tx_state to, int64_t delay_ms, const char *reason)
{
    return es_db_one(db, &es_transactions_move_statement, NULL, id, es_tx_state_name(from),
                     es_tx_state_name(to), delay_ms, reason);
}

enum es_db_result es_transactions_mined(struct es_db *db, int64_t id,
                                        const struct es_tx_proof *proof, int64_t delay_ms,
                                        const char *reason)
{
    return es_db_one(db, &es_transactions_mined_statement, NULL, id, proof->header.hash.bytes,
                     (size_t)ES_HASH_SIZE, proof->header.height, proof->header.raw,
                     (size_t)ES_HEADER_SIZE, proof->bump, proof->bump_length, delay_ms, reason);
}

enum es_db_result es_transactions_again(struct es_db *db, int64_t id, enum es_tx_state state,
                                        int64_t delay_ms, enum es_tx_try tried)
{
    static const char *const names[] = {
        [ES_TX_WELL] = "well",
        [ES_TX_FAILED] = "failed",
        [ES_TX_UNTRIED] = "untried",
    };
    return es_db_one(db, &es_transactions_again_statement, NULL, id, es_tx_state_name(state),
                     delay_ms, names[tried]);
}

enum es_db_result es_transactions_sending(struct es_db *db, int64_t id, enum es_tx_state state)
{
    return es_db_one(db, &es_transactions_sending_statement, NULL, id, es_tx_state_name(state));
}

enum es_db_result es_transactions_revive(struct es_db *db, int64_t id, int64_t *ret_count)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &es_transactions_revive_statement, &rows, id);
    if (result == ES_DB_OK) {
        *ret_count = es_db_i64(rows, 0, "revived");
    }
    return result;
}

enum es_db_result es_transactions_hold(struct es_db *db, int64_t id, enum es_tx_state state,
                                       bool *ret_rewarded)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_one(db, &es_transactions_hold_statement, NULL, id, es_tx_state_name(state));
    if (result == ES_DB_OK) {
        result = es_db_one(db, &es_transactions_rewarded_statement, &rows, id);
    }
    if (result == ES_DB_OK) {
        *ret_rewarded = es_db_bool(rows, 0, "rewarded");
    }
    return result;
}

enum es_db_result es_transactions_new_block(struct es_db *db)
{
    return es_db_run(db, &es_transactions_new_block_statement, NULL);
}
