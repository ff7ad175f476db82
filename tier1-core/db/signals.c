#include "tier1-core/db/signals.h"

#include <string.h>

const struct es_db_statement signals_find_members_statement = {
    .name = "signals_find_members",
    .params = "I",
    .sql = "SELECT member_id, reward_account, zone FROM core.members"
           " WHERE member_id = ANY ($1::bigint[]) AND contract_state <> 'terminated'",
};

enum es_db_result signals_find_members(struct es_db *db, const int64_t *member_ids, size_t count,
                                       struct es_arena *arena, struct signal_member **ret_members,
                                       size_t *ret_count, struct es_db_rows **ret_rows)
{
    struct es_db_array ids = {.items = member_ids, .count = count};
    struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_run(db, &signals_find_members_statement, &rows, &ids);
    if (result != ES_DB_OK) {
        return result;
    }
    size_t found = es_db_row_count(rows);
    struct signal_member *members = es_arena_alloc(arena, found * sizeof(*members));
    for (size_t i = 0; i < found; i++) {
        members[i] = (struct signal_member){
            .member_id = es_db_i64(rows, i, "member_id"),
            .reward_account = es_db_i64(rows, i, "reward_account"),
            .zone = es_db_text(rows, i, "zone"),
        };
    }
    *ret_members = members;
    *ret_count = found;
    *ret_rows = rows;
    return ES_DB_OK;
}

/*
 * One statement, one transaction, one flush for the whole batch.
 *   input   what came in, each with an id of its own
 *   fresh   the rows that were not there yet: everything below hangs on them (FE2)
 *   leaf    asks for anchoring
 *   alive   streak: +1 on the day after the last one, else 1; a day reported late (made offline)
 *           joins the run it touches and never moves last_day back
 */
const struct es_db_statement signals_append_statement = {
    .name = "signals_append",
    .params = "IDTTZXXTXUI",
    .sql =
        "WITH input AS MATERIALIZED ("
        " SELECT nextval('anchor.leaf_ids') AS signal_id, t.*"
        " FROM unnest($1::bigint[], $2::date[], $3::text[], $4::text[], $5::timestamptz[],"
        "  $6::bytea[], $7::bytea[], $8::text[], $9::bytea[], $10::uuid[], $11::bigint[])"
        "  AS t (member_id, signal_day, channel, evidence, received_at, salt, hash, event, actor,"
        "   request_id, reward_account)"
        "), fresh AS ("
        " INSERT INTO core.signals (member_id, signal_day, slot, signal_id, channel, evidence,"
        "  received_at, salt, event, actor, request_id)"
        " SELECT member_id, signal_day, 0, signal_id, channel, evidence, received_at, salt, event,"
        "  actor, request_id FROM input"
        " ON CONFLICT (member_id, signal_day, slot) DO NOTHING"
        " RETURNING signal_id, member_id, signal_day, received_at"
        "), leaf AS ("
        " INSERT INTO anchor.leaves (leaf_id, hash, reward_account)"
        " SELECT i.signal_id, i.hash, i.reward_account FROM fresh f JOIN input i USING (signal_id)"
        "), alive AS ("
        " UPDATE core.liveness l SET"
        "  streak = CASE"
        "   WHEN l.last_day IS NULL OR f.signal_day > l.last_day + 1 THEN 1"
        "   WHEN f.signal_day = l.last_day + 1 THEN l.streak + 1"
        "   WHEN f.signal_day = l.last_day - l.streak"
        "    THEN l.streak + 1 + core.run_before(f.member_id, f.signal_day)"
        "   ELSE l.streak END,"
        "  last_day = greatest(l.last_day, f.signal_day),"
        "  last_signal_at = greatest(l.last_signal_at, f.received_at)"
        " FROM fresh f WHERE l.member_id = f.member_id"
        " RETURNING l.member_id, l.streak"
        ") SELECT f.member_id, f.signal_day, f.signal_id, a.streak,"
        "  coalesce(b.balance, 0) AS balance"
        " FROM fresh f JOIN alive a USING (member_id) JOIN input i USING (signal_id)"
        " LEFT JOIN pay.balances b ON b.account_id = i.reward_account",
};

static void read_outcomes(const struct es_db_rows *rows, struct es_arena *arena,
                          struct signal_outcome **ret_outcomes, size_t *ret_count)
{
    size_t count = es_db_row_count(rows);
    struct signal_outcome *outcomes = es_arena_alloc(arena, count * sizeof(*outcomes));
    int member = es_db_column(rows, "member_id", 'i');
    int day = es_db_column(rows, "signal_day", 'd');
    int signal = es_db_column(rows, "signal_id", 'i');
    int streak = es_db_column(rows, "streak", 'n');
    int balance = es_db_column(rows, "balance", 'i');
    for (size_t i = 0; i < count; i++) {
        outcomes[i] = (struct signal_outcome){
            .member_id = es_db_i64_at(rows, i, member),
            .day = es_db_date_at(rows, i, day),
            .signal_id = es_db_i64_at(rows, i, signal),
            .streak = es_db_i64_at(rows, i, streak),
            .balance = es_db_i64_at(rows, i, balance),
        };
    }
    *ret_outcomes = outcomes;
    *ret_count = count;
}

