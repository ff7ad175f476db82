/* Every statement of eldersafe-ledger: prepared on each connection, checked by `make check-sql`. */
#pragma once

#include "common/db/db.h"

#include <stddef.h>

extern const struct es_db_statement *const es_ledger_statements[];
extern const size_t es_ledger_statement_count;
