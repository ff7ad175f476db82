#include "deploy/ctl/status.h"

#include "common/base/clock.h"
#include "common/tlog/hash.h"
#include "worker-ledger/db/gauges.h"

/* Fee of a transaction where there was none yet: 1 input, commitment and change at 100 sat/kB. */
#define FIRST_FEE "28"

const struct es_db_statement es_status_members_statement = {
    .name = "status_members",
    .params = "",
    .sql = "SELECT (SELECT coalesce(max(number), 0)::bigint FROM public.eldersafe_migrations)"
           "   AS schema,"
           "  (SELECT count(*) FROM core.members WHERE contract_state = 'active') AS members,"
           "  (SELECT count(*) FROM core.liveness"
           "    WHERE last_day >= (now() AT TIME ZONE 'UTC')::date) AS heard_today",
};

const struct es_db_statement es_status_log_statement = {
    .name = "status_log",
    .params = "",
    .sql = "SELECT coalesce((SELECT size FROM anchor.log), 0) AS size, q.waiting,"
           "  coalesce(extract(epoch FROM clock_timestamp() - q.oldest), 0)::bigint AS waiting_s,"
           "  (SELECT count(*) FROM anchor.checkpoints) AS checkpoints,"
           "  (SELECT count(*) FROM anchor.unanchored) AS unanchored"
           " FROM anchor.queue_age() q",
};

const struct es_db_statement es_status_transactions_statement = {
    .name = "status_transactions",
    .params = "",
    .sql = "SELECT state AS name, count(*) AS count, 0::bigint AS \"limit\""
           " FROM anchor.transactions WHERE kind = 'anchor' GROUP BY state ORDER BY min(CASE state"
           "  WHEN 'signed' THEN 1 WHEN 'sent' THEN 2 WHEN 'seen' THEN 3 WHEN 'mined' THEN 4"
           "  WHEN 'final' THEN 5 ELSE 6 END), state",
};

const struct es_db_statement es_status_last_statement = {
    .name = "status_last",
    .params = "",
    .sql = "SELECT t.txid, t.state, CASE WHEN t.block_height IS NULL THEN 0"
           "   ELSE greatest(coalesce((SELECT max(height) FROM anchor.headers WHERE best),"
           "    t.block_height) - t.block_height + 1, 1) END AS confirmations"
           " FROM anchor.transactions t"
           " WHERE t.kind = 'anchor' AND t.state IN ('sent', 'seen', 'mined', 'final')"
           " ORDER BY t.transaction_id DESC LIMIT 1",
};

const struct es_db_statement es_status_coins_statement = {
    .name = "status_coins",
    .params = "",
    .sql = "SELECT count(*) AS coins, coalesce(sum(satoshis), 0)::bigint AS satoshis,"
           "  (coalesce(sum(satoshis), 0) / greatest(coalesce((SELECT avg(fee) FROM"
           "   (SELECT fee FROM anchor.transactions WHERE kind = 'anchor'"
           "    ORDER BY transaction_id DESC LIMIT 20) latest), " FIRST_FEE "), 1))::bigint"
           "   AS batches_left"
           " FROM anchor.coins WHERE spent_by IS NULL AND usable",
};

const struct es_db_statement es_status_bus_statement = {
    .name = "status_bus",
    .params = "",
    .sql = "SELECT behind.count, coalesce(extract(epoch FROM clock_timestamp() - behind.oldest), 0)"
           "   ::bigint AS seconds,"
           "  (SELECT count(*) FROM bus.failures WHERE parked_at IS NOT NULL) AS parked"
           " FROM (SELECT count(*) AS count, min(o.created_at) AS oldest"
           "  FROM bus.outbox o, bus.relay_position p"
           "  WHERE o.written_by >= pg_snapshot_xmin(p.passed)"
           "   AND NOT pg_visible_in_snapshot(o.written_by, p.passed)"
           "   AND NOT coalesce(pg_visible_in_snapshot(o.written_by, p.target)"
           "    AND o.event_id <= p.event_id, false)) behind",
};

const struct es_db_statement es_status_messages_statement = {
    .name = "status_messages",
    .params = "",
    .sql = "SELECT state AS name, count(*) AS count, 0::bigint AS \"limit\" FROM vault.messages"
           " GROUP BY state ORDER BY state",
};

const struct es_db_statement es_status_connections_statement = {
    .name = "status_connections",
    .params = "",
    .sql = "SELECT r.rolname::text AS name, count(a.pid) AS count,"
           "  r.rolconnlimit::bigint AS \"limit\""
           " FROM pg_roles r LEFT JOIN pg_stat_activity a ON a.usesysid = r.oid"
           " WHERE r.rolcanlogin AND r.rolname LIKE 'eldersafe%'"
           " GROUP BY r.rolname, r.rolconnlimit ORDER BY r.rolname",
};

