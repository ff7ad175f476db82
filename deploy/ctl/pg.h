/*
 * PostgreSQL for `eldersafectl migrate`: whole scripts and plain texts on one connection, without
 * deadlines. Everything else uses common/db.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>

/* NULL with a line in ERROR. Release with PQfinish. */
PGconn *es_pg_connect(const char *conninfo, struct es_buf *error) ES_MUST_CHECK;
void es_pg_finish_p(PGconn **conn);

/* Run one statement with COUNT text parameters (NULL: SQL NULL). NULL with a line in ERROR. Release
 * with PQclear. */
PGresult *es_pg_query(PGconn *conn, const char *sql, const char *const *values, size_t count,
                      struct es_buf *error) ES_MUST_CHECK;
void es_pg_clear_p(PGresult **result);

/* es_pg_query without parameters, for its effect. */
bool es_pg_do(PGconn *conn, const char *sql, struct es_buf *error) ES_MUST_CHECK;

/* Run the statements of TEXT, read from PATH; ERROR names the line that failed. */
bool es_pg_script(PGconn *conn, const char *path, const char *text,
                  struct es_buf *error) ES_MUST_CHECK;
