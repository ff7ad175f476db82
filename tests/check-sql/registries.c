#include "tests/check-sql/registries.h"

#include "common/bus/inbox.h"
#include "common/bus/relay.h"
#include "deploy/ctl/registry.h"
#include "deploy/ctl/status.h"
#include "tier1-core/db/registry.h"
#include "tier1-core/notify/messages.h"
#include "worker-ledger/auditor/audit.h"
#include "worker-ledger/db/registry.h"

const struct es_registry es_registries[] = {
    {"eldersafe-core", "eldersafe_core", core_statements, &core_statement_count},
    {"eldersafe-core's relay", "eldersafe_core", es_relay_statements, &es_relay_statement_count},
    {"eldersafe-notify", "eldersafe_notify", messages_statements, &messages_statement_count},
    {"eldersafe-notify's inbox", "eldersafe_notify", es_inbox_statements,
     &es_inbox_statement_count},
    {"eldersafe-ledger", "eldersafe_ledger", es_ledger_statements, &es_ledger_statement_count},
    {"eldersafe-auditor", "eldersafe_auditor", es_audit_statements, &es_audit_statement_count},
    {"eldersafectl", "eldersafe_admin", es_ctl_statements, &es_ctl_statement_count},
    {"eldersafectl status", "eldersafe_admin", es_status_statements, &es_status_statement_count},
    {"eldersafectl log verify", "eldersafe_admin", es_audit_log_statements,
     &es_audit_log_statement_count},
};
const size_t es_registry_count = ES_ARRAY_LEN(es_registries);
