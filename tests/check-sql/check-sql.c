/*
 * make check-sql: every statement of every process against a freshly migrated PostgreSQL of its
 * own.
 *
 *   check-sql NAME…    NAMEs: the statements the sources define (list-statements)
 *
 * Each statement must be in a registry; the server must take it with the parameter types it lists;
 * and the role of its process must hold every right it needs. The last is found without running it:
 * EXPLAIN of a generic plan starts the executor, which checks the rights on tables, columns and
 * functions, and stops there. Ends with "sql: N passed, N failed".
 */
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/db/db.h"
#include "common/tests/servers.h"
#include "tests/check-sql/registries.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATABASE   "postgres"
#define TIMEOUT_MS 10000
#define PREPARED   "checked"

struct tally {
    size_t passed, failed;
};

static void count(struct tally *tally, bool passed, const char *who, const char *statement,
                  const char *problem)
{
    tally->passed += passed;
    tally->failed += !passed;
    if (!passed) {
        (void)printf("FAILED  %s: %s: %s\n", who, statement, problem);
    }
}

/* --- types and number of parameters -------------------------------------------------------- */
static bool can_be_prepared(const char *conninfo, const struct es_db_statement *statement,
                            struct es_buf *problem)
{
    struct es_db_config config = {.conninfo = conninfo,
                                  .application_name = "check-sql",
                                  .connect_timeout_ms = TIMEOUT_MS,
                                  .statement_timeout_ms = TIMEOUT_MS};
    struct es_db *db = es_db_new(&config, &statement, 1);
    enum es_db_result result = es_db_check_statements(db, problem);
    (void)es_db_free(db);
    return result == ES_DB_OK;
}

/* --- rights -------------------------------------------------------------------------------- */
static const char *sql_type(char letter)
{
    static const struct {
        char letter;
        const char *name;
    } types[] = {{'i', "bigint"}, {'n', "integer"}, {'s', "smallint"}, {'b', "boolean"},
                 {'t', "text"},   {'x', "bytea"},   {'d', "date"},     {'z', "timestamptz"},
                 {'u', "uuid"},   {'j', "jsonb"}};
    for (size_t i = 0; i < ES_ARRAY_LEN(types); i++) {
        if (types[i].letter == letter) {
            return types[i].name;
        }
    }
    return "unknown";
}

/* "PREPARE checked (bigint, text[]) AS …" and "EXPLAIN EXECUTE checked (NULL, NULL)". */
static void write_commands(const struct es_db_statement *statement, struct es_buf *prepare,
                           struct es_buf *explain)
{
    const char *separator = " (";
    es_buf_add_str(prepare, "PREPARE " PREPARED);
    es_buf_add_str(explain, "EXPLAIN EXECUTE " PREPARED);
    for (const char *letter = statement->params; *letter != '\0'; letter++) {
        if (*letter == '?') {
            continue;
        }
        bool is_array = *letter >= 'A' && *letter <= 'Z';
        es_buf_printf(prepare, "%s%s%s", separator, sql_type((char)(*letter | 0x20)),
                      is_array ? "[]" : "");
        es_buf_printf(explain, "%sNULL", separator);
        separator = ", ";
    }
    bool has_params = statement->params[0] != '\0';
    es_buf_printf(prepare, "%s AS %s", has_params ? ")" : "", statement->sql);
    es_buf_add_str(explain, has_params ? ")" : "");
}

static bool works(PGconn *conn, const char *sql, struct es_buf *problem)
{
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    bool ok = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (!ok) {
        const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
        es_buf_add_str(problem, message != NULL ? message : PQerrorMessage(conn));
    }
    PQclear(result);
    return ok;
}

/* SET and its like need no rights, and EXPLAIN does not take them. */
static bool is_explainable(const char *sql)
{
    static const char *const verbs[] = {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"};
    for (size_t i = 0; i < ES_ARRAY_LEN(verbs); i++) {
        if (es_starts_with(sql, verbs[i])) {
            return true;
        }
    }
    return false;
}

static bool may_be_run(PGconn *conn, const struct es_db_statement *statement,
                       struct es_buf *problem)
{
    if (!is_explainable(statement->sql)) {
        return true;
    }
    ES_CLEANUP(es_buf_done) struct es_buf prepare = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf explain = ES_BUF_INIT;
    write_commands(statement, &prepare, &explain);
    bool ok =
        works(conn, es_buf_str(&prepare), problem) && works(conn, es_buf_str(&explain), problem);
    return works(conn, "DEALLOCATE ALL", problem) && ok;
}

/* --- registries ---------------------------------------------------------------------------- */
static void check_registry(const struct es_test_server *server, const struct es_registry *registry,
                           struct tally *tally)
{
    ES_CLEANUP(es_free_p)
    char *conninfo = es_test_postgres_conninfo(server, registry->role, DATABASE);
    PGconn *conn = PQconnectdb(conninfo);
    ES_CLEANUP(es_buf_done) struct es_buf problem = ES_BUF_INIT;
    size_t failed_before = tally->failed;
    bool connected = works(conn, "SET plan_cache_mode = force_generic_plan", &problem);
    count(tally, connected, registry->process, "connection", es_buf_str(&problem));
    for (size_t i = 0; connected && i < *registry->count; i++) {
        const struct es_db_statement *statement = registry->statements[i];
        es_buf_clear(&problem);
        bool ok =
            can_be_prepared(conninfo, statement, &problem) && may_be_run(conn, statement, &problem);
        count(tally, ok, registry->process, statement->name, es_buf_str(&problem));
    }
    (void)printf("%-26s %3zu statements as %s%s\n", registry->process, *registry->count,
                 registry->role, tally->failed > failed_before ? ", FAILED" : "");
    PQfinish(conn);
}

static bool is_registered(const char *name)
{
    for (size_t i = 0; i < es_registry_count; i++) {
        for (size_t k = 0; k < *es_registries[i].count; k++) {
            if (strcmp(es_registries[i].statements[k]->name, name) == 0) {
                return true;
            }
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    struct tally tally = {0};
    es_random_init();
    struct es_test_server *server = es_test_schema_start();
    for (size_t i = 0; i < es_registry_count; i++) {
        check_registry(server, &es_registries[i], &tally);
    }
    for (int i = 1; i < argc; i++) {
        if (!is_registered(argv[i])) {
            count(&tally, false, "check-sql", argv[i], "is in no registry");
        }
    }
    (void)printf("sql: %zu passed, %zu failed\n", tally.passed, tally.failed);
    return tally.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
