#include "common/base/text.h"
#include "common/db/internal.h"
#include "common/observe/log.h"

#include <string.h>

const char *es_db_result_name(enum es_db_result result)
{
    static const char *const names[] = {
        [ES_DB_OK] = "ok",
        [ES_DB_NO_ROW] = "no_row",
        [ES_DB_RETRY] = "retry",
        [ES_DB_UNIQUE] = "unique",
        [ES_DB_CHECK] = "check",
        [ES_DB_DENIED] = "denied",
        [ES_DB_UNAVAILABLE] = "unavailable",
        [ES_DB_BUG] = "bug",
    };
    return names[result];
}

/*
 * SQLSTATE (PostgreSQL 15, appendix A) to our result: a whole code or the two characters of a
 * class; the first line that fits counts. After those marked DROP the connection is useless: the
 * server is closing it, is not the one we want, or has forgotten our prepared statements.
 */
static const struct {
    const char *code;
    enum es_db_result result;
    bool drop;
} meanings[] = {
    {"08", ES_DB_UNAVAILABLE, true},     /* connection exception */
    {"0A000", ES_DB_BUG, true},          /* a cached plan changed its type: prepare anew */
    {"23505", ES_DB_UNIQUE, false},      /* unique_violation */
    {"23", ES_DB_CHECK, false},          /* other integrity constraints, append-only tables */
    {"25006", ES_DB_UNAVAILABLE, true},  /* read-only: this server became a standby */
    {"25P03", ES_DB_UNAVAILABLE, true},  /* idle_in_transaction_session_timeout */
    {"26", ES_DB_BUG, true},             /* prepared statement unknown */
    {"40001", ES_DB_RETRY, false},       /* serialization_failure */
    {"40P01", ES_DB_RETRY, false},       /* deadlock_detected */
    {"40003", ES_DB_UNAVAILABLE, false}, /* statement_completion_unknown */
    {"42501", ES_DB_DENIED, false},      /* insufficient_privilege */
    {"53", ES_DB_UNAVAILABLE, false},    /* insufficient resources */
    {"55P03", ES_DB_UNAVAILABLE, false}, /* lock_not_available */
    {"57014", ES_DB_UNAVAILABLE, false}, /* query_canceled: statement_timeout */
    {"57", ES_DB_UNAVAILABLE, true},  /* admin_shutdown, crash_shutdown, cannot_connect_now … */
    {"58", ES_DB_UNAVAILABLE, false}, /* system error */
    {"ES", ES_DB_CHECK, false},       /* raised by our own functions (migrations/README.md) */
    {"P0001", ES_DB_CHECK, false},    /* raise_exception */
};

void es_dbi_clear_error(struct es_db *db)
{
    es_buf_clear(&db->failure.message);
    es_buf_clear(&db->failure.constraint);
    db->failure.sqlstate[0] = '\0';
}

void es_dbi_failure_done(struct es_db_failure *failure)
{
    es_buf_done(&failure->message);
    es_buf_done(&failure->constraint);
    failure->sqlstate[0] = '\0';
}

enum es_db_result es_dbi_fail(struct es_db *db, enum es_db_result result, const char *message)
{
    es_dbi_clear_error(db);
    es_buf_add(&db->failure.message, message, strcspn(message, "\n"));
    return result;
}

enum es_db_result es_dbi_bug(struct es_db *db, const char *kind, const char *name, const char *what)
{
    ES_CLEANUP(es_buf_done) struct es_buf message = ES_BUF_INIT;
    es_buf_printf(&message, "%s %s: %s", kind, name, what);
    return es_bug_on(true, es_buf_str(&message)) ? es_dbi_fail(db, ES_DB_BUG, es_buf_str(&message))
                                                 : ES_DB_BUG;
}

static const char *field_or_empty(const PGresult *result, int field)
{
    const char *text = PQresultErrorField(result, field);
    return text != NULL ? text : "";
}

enum es_db_result es_dbi_judge(struct es_db *db, const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
        return ES_DB_OK;
    }
    const char *sqlstate = result != NULL ? field_or_empty(result, PG_DIAG_SQLSTATE) : "";
    if (sqlstate[0] == '\0') { /* libpq itself says no: there is no connection any more */
        (void)es_dbi_fail(db, ES_DB_UNAVAILABLE, PQerrorMessage(db->conn));
        es_dbi_drop(db);
        return ES_DB_UNAVAILABLE;
    }
    /* The primary message only: DETAIL repeats the values of the row. */
    (void)es_dbi_fail(db, ES_DB_BUG, field_or_empty(result, PG_DIAG_MESSAGE_PRIMARY));
    es_buf_add_str(&db->failure.constraint, field_or_empty(result, PG_DIAG_CONSTRAINT_NAME));
    if (!es_copy_str(db->failure.sqlstate, sizeof(db->failure.sqlstate), sqlstate)) {
        return ES_DB_BUG; /* no SQLSTATE is that long */
    }
    for (size_t i = 0; i < ES_ARRAY_LEN(meanings); i++) {
        if (es_starts_with(sqlstate, meanings[i].code)) {
            if (meanings[i].drop) {
                es_dbi_drop(db);
            }
            return meanings[i].result;
        }
    }
    return ES_DB_BUG;
}

const char *es_db_error(const struct es_db *db)
{
    return es_buf_str(&db->failure.message);
}

const char *es_db_constraint(const struct es_db *db)
{
    return es_buf_str(&db->failure.constraint);
}

const char *es_db_sqlstate(const struct es_db *db)
{
    return db->failure.sqlstate;
}
