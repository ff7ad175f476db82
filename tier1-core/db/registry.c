#include "tier1-core/db/registry.h"

#include "tier1-core/db/idempotency.h"
#include "tier1-core/db/logins.h"
#include "tier1-core/db/maintenance.h"
#include "tier1-core/db/members.h"
#include "tier1-core/db/receipts.h"
#include "tier1-core/db/sessions.h"
#include "tier1-core/db/signals.h"

const struct es_db_statement *const core_statements[] = {
    &signals_find_members_statement,
    &signals_append_statement,
    &signals_find_statement,
    &signals_history_statement,
    &signals_event_statement,
    &receipts_read_statement,
    &receipts_tiles_statement,
    &receipts_headers_statement,
    &members_status_statement,
    &logins_begin_statement,
    &logins_finish_token_statement,
    &logins_try_code_statement,
    &logins_finish_code_statement,
    &sessions_add_statement,
    &sessions_of_statement,
    &sessions_end_statement,
    &sessions_end_token_statement,
    &sessions_settled_statement,
    &sessions_revocations_statement,
    &idempotency_claim_statement,
    &idempotency_finish_statement,
    &idempotency_release_statement,
    &idempotency_known_statement,
    &idempotency_keep_statement,
    &maintenance_partitions_statement,
    &maintenance_prune_core_statement,
    &maintenance_prune_bus_statement,
    &maintenance_ping_statement,
};

const size_t core_statement_count = ES_ARRAY_LEN(core_statements);
