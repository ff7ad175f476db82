/*
 * PostgreSQL for plain blocking code: one connection per thread, statements prepared by name,
 * every call bounded in time.
 *
 * Statements are declared as static constants above the function that uses them and listed in the
 * process's registry; all of the registry is prepared when a connection is made, and
 * `make check-sql` prepares each against a fresh schema, so a typing error cannot reach a member.
 * Parameters and columns travel in binary. Columns are read by name and checked for type and NULL.
 *
 * A connection that is lost, or whose statement missed its deadline, is closed (a statement sent
 * has an unknown outcome then: writes are idempotent) and made anew on the next call, not more
 * often than the back-off allows: while the server is down every call fails within milliseconds.
 * The deadline of a call covers connecting as well. One thing can outlast it: looking up a host by
 * name, which libpq does by itself; production names addresses or a socket.
 *
 * Every session has the search path pg_catalog (all names are qualified), the time zone UTC and the
 * time-outs of its configuration. No DETAIL of the server is kept: it repeats the values of a row.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum es_db_result {
    ES_DB_OK,
    ES_DB_NO_ROW,      /* es_db_one: there is none */
    ES_DB_RETRY,       /* serialisation failure or deadlock: run the transaction again */
    ES_DB_UNIQUE,      /* a unique constraint said no: es_db_constraint() names it */
    ES_DB_CHECK,       /* a check, not-null, foreign-key or raised condition said no */
    ES_DB_DENIED,      /* this role may not */
    ES_DB_UNAVAILABLE, /* no connection, time-out, server stopping: try later; outcome unknown */
    ES_DB_BUG,         /* anything else: our mistake */
};

const char *es_db_result_name(enum es_db_result result);

/* One statement. PARAMS lists the parameter types in order, one letter each, as the PARAMS of
 * es_db_run take them:
 *   i int64 (bigint)  n int32 (integer)  s int16 (smallint)  b bool  t const char * (text)
 *   x bytes (bytea: const void *, size_t)  d int32 days (date)  z int64 µs (timestamptz)
 *   u 16 bytes (uuid)  j const char * (jsonb)
 * and in upper case the array of that type: const struct es_db_array *. A statement has at most 32.
 * The largest and smallest d and z are the server's infinity and -infinity, in both directions. */
struct es_db_statement {
    const char *name; /* unique in the process: "signals_append" */
    const char *sql;
    const char *params;
};

/* Array parameter: COUNT elements. Fixed-size types: a C array of the element type. 't': array of
 * const char *. 'x': array of struct es_db_bytes. 'u': COUNT * 16 bytes. A NULL element is possible
 * where NULLS is given: NULLS[i] true. */
struct es_db_array {
    const void *items;
    size_t count;
    const bool *nulls; /* or NULL */
};

struct es_db_bytes {
    const void *bytes;
    size_t length;
};

struct es_db_config {
    const char *conninfo; /* libpq connection string or URI */
    const char *application_name;
    int64_t connect_timeout_ms; /* 0: one second */
    /* Deadline here; the server is told nine tenths of it, so that as a rule it gives up first and
     * the connection lives on. 0: none. */
    int64_t statement_timeout_ms;
    int64_t idle_in_transaction_timeout_ms; /* 0: none */
    /* For statements that only look rows up: each is planned once, by its indexes, even where a
     * table is empty at that moment and reading all of it would seem cheaper. */
    bool generic_plans;
};

struct es_db;

/* A connection object; nothing is opened yet. STATEMENTS (pointers, COUNT) must outlive it. */
struct es_db *es_db_new(const struct es_db_config *config,
                        const struct es_db_statement *const *statements,
                        size_t count) ES_MUST_CHECK;
struct es_db *es_db_free(struct es_db *db);

/* Connect now (start-up: fail early and say why in ERROR, one line). ES_DB_CHECK: the schema is of
 * another version, which is why a statement could not be prepared. */
enum es_db_result es_db_connect(struct es_db *db, struct es_buf *error) ES_MUST_CHECK;
bool es_db_connected(const struct es_db *db);

/* Result rows; released with es_db_rows_free (NULL accepted). */
struct es_db_rows;
struct es_db_rows *es_db_rows_free(struct es_db_rows *rows);
void es_db_rows_free_p(struct es_db_rows **rows);
size_t es_db_row_count(const struct es_db_rows *rows);
uint64_t es_db_affected(const struct es_db_rows *rows);

