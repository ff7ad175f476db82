#include "common/tests/sql.h"

#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/tests/unit.h"

#include <stdlib.h>
#include <unistd.h>

PGconn *es_test_connect(const char *conninfo)
{
    PGconn *conn = PQconnectdb(conninfo);
    if (PQstatus(conn) != CONNECTION_OK) {
        fail_msg("%s", PQerrorMessage(conn));
    }
    return conn;
}

PGconn *es_test_connect_as(const struct es_test_server *server, const char *role)
{
    ES_CLEANUP(es_free_p) char *conninfo = es_test_postgres_conninfo(server, role, "postgres");
    return es_test_connect(conninfo);
}

void es_test_disconnect(PGconn **conn)
{
    PQfinish(*conn);
    *conn = NULL;
}

static PGresult *run(PGconn *conn, const char *format, va_list args) ES_PRINTF(2, 0);
static PGresult *run(PGconn *conn, const char *format, va_list args)
{
    char sql[16384];
    int length = vsnprintf(sql, sizeof(sql), format, args);
    assert_in_range(length, 1, sizeof(sql) - 1);
    return PQexec(conn, sql);
}

/* TEXT as it may be used until this thread's next call; RESULT, which holds it, is released. */
static const char *keep(PGresult *result, const char *text)
{
    static _Thread_local char kept[16384];
    int length = snprintf(kept, sizeof(kept), "%s", text);
    PQclear(result);
    assert_in_range(length, 0, sizeof(kept) - 1);
    return kept;
}

/* cmocka can leave a test from the main thread only. */
static void give_up(const char *sql, const char *message)
{
    if (gettid() == getpid()) {
        fail_msg("%s: %s", sql, message);
    }
    (void)fprintf(stderr, "%s: %s", sql, message);
    exit(EXIT_FAILURE);
}

static const char *value(PGconn *conn, const char *format, va_list args) ES_PRINTF(2, 0);
static const char *value(PGconn *conn, const char *format, va_list args)
{
    PGresult *result = run(conn, format, args);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        give_up(format, PQresultErrorMessage(result));
    }
    bool has_value = status == PGRES_TUPLES_OK && PQntuples(result) > 0 && PQnfields(result) > 0;
    return keep(result, has_value ? PQgetvalue(result, 0, 0) : "");
}

const char *es_test_sql(PGconn *conn, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = value(conn, format, args);
    va_end(args);
    return text;
}

int64_t es_test_number(PGconn *conn, const char *format, ...)
{
    int64_t number = 0;
    va_list args;
    va_start(args, format);
    const char *text = value(conn, format, args);
    va_end(args);
    if (!es_parse_i64(text, &number)) {
        give_up(format, "the value is no whole number\n");
    }
    return number;
}

const char *es_test_sql_error(PGconn *conn, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    PGresult *result = run(conn, format, args);
    va_end(args);
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (PQtransactionStatus(conn) != PQTRANS_IDLE) {
        PQclear(PQexec(conn, "ROLLBACK"));
    }
    return keep(result, sqlstate != NULL ? sqlstate : "");
}
