/* A connection of common/db to a test server, as a process of ours has it. */
#pragma once

#include "common/db/db.h"
#include "common/tests/servers.h"

/* As ROLE, with STATEMENTS; connects when it is first used. Released with es_db_free(). */
struct es_db *es_test_role_db(const struct es_test_server *server, const char *role,
                              const struct es_db_statement *const *statements,
                              size_t count) ES_MUST_CHECK;
