#include "common/base/wait.h"
#include "common/db/internal.h"

static void forget_failures(struct es_db *db)
{
    db->failures = 0; /* whoever asks for a connection now is not to wait for the back-off */
}

enum es_db_result es_db_connect(struct es_db *db, struct es_buf *error)
{
    forget_failures(db);
    enum es_db_result result = es_dbi_ready(db, true, ES_NO_DEADLINE);
    if (result == ES_DB_OK) {
        return ES_DB_OK;
    }
    ES_CLEANUP(es_buf_done) struct es_buf why = ES_BUF_INIT;
    es_buf_printf(&why, "PostgreSQL: %s", es_db_error(db));
    if (result != ES_DB_UNAVAILABLE) { /* a statement did not fit: is it the schema's version? */
        ES_CLEANUP(es_buf_done) struct es_buf mismatch = ES_BUF_INIT;
        forget_failures(db);
        if (es_db_check_schema(db, &mismatch) == ES_DB_CHECK) {
            es_buf_printf(error, "%s (%s)", es_buf_str(&mismatch), es_buf_str(&why));
            return ES_DB_CHECK;
        }
    }
    es_buf_add(error, why.data, why.length);
    return result;
}

/* The server takes the types we name as they are, but finds out only when a statement is run that
 * it has more parameters than we give. */
static enum es_db_result check_param_count(struct es_db *db, const struct es_db_entry *entry,
                                           struct es_buf *error)
{
    const struct es_db_statement *statement = entry->statement;
    ES_CLEANUP(es_dbi_clear_p) PGresult *description = NULL;
    if (!PQsendDescribePrepared(db->conn, statement->name)) {
        es_buf_printf(error, "statement %s: %s", statement->name, PQerrorMessage(db->conn));
        return ES_DB_UNAVAILABLE;
    }
    enum es_db_result result = es_dbi_exchange(db, es_dbi_deadline_us(db), &description);
    if (result != ES_DB_OK) {
        es_buf_printf(error, "statement %s: %s", statement->name, es_db_error(db));
        return result;
    }
    size_t needed = (size_t)PQnparams(description);
    if (needed != entry->param_count) {
        es_buf_printf(error, "statement %s: has %zu parameters, \"%s\" lists %zu", statement->name,
                      needed, statement->params, entry->param_count);
        return ES_DB_BUG;
    }
    return ES_DB_OK;
}

enum es_db_result es_db_check_statements(struct es_db *db, struct es_buf *error)
{
    forget_failures(db);
    enum es_db_result result = es_dbi_ready(db, true, ES_NO_DEADLINE);
    if (result != ES_DB_OK) {
        es_buf_add_str(error, es_db_error(db));
        return result;
    }
    for (size_t i = 0; result == ES_DB_OK && i < db->entry_count; i++) {
        result = check_param_count(db, &db->entries[i], error);
    }
    return result;
}
