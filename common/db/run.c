#include "common/base/mem.h"
#include "common/db/internal.h"

#include <stdarg.h>

#define BINARY 1

/* Registries have some dozens of statements: a walk over their pointers costs nanoseconds. */
static const struct es_db_entry *find_entry(const struct es_db *db,
                                            const struct es_db_statement *statement)
{
    for (size_t i = 0; i < db->entry_count; i++) {
        if (db->entries[i].statement == statement) {
            return &db->entries[i];
        }
    }
    return NULL;
}

static enum es_db_result send_and_take(struct es_db *db, const struct es_db_entry *entry,
                                       const struct es_db_values *values, int64_t deadline_us,
                                       PGresult **ret_result)
{
    if (!PQsendQueryPrepared(db->conn, entry->statement->name, (int)entry->param_count,
                             values->values, values->lengths, values->formats, BINARY)) {
        (void)es_dbi_fail(db, ES_DB_UNAVAILABLE, PQerrorMessage(db->conn));
        es_dbi_drop(db);
        return ES_DB_UNAVAILABLE;
    }
    return es_dbi_exchange(db, deadline_us, ret_result);
}

static enum es_db_result run(struct es_db *db, const struct es_db_statement *statement,
                             va_list *args, struct es_db_rows **ret_rows)
{
    es_dbi_clear_error(db);
    int64_t deadline_us = es_dbi_deadline_us(db);
    const struct es_db_entry *entry = find_entry(db, statement);
    if (entry == NULL) {
        return es_dbi_bug(db, "statement", statement->name, "not in the registry");
    }
    struct es_db_values values; /* filled as far as the statement has parameters */
    if (!es_dbi_encode(db, entry, args, &values)) {
        return es_dbi_bug(db, "statement", statement->name, "a parameter is too large");
    }
    enum es_db_result result = es_dbi_ready(db, true, deadline_us);
    if (result != ES_DB_OK) {
        return result;
    }
    ES_CLEANUP(es_dbi_clear_p) PGresult *taken = NULL;
    result = send_and_take(db, entry, &values, deadline_us, &taken);
    if (result == ES_DB_OK && ret_rows != NULL) {
        *ret_rows = ES_NEW(struct es_db_rows);
        (*ret_rows)->result = ES_STEAL(taken);
        (*ret_rows)->statement = statement->name;
    }
    return result;
}

enum es_db_result es_db_run(struct es_db *db, const struct es_db_statement *statement,
                            struct es_db_rows **ret_rows, ...)
{
    va_list args;
    va_start(args, ret_rows);
    enum es_db_result result = run(db, statement, &args, ret_rows);
    va_end(args);
    return result;
}

enum es_db_result es_db_one(struct es_db *db, const struct es_db_statement *statement,
                            struct es_db_rows **ret_rows, ...)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    va_list args;
    va_start(args, ret_rows);
    enum es_db_result result = run(db, statement, &args, &rows);
    va_end(args);
    if (result != ES_DB_OK) {
        return result;
    }
    if (es_db_row_count(rows) == 0) {
        return ES_DB_NO_ROW;
    }
    if (es_db_row_count(rows) > 1) {
        return es_dbi_bug(db, "statement", statement->name, "more than one row");
    }
    if (ret_rows != NULL) {
        *ret_rows = ES_STEAL(rows);
    }
    return ES_DB_OK;
}

enum es_db_result es_dbi_simple(struct es_db *db, const char *sql, int64_t deadline_us,
                                PGresult **ret_result)
{
    if (!PQsendQueryParams(db->conn, sql, 0, NULL, NULL, NULL, NULL, BINARY)) {
        (void)es_dbi_fail(db, ES_DB_UNAVAILABLE, PQerrorMessage(db->conn));
        es_dbi_drop(db);
        return ES_DB_UNAVAILABLE;
    }
    return es_dbi_exchange(db, deadline_us, ret_result);
}
