#include "deploy/ctl/check-rights.h"

#include "common/base/compiler.h"

const struct es_forbidden es_forbidden_rights[] = {
    /* Whoever holds the chain key knows nothing of people, whoever signs people in cannot open
     * their mail addresses, and whoever can open them knows nothing else. */
    {"eldersafe_ledger", "use", "core"},
    {"eldersafe_ledger", "use", "vault"},
    {"eldersafe_ledger", "touch", "core.members"},
    {"eldersafe_ledger", "touch", "core.signals"},
    {"eldersafe_ledger", "touch", "vault.contacts"},
    {"eldersafe_core", "use", "vault"},
    {"eldersafe_core", "touch", "vault.contacts"},
    {"eldersafe_core", "touch", "vault.messages"},
    {"eldersafe_core", "touch", "core.logins"},
    {"eldersafe_notify", "use", "core"},
    {"eldersafe_notify", "use", "anchor"},
    {"eldersafe_notify", "use", "pay"},
    {"eldersafe_notify", "touch", "core.members"},
    {"eldersafe_notify", "write", "vault.contacts"},
    {"eldersafe_admin", "touch", "core.logins"},
    {"eldersafe_admin", "touch", "vault.contacts"},
    {"eldersafe_auditor", "read", "core.logins"},
    {"eldersafe_auditor", "read", "core.sessions"},
    {"eldersafe_auditor", "read", "vault.contacts"},
    {"eldersafe_auditor", "read", "vault.messages"},

    /* Money moves through functions only. */
    {"eldersafe_core", "touch", "pay.accounts"},
    {"eldersafe_core", "touch", "pay.transfers"},
    {"eldersafe_ledger", "touch", "pay.accounts"},
    {"eldersafe_ledger", "touch", "pay.transfers"},
    {"eldersafe_admin", "write", "pay.accounts"},
    {"eldersafe_admin", "write", "pay.transfers"},

    /* What is written once stays as it is, whoever asks. */
    {"eldersafe_core", "change", "core.signals"},
    {"eldersafe_core", "change", "core.audit_log"},
    {"eldersafe_core", "change", "anchor.leaves"},
    {"eldersafe_core", "write", "core.members"},
    {"eldersafe_core", "write", "anchor.entries"},
    {"eldersafe_core", "write", "anchor.checkpoints"},
    {"eldersafe_core", "write", "anchor.transactions"},
    {"eldersafe_core", "write", "anchor.tiles"},
    {"eldersafe_core", "write", "anchor.rewarded"},
    {"eldersafe_ledger", "change", "anchor.entries"},
    {"eldersafe_ledger", "change", "anchor.checkpoints"},
    {"eldersafe_ledger", "change", "anchor.transitions"},
    {"eldersafe_ledger", "write", "anchor.rewarded"},
    {"eldersafe_admin", "write", "core.members"},
    {"eldersafe_admin", "write", "core.signals"},
    {"eldersafe_admin", "change", "core.audit_log"},
    {"eldersafe_admin", "write", "anchor.entries"},
    {"eldersafe_admin", "write", "anchor.checkpoints"},
    {"eldersafe_auditor", "write", "core.members"},
    {"eldersafe_auditor", "write", "core.signals"},
    {"eldersafe_auditor", "write", "core.audit_log"},
    {"eldersafe_auditor", "write", "pay.accounts"},
    {"eldersafe_auditor", "write", "pay.transfers"},
    {"eldersafe_auditor", "write", "anchor.entries"},
    {"eldersafe_auditor", "write", "anchor.checkpoints"},
    {"eldersafe_auditor", "write", "bus.outbox"},
};
const size_t es_forbidden_count = ES_ARRAY_LEN(es_forbidden_rights);

const char *const es_checked_roles[] = {
    "eldersafe_owner",  "eldersafe_migrate", "eldersafe_admin",   "eldersafe_core",
    "eldersafe_notify", "eldersafe_ledger",  "eldersafe_auditor",
};
const size_t es_checked_role_count = ES_ARRAY_LEN(es_checked_roles);

const char *const es_append_only_tables[] = {
    "anchor.entries", "anchor.checkpoints", "anchor.transitions", "anchor.rewarded",
    "pay.transfers",  "core.audit_log",     "core.signals",
};
const size_t es_append_only_count = ES_ARRAY_LEN(es_append_only_tables);
