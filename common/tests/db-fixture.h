/* What tests of common/db share that ask one database: its connections, which the file's start()
 * makes, and their end. */
#pragma once

#include "common/db/db.h"
#include "common/tests/sql.h"
#include "common/tests/unit.h"

#include <stdlib.h>

static char *conninfo;
static PGconn *looker; /* a second pair of eyes on the same database */
static struct es_db *db;

static inline int end(void **state)
{
    (void)state;
    db = es_db_free(db);
    es_test_disconnect(&looker);
    free(conninfo);
    return 0;
}