enum es_db_result signals_append(struct es_db *db, const struct signal_batch *batch,
                                 struct es_arena *arena, struct signal_outcome **ret_outcomes,
                                 size_t *ret_count)
{
    size_t count = batch->count;
    struct es_db_array member_ids = {batch->member_ids, count, NULL};
    struct es_db_array days = {batch->days, count, NULL};
    struct es_db_array channels = {batch->channels, count, NULL};
    struct es_db_array evidences = {batch->evidences, count, NULL};
    struct es_db_array received = {batch->received_us, count, NULL};
    struct es_db_array salts = {batch->salts, count, NULL};
    struct es_db_array hashes = {batch->hashes, count, NULL};
    struct es_db_array events = {batch->events, count, NULL};
    struct es_db_array actors = {batch->actors, count, NULL};
    struct es_db_array request_ids = {batch->request_ids, count, NULL};
    struct es_db_array accounts = {batch->reward_accounts, count, NULL};
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_run(db, &signals_append_statement, &rows, &member_ids, &days, &channels, &evidences,
                  &received, &salts, &hashes, &events, &actors, &request_ids, &accounts);
    if (result == ES_DB_OK) {
        read_outcomes(rows, arena, ret_outcomes, ret_count);
    }
    return result;
}

const struct es_db_statement signals_find_statement = {
    .name = "signals_find",
    .params = "ID",
    .sql = "SELECT s.member_id, s.signal_day, s.signal_id, l.streak,"
           "  coalesce(b.balance, 0) AS balance"
           " FROM unnest($1::bigint[], $2::date[]) AS t (member_id, signal_day)"
           " JOIN core.signals s ON s.member_id = t.member_id AND s.signal_day = t.signal_day"
           "  AND s.slot = 0"
           " JOIN core.liveness l ON l.member_id = t.member_id"
           " JOIN core.members m ON m.member_id = t.member_id"
           " LEFT JOIN pay.balances b ON b.account_id = m.reward_account",
};

enum es_db_result signals_find(struct es_db *db, const int64_t *member_ids, const int32_t *days,
                               size_t count, struct es_arena *arena,
                               struct signal_outcome **ret_outcomes, size_t *ret_count)
{
    struct es_db_array ids = {member_ids, count, NULL};
    struct es_db_array dates = {days, count, NULL};
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_run(db, &signals_find_statement, &rows, &ids, &dates);
    if (result == ES_DB_OK) {
        read_outcomes(rows, arena, ret_outcomes, ret_count);
    }
    return result;
}

const struct es_db_statement signals_history_statement = {
    .name = "signals_history",
    .params = "idn",
    .sql = "WITH page AS MATERIALIZED ("
           " SELECT signal_id, signal_day, slot, channel, evidence, received_at FROM core.signals"
           " WHERE member_id = $1 AND signal_day < $2 ORDER BY signal_day DESC, slot DESC LIMIT $3"
           ") SELECT p.*, s.state, s.txid FROM page p"
           " LEFT JOIN anchor.leaf_status((SELECT array_agg(signal_id) FROM page)) s"
           "  ON s.leaf_id = p.signal_id"
           " ORDER BY p.signal_day DESC, p.slot DESC",
};

enum es_db_result signals_history(struct es_db *db, int64_t member_id, int32_t before_day,
                                  int32_t limit, struct es_arena *arena,
                                  struct signal_row **ret_rows, size_t *ret_count)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_run(db, &signals_history_statement, &rows, member_id, before_day, limit);
    if (result != ES_DB_OK) {
        return result;
    }
    size_t count = es_db_row_count(rows);
    struct signal_row *page = es_arena_alloc(arena, count * sizeof(*page));
    for (size_t i = 0; i < count; i++) {
        size_t length = 0;
        bool has_txid = !es_db_is_null(rows, i, "txid");
        const void *txid = has_txid ? es_db_bytea(rows, i, "txid", &length) : NULL;
        bool has_state = !es_db_is_null(rows, i, "state");
        page[i] = (struct signal_row){
            .signal_id = es_db_i64(rows, i, "signal_id"),
            .day = es_db_date(rows, i, "signal_day"),
            .channel = es_arena_strdup(arena, es_db_text(rows, i, "channel")),
            .evidence = es_arena_strdup(arena, es_db_text(rows, i, "evidence")),
            .received_us = es_db_time_us(rows, i, "received_at"),
            .state = has_state ? es_arena_strdup(arena, es_db_text(rows, i, "state")) : "pending",
            .txid =
                txid == NULL ? NULL : (const unsigned char *)es_arena_strndup(arena, txid, length),
        };
    }
    *ret_rows = page;
    *ret_count = count;
    return ES_DB_OK;
}

const struct es_db_statement signals_event_statement = {
    .name = "signals_event",
    .params = "ii",
    .sql = "SELECT event, salt FROM core.signals WHERE member_id = $1 AND signal_id = $2",
};

enum es_db_result signals_event(struct es_db *db, int64_t member_id, int64_t signal_id,
                                struct es_arena *arena, const char **ret_event,
                                const unsigned char **ret_salt)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &signals_event_statement, &rows, member_id, signal_id);
    if (result != ES_DB_OK) {
        return result;
    }
    size_t length = 0;
    const void *salt = es_db_bytea(rows, 0, "salt", &length);
    *ret_event = es_arena_strdup(arena, es_db_text(rows, 0, "event"));
    *ret_salt = (const unsigned char *)es_arena_strndup(arena, salt, length);
    return ES_DB_OK;
}
