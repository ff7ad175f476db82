#include "common/db/internal.h"
#include "schema-version.h"

#include <inttypes.h>
#include <string.h>

/* Sums: the newest migration, and the row of the functions (number 0). */
static const char version_sql[] =
    "SELECT coalesce(max(number), 0)::bigint AS number,"
    " coalesce(max(checksum) FILTER (WHERE number = 0), '') AS functions"
    " FROM public.eldersafe_migrations";

#define UNDEFINED_TABLE "42P01"

static enum es_db_result compare(const struct es_db_rows *rows, struct es_buf *error)
{
    int64_t number = es_db_i64(rows, 0, "number");
    if (number != ES_SCHEMA_NUMBER) {
        es_buf_printf(error,
                      "the database schema has version %" PRId64 ", this program needs %d: run"
                      " `eldersafectl migrate` of the same release",
                      number, ES_SCHEMA_NUMBER);
        return ES_DB_CHECK;
    }
    if (strcmp(es_db_text(rows, 0, "functions"), ES_SCHEMA_FUNCTIONS) != 0) {
        es_buf_add_str(error, "the functions in the database are of another release: run"
                              " `eldersafectl migrate` of the same release as this program");
        return ES_DB_CHECK;
    }
    return ES_DB_OK;
}

enum es_db_result es_db_check_schema(struct es_db *db, struct es_buf *error)
{
    es_dbi_clear_error(db);
    struct es_db_rows rows = {.statement = "schema_version"};
    int64_t deadline_us = es_dbi_deadline_us(db);
    /* Without the registry: a statement that does not fit the schema must not hide its version. */
    enum es_db_result result = es_dbi_ready(db, false, deadline_us);
    if (result == ES_DB_OK) {
        result = es_dbi_simple(db, version_sql, deadline_us, &rows.result);
    }
    if (result != ES_DB_OK && strcmp(es_db_sqlstate(db), UNDEFINED_TABLE) == 0) {
        es_buf_add_str(error, "the database has no Eldersafe schema: run `eldersafectl migrate`");
        return ES_DB_CHECK;
    }
    if (result != ES_DB_OK) {
        es_buf_printf(error, "PostgreSQL: %s", es_db_error(db));
        return result;
    }
    result = compare(&rows, error);
    PQclear(rows.result);
    return result;
}
