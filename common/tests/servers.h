/*
 * Private servers for unit tests: each test program starts its own PostgreSQL and Redis in a new
 * folder, reached through Unix sockets, without any durability.
 *
 * A server that cannot be started ends the program with its log: that is a failure, never a reason
 * to skip. Servers are stopped when the program ends, however it ends; the folder is removed when
 * it ends well and kept, and named, when it does not. As root the servers run as another user.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>

struct es_test_server;

struct es_test_server *es_test_postgres_start(void);
/* One whose database "postgres" has this checkout's schema, roles included. */
struct es_test_server *es_test_schema_start(void);
struct es_test_server *es_test_redis_start(void);

/* libpq connection string of ROLE ("postgres" is the superuser) to DATABASE ("postgres" is there).
 * Release with free(). */
char *es_test_postgres_conninfo(const struct es_test_server *server, const char *role,
                                const char *database) ES_MUST_CHECK;

/* "unix:/…/redis.sock", valid as long as the program runs. */
const char *es_test_redis_address(const struct es_test_server *server);

/* Stop in an orderly way, at once (as a crash), and start again with the same data. */
void es_test_server_stop(struct es_test_server *server);
void es_test_server_kill(struct es_test_server *server);
void es_test_server_start_again(struct es_test_server *server);

/* Make it run whatever a failed test has left behind: before each test that stops it. */
void es_test_server_restore(struct es_test_server *server);

/* Stop the server's processes in their tracks (connections stay open, nothing answers), and let
 * them go on. */
void es_test_server_freeze(struct es_test_server *server);
void es_test_server_thaw(struct es_test_server *server);