/* Run STATEMENT, which is in the registry, with its parameters as variadic arguments (types: see
 * es_db_statement). A NULL text, bytes, uuid or array pointer is SQL NULL; a number that may be
 * NULL is listed with a '?' before its letter and given as two arguments ("?z": bool is_null, then
 * the value). RET_ROWS may be NULL when no rows are wanted. */
enum es_db_result es_db_run(struct es_db *db, const struct es_db_statement *statement,
                            struct es_db_rows **ret_rows, ...) ES_MUST_CHECK;

/* As es_db_run, but exactly one row is expected: none is ES_DB_NO_ROW, several are ES_DB_BUG. */
enum es_db_result es_db_one(struct es_db *db, const struct es_db_statement *statement,
                            struct es_db_rows **ret_rows, ...) ES_MUST_CHECK;

/* Column COLUMN of row ROW. A missing column, another type or an unexpected NULL is our bug: it is
 * logged BROKEN and yields zero; a bytea then points to 128 zero bytes and has the length 0, so
 * that a key or hash of known size may be copied without looking. Pointers live as long as ROWS. */
bool es_db_is_null(const struct es_db_rows *rows, size_t row, const char *column);
int64_t es_db_i64(const struct es_db_rows *rows, size_t row, const char *column); /* int2/4/8 */
bool es_db_bool(const struct es_db_rows *rows, size_t row, const char *column);
const char *es_db_text(const struct es_db_rows *rows, size_t row, const char *column);
const void *es_db_bytea(const struct es_db_rows *rows, size_t row, const char *column,
                        size_t *ret_length); /* uuid, too */
int32_t es_db_date(const struct es_db_rows *rows, size_t row, const char *column);
int64_t es_db_time_us(const struct es_db_rows *rows, size_t row, const char *column);

/* Hot loops: look a column up once (checked for TYPE letter), then read by number. -1 after a
 * BROKEN line; reading column -1 yields zero. */
int es_db_column(const struct es_db_rows *rows, const char *column, char type);
int64_t es_db_i64_at(const struct es_db_rows *rows, size_t row, int column);
int32_t es_db_date_at(const struct es_db_rows *rows, size_t row, int column);

/* After a failure on this connection. */
const char *es_db_error(const struct es_db *db);      /* server's message; for the log only */
const char *es_db_constraint(const struct es_db *db); /* "" when there is none */
const char *es_db_sqlstate(const struct es_db *db);   /* "" when there is none */

/* Run BODY in a transaction: COMMIT when it yields ES_DB_OK, else ROLLBACK. ES_DB_RETRY (from BODY
 * or from COMMIT) runs it again, at most 5 times with growing jittered pauses. BODY may run more
 * than once: it must not answer anybody or count anything, and it returns at the first statement
 * that fails. When the connection is lost, every statement up to the end of BODY is
 * ES_DB_UNAVAILABLE: none runs outside the transaction. Transactions do not nest. NAME is for logs.
 */
typedef enum es_db_result es_db_body(struct es_db *db, void *context);
enum es_db_result es_db_transaction(struct es_db *db, const char *name, es_db_body *body,
                                    void *context) ES_MUST_CHECK;

/* True when no transaction is open. */
bool es_db_idle(const struct es_db *db);

/* To be called after every request: none may leave a transaction open, for the next one would be
 * run in it. That is a bug (es_bug_on), and ends the connection; the server then rolls back. */
void es_db_end_request(struct es_db *db);

/* Prepare every statement of the registry and count its parameters; the first that does not fit is
 * named in ERROR. */
enum es_db_result es_db_check_statements(struct es_db *db, struct es_buf *error) ES_MUST_CHECK;

/* Server version as 150018 for 15.18; 0 when not connected. */
int es_db_server_version(const struct es_db *db);

/* Daemons call this at start: the schema's version and the functions' checksum must be those this
 * build was made for (common/db/make-schema-version). ES_DB_CHECK and a line in ERROR when they are
 * not. Needs no registry, so it can be called before anything is prepared. */
enum es_db_result es_db_check_schema(struct es_db *db, struct es_buf *error) ES_MUST_CHECK;

/* Listen to CHANNEL (at most 4), again after every reconnect. */
enum es_db_result es_db_listen(struct es_db *db, const char *channel) ES_MUST_CHECK;

/* Wait up to TIMEOUT_MS for a NOTIFY on any channel listened to; true when one came, or when the
 * connection was made anew and one may have been missed. While the server is away it waits, too. */
bool es_db_wait_notify(struct es_db *db, int64_t timeout_ms);
