#include "deploy/ctl/pg.h"

#include "common/base/text.h"

#include <stdlib.h>
#include <string.h>

void es_pg_finish_p(PGconn **conn)
{
    PQfinish(*conn);
}

void es_pg_clear_p(PGresult **result)
{
    PQclear(*result);
}

PGconn *es_pg_connect(const char *conninfo, struct es_buf *error)
{
    const char *const keywords[] = {"dbname", "application_name", "client_encoding", NULL};
    const char *const values[] = {conninfo, "eldersafectl migrate", "UTF8", NULL};
    PGconn *conn = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(conn) != CONNECTION_OK) {
        const char *message = PQerrorMessage(conn);
        es_buf_add(error, message, strcspn(message, "\n"));
        PQfinish(conn);
        return NULL;
    }
    return conn;
}

static bool succeeded(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
}

static void add_field(struct es_buf *out, const PGresult *result, int field, const char *before)
{
    const char *text = PQresultErrorField(result, field);
    if (text != NULL) {
        es_buf_printf(out, "%s%s", before, text);
    }
}

static void add_message(struct es_buf *error, PGconn *conn, const PGresult *result)
{
    if (PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) == NULL) {
        const char *message = PQerrorMessage(conn);
        es_buf_add(error, message, strcspn(message, "\n"));
        return;
    }
    add_field(error, result, PG_DIAG_MESSAGE_PRIMARY, "");
    add_field(error, result, PG_DIAG_MESSAGE_DETAIL, "; ");
    add_field(error, result, PG_DIAG_MESSAGE_HINT, "; ");
    add_field(error, result, PG_DIAG_CONTEXT, "; ");
}

PGresult *es_pg_query(PGconn *conn, const char *sql, const char *const *values, size_t count,
                      struct es_buf *error)
{
    PGresult *result = PQexecParams(conn, sql, (int)count, NULL, values, NULL, NULL, 0);
    if (succeeded(result)) {
        return result;
    }
    add_message(error, conn, result);
    PQclear(result);
    return NULL;
}

bool es_pg_do(PGconn *conn, const char *sql, struct es_buf *error)
{
    ES_CLEANUP(es_pg_clear_p) PGresult *result = es_pg_query(conn, sql, NULL, 0, error);
    return result != NULL;
}

/* The line of TEXT in which the character number POSITION (from 1, as the server counts) stands. */
static size_t line_of(const char *text, uint64_t position)
{
    size_t line = 1;
    for (const char *at = text; *at != '\0' && position > 1; at++) {
        bool starts_character = ((unsigned char)*at & 0xC0) != 0x80;
        position -= starts_character;
        line += *at == '\n';
    }
    return line;
}

bool es_pg_script(PGconn *conn, const char *path, const char *text, struct es_buf *error)
{
    ES_CLEANUP(es_pg_clear_p) PGresult *result = PQexec(conn, text);
    if (succeeded(result)) {
        return true;
    }
    uint64_t position = 0;
    const char *stated = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    es_buf_add_str(error, path);
    if (stated != NULL && es_parse_u64(stated, &position)) {
        es_buf_printf(error, ":%zu", line_of(text, position));
    }
    es_buf_add_str(error, ": ");
    add_message(error, conn, result);
    return false;
}
