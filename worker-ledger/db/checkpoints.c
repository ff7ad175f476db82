#include "worker-ledger/db/checkpoints.h"

#include "worker-ledger/chain/hash256.h"

/* statement_timestamp(), so that the index bounds the search (E92). */
const struct es_db_statement es_checkpoints_next_statement = {
    .name = "checkpoints_next",
    .params = "",
    .sql = "SELECT c.checkpoint_id, c.size, c.root"
           " FROM anchor.unanchored u JOIN anchor.checkpoints c USING (checkpoint_id)"
           " WHERE u.next_at <= statement_timestamp() ORDER BY u.next_at, u.checkpoint_id LIMIT 1",
};

const struct es_db_statement es_checkpoints_signed_statement = {
    .name = "checkpoints_signed",
    .params = "i",
    .sql = "DELETE FROM anchor.unanchored WHERE checkpoint_id = $1 RETURNING checkpoint_id",
};

const struct es_db_statement es_checkpoints_postpone_statement = {
    .name = "checkpoints_postpone",
    .params = "i",
    .sql = "UPDATE anchor.unanchored SET next_at = statement_timestamp() WHERE checkpoint_id = $1"
           " RETURNING checkpoint_id",
};

const struct es_db_statement es_checkpoints_reward_statement = {
    .name = "checkpoints_reward",
    .params = "i",
    .sql = "SELECT pay.post_rewards($1) AS transfers",
};

const struct es_db_statement es_checkpoints_tell_statement = {
    .name = "checkpoints_tell",
    .params = "tit",
    .sql = "INSERT INTO bus.outbox (topic, payload)"
           " SELECT $1, jsonb_build_object('checkpoint_id', checkpoint_id::text, 'txid', $3::text,"
           "  'size', size::text) FROM anchor.checkpoints WHERE checkpoint_id = $2"
           " RETURNING event_id",
};

enum es_db_result es_checkpoints_next(struct es_db *db, struct es_checkpoint_row *ret_checkpoint)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    size_t length = 0;
    enum es_db_result result = es_db_one(db, &es_checkpoints_next_statement, &rows);
    if (result == ES_DB_OK) {
        *ret_checkpoint = (struct es_checkpoint_row){
            .id = es_db_i64(rows, 0, "checkpoint_id"),
            .size = es_db_i64(rows, 0, "size"),
            .root = es_hash_from_bytes(es_db_bytea(rows, 0, "root", &length)),
        };
    }
    return result;
}

enum es_db_result es_checkpoints_signed(struct es_db *db, int64_t checkpoint_id)
{
    return es_db_one(db, &es_checkpoints_signed_statement, NULL, checkpoint_id);
}

enum es_db_result es_checkpoints_postpone(struct es_db *db, int64_t checkpoint_id)
{
    return es_db_one(db, &es_checkpoints_postpone_statement, NULL, checkpoint_id);
}

enum es_db_result es_checkpoints_reward(struct es_db *db, int64_t checkpoint_id,
                                        int64_t *ret_transfers)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_one(db, &es_checkpoints_reward_statement, &rows, checkpoint_id);
    if (result == ES_DB_OK) {
        *ret_transfers = es_db_i64(rows, 0, "transfers");
    }
    return result;
}

enum es_db_result es_checkpoints_tell(struct es_db *db, const char *topic, int64_t checkpoint_id,
                                      const struct es_hash *txid)
{
    char id[ES_HASH256_TEXT_SIZE];
    es_hash256_format(txid, id);
    return es_db_one(db, &es_checkpoints_tell_statement, NULL, topic, checkpoint_id, id);
}
