/* Plain SQL for tests: what they prepare and what they look at, apart from common/db, which is
 * itself under test. A statement that fails unexpectedly fails the test and says why. */
#pragma once

#include "common/base/compiler.h"
#include "common/tests/servers.h"

#include <libpq-fe.h>
#include <stdint.h>

PGconn *es_test_connect(const char *conninfo) ES_MUST_CHECK;
/* To SERVER's database "postgres" as ROLE; "postgres" is the superuser. */
PGconn *es_test_connect_as(const struct es_test_server *server, const char *role) ES_MUST_CHECK;
void es_test_disconnect(PGconn **conn);

/* Run the statements and yield the first value of the last one's first row as text: "" for NULL or
 * no row. Valid until this thread's next call. */
const char *es_test_sql(PGconn *conn, const char *format, ...) ES_PRINTF(2, 3);

/* As es_test_sql, where the value is to be a whole number. */
int64_t es_test_number(PGconn *conn, const char *format, ...) ES_PRINTF(2, 3);

/* Run the statements, which are to fail: their SQLSTATE; "" when they did not. Valid until this
 * thread's next call. A transaction left open by it is rolled back. */
const char *es_test_sql_error(PGconn *conn, const char *format, ...) ES_PRINTF(2, 3);
