#include "deploy/ctl/registry.h"

#include "deploy/ctl/members.h"
#include "deploy/ctl/mint.h"
#include "deploy/ctl/static-log.h"
#include "worker-ledger/db/coins.h"

const struct es_db_statement *const es_ctl_statements[] = {
    &es_check_connections_statement,  &es_check_rights_statement,
    &es_check_loose_rights_statement, &es_check_append_only_statement,
    &es_check_partitions_statement,   &es_ctl_parked_statement,
    &es_ctl_parked_by_statement,      &es_ctl_replay_statement,
    &es_ctl_coins_statement,          &es_members_add_statement,
    &es_members_find_statement,       &es_mint_members_statement,
    &es_mint_sessions_statement,      &es_coins_learn_statement, /* coin add */
    &es_static_tiles_statement,       &es_static_checkpoints_statement,
};
const size_t es_ctl_statement_count = ES_ARRAY_LEN(es_ctl_statements);
