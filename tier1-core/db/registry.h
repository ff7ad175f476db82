/* Every statement of eldersafe-core: prepared on each connection, checked by `make check-sql`. */
#pragma once

#include "common/db/db.h"

extern const struct es_db_statement *const core_statements[];
extern const size_t core_statement_count;