const struct es_db_statement *const es_status_statements[] = {
    &es_status_members_statement,     &es_status_log_statement,
    &es_gauges_age_statement,         &es_status_transactions_statement,
    &es_status_last_statement,        &es_status_coins_statement,
    &es_status_bus_statement,         &es_status_messages_statement,
    &es_status_connections_statement,
};
const size_t es_status_statement_count = ES_ARRAY_LEN(es_status_statements);

static enum es_db_result read_members(struct es_db *db, struct es_status *status)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &es_status_members_statement, &rows);
    if (result == ES_DB_OK) {
        status->schema = es_db_i64(rows, 0, "schema");
        status->members = es_db_i64(rows, 0, "members");
        status->heard_today = es_db_i64(rows, 0, "heard_today");
    }
    return result;
}

static enum es_db_result read_log(struct es_db *db, struct es_status *status)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &es_status_log_statement, &rows);
    if (result == ES_DB_OK) {
        status->log_size = es_db_i64(rows, 0, "size");
        status->waiting = es_db_i64(rows, 0, "waiting");
        status->waiting_s = es_db_i64(rows, 0, "waiting_s");
        status->checkpoints = es_db_i64(rows, 0, "checkpoints");
        status->unanchored = es_db_i64(rows, 0, "unanchored");
    }
    return result;
}

static enum es_db_result read_age(struct es_db *db, struct es_status *status)
{
    int64_t oldest_ms = 0;
    enum es_db_result result = es_gauges_age(db, &oldest_ms);
    if (result == ES_DB_OK) {
        status->unseen_s = oldest_ms / ES_MS_PER_S;
    }
    return result;
}

static enum es_db_result read_last(struct es_db *db, struct es_arena *arena,
                                   struct es_status_last *last)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    size_t length = 0;
    enum es_db_result result = es_db_one(db, &es_status_last_statement, &rows);
    if (result == ES_DB_OK) {
        last->exists = true;
        last->txid = es_hash_from_bytes(es_db_bytea(rows, 0, "txid", &length));
        last->state = es_arena_strdup(arena, es_db_text(rows, 0, "state"));
        last->confirmations = es_db_i64(rows, 0, "confirmations");
    }
    return result == ES_DB_NO_ROW ? ES_DB_OK : result;
}

static enum es_db_result read_coins(struct es_db *db, struct es_status *status)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &es_status_coins_statement, &rows);
    if (result == ES_DB_OK) {
        status->coins = es_db_i64(rows, 0, "coins");
        status->satoshis = es_db_i64(rows, 0, "satoshis");
        status->batches_left = es_db_i64(rows, 0, "batches_left");
    }
    return result;
}

static enum es_db_result read_bus(struct es_db *db, struct es_status *status)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &es_status_bus_statement, &rows);
    if (result == ES_DB_OK) {
        status->outbox_behind = es_db_i64(rows, 0, "count");
        status->outbox_behind_s = es_db_i64(rows, 0, "seconds");
        status->parked = es_db_i64(rows, 0, "parked");
    }
    return result;
}

static enum es_db_result read_counts(struct es_db *db, struct es_arena *arena,
                                     const struct es_db_statement *statement,
                                     struct es_status_counts *counts)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_run(db, statement, &rows);
    if (result != ES_DB_OK) {
        return result;
    }
    size_t count = es_db_row_count(rows);
    struct es_status_count *items = es_arena_alloc(arena, count * sizeof(*items));
    for (size_t i = 0; i < count; i++) {
        items[i] = (struct es_status_count){
            .name = es_arena_strdup(arena, es_db_text(rows, i, "name")),
            .count = es_db_i64(rows, i, "count"),
            .limit = es_db_i64(rows, i, "limit"),
        };
    }
    *counts = (struct es_status_counts){.items = items, .count = count};
    return ES_DB_OK;
}

enum es_db_result es_status_read(struct es_db *db, struct es_arena *arena,
                                 struct es_status *ret_status)
{
    struct es_status status = {.server_version = es_db_server_version(db)};
    enum es_db_result result = read_members(db, &status);
    result = result != ES_DB_OK ? result : read_log(db, &status);
    result = result != ES_DB_OK ? result : read_age(db, &status);
    result = result != ES_DB_OK ? result : read_last(db, arena, &status.last);
    result = result != ES_DB_OK ? result : read_coins(db, &status);
    result = result != ES_DB_OK ? result : read_bus(db, &status);
    const struct {
        const struct es_db_statement *statement;
        struct es_status_counts *counts;
    } lists[] = {
        {&es_status_transactions_statement, &status.transactions},
        {&es_status_messages_statement, &status.messages},
        {&es_status_connections_statement, &status.connections},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(lists) && result == ES_DB_OK; i++) {
        result = read_counts(db, arena, lists[i].statement, lists[i].counts);
    }
    if (result == ES_DB_OK) {
        *ret_status = status;
    }
    return result;
}
