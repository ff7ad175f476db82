#include "tier1-core/db/members.h"

const struct es_db_statement members_status_statement = {
    .name = "members_status",
    .params = "i",
    .sql = "SELECT m.contract_state, m.zone, l.streak, l.last_day, l.last_signal_at,"
           "  coalesce(b.balance, 0) AS balance"
           " FROM core.members m JOIN core.liveness l USING (member_id)"
           " LEFT JOIN pay.balances b ON b.account_id = m.reward_account"
           " WHERE m.member_id = $1",
};

enum es_db_result members_status(struct es_db *db, int64_t member_id, struct es_arena *arena,
                                 struct member_status *ret_status)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &members_status_statement, &rows, member_id);
    if (result != ES_DB_OK) {
        return result;
    }
    bool has_signal = !es_db_is_null(rows, 0, "last_day");
    *ret_status = (struct member_status){
        .balance = es_db_i64(rows, 0, "balance"),
        .streak = es_db_i64(rows, 0, "streak"),
        .contract_state = es_arena_strdup(arena, es_db_text(rows, 0, "contract_state")),
        .zone = es_arena_strdup(arena, es_db_text(rows, 0, "zone")),
        .has_signal = has_signal,
        .last_day = has_signal ? es_db_date(rows, 0, "last_day") : 0,
        .last_signal_us = has_signal ? es_db_time_us(rows, 0, "last_signal_at") : 0,
    };
    return ES_DB_OK;
}
