/* Every statement of eldersafectl, for `make check-sql`; a command prepares its own only. */
#pragma once

#include "common/db/db.h"

#include <stddef.h>

/* Those that no other file than their command's own runs. */
extern const struct es_db_statement es_check_connections_statement, es_check_rights_statement,
    es_check_loose_rights_statement, es_check_append_only_statement, es_check_partitions_statement;
extern const struct es_db_statement es_ctl_parked_statement, es_ctl_parked_by_statement,
    es_ctl_replay_statement, es_ctl_coins_statement, es_mint_members_statement;

extern const struct es_db_statement *const es_ctl_statements[];
extern const size_t es_ctl_statement_count;
