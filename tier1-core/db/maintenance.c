#include "tier1-core/db/maintenance.h"

const struct es_db_statement maintenance_partitions_statement = {
    .name = "maintenance_partitions",
    .params = "n",
    .sql = "SELECT core.make_signal_partitions($1)::bigint AS created",
};

const struct es_db_statement maintenance_prune_core_statement = {
    .name = "maintenance_prune_core",
    .params = "",
    .sql = "SELECT max(value::bigint) AS most FROM jsonb_each_text(core.prune(now()))",
};

const struct es_db_statement maintenance_prune_bus_statement = {
    .name = "maintenance_prune_bus",
    .params = "",
    .sql = "SELECT max(value::bigint) AS most FROM jsonb_each_text(bus.prune())",
};

const struct es_db_statement maintenance_ping_statement = {
    .name = "maintenance_ping",
    .params = "",
    .sql = "SELECT 1 AS one",
};

enum es_db_result maintenance_partitions(struct es_db *db, int32_t months, int64_t *ret_created)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, &maintenance_partitions_statement, &rows, months);
    if (result == ES_DB_OK) {
        *ret_created = es_db_i64(rows, 0, "created");
    }
    return result;
}

static enum es_db_result prune(struct es_db *db, const struct es_db_statement *statement,
                               int64_t *most)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_one(db, statement, &rows);
    if (result == ES_DB_OK) {
        int64_t removed = es_db_i64(rows, 0, "most");
        *most = removed > *most ? removed : *most;
    }
    return result;
}

enum es_db_result maintenance_prune(struct es_db *db, int64_t *ret_most)
{
    int64_t most = 0;
    enum es_db_result result = prune(db, &maintenance_prune_core_statement, &most);
    if (result == ES_DB_OK) {
        result = prune(db, &maintenance_prune_bus_statement, &most);
    }
    if (result == ES_DB_OK) {
        *ret_most = most;
    }
    return result;
}
