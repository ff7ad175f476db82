#include "deploy/ctl/check-rights.h"

#include "common/base/compiler.h"

#define CHANGE_ROWS  "DELETE, TRUNCATE, TRIGGER"
#define ANY_ON_TABLE "SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER"
#define ANY_COLUMN   "SELECT, INSERT, UPDATE, REFERENCES"
#define ANY_SCHEMA   "USAGE, CREATE"

/* Neither may change what is there: not a column of it, not the row. */
#define NEVER_CHANGES(role, object)                                                                \
    {role, "column", "UPDATE", object},                                                            \
    {                                                                                              \
        role, "table", CHANGE_ROWS, object                                                         \
    }
#define NEVER_TOUCHES(role, object)                                                                \
    {role, "column", ANY_COLUMN, object},                                                          \
    {                                                                                              \
        role, "table", ANY_ON_TABLE, object                                                        \
    }
#define NEVER_WRITES(role, object)                                                                 \
    {role, "column", "INSERT, UPDATE", object},                                                    \
    {                                                                                              \
        role, "table", CHANGE_ROWS, object                                                         \
    }

const struct es_forbidden es_forbidden_rights[] = {
    /* Whoever holds the chain key knows nothing of people, whoever signs people in cannot open
     * their mail addresses, and whoever can open them knows nothing else. */
    {"eldersafe_ledger", "schema", ANY_SCHEMA, "core"},
    {"eldersafe_ledger", "schema", ANY_SCHEMA, "vault"},
    {"eldersafe_core", "schema", ANY_SCHEMA, "vault"},
    {"eldersafe_notify", "schema", ANY_SCHEMA, "core"},
    {"eldersafe_notify", "schema", ANY_SCHEMA, "anchor"},
    {"eldersafe_notify", "schema", ANY_SCHEMA, "pay"},
    NEVER_TOUCHES("eldersafe_ledger", "core.members"),
    NEVER_TOUCHES("eldersafe_ledger", "core.signals"),
    NEVER_TOUCHES("eldersafe_ledger", "vault.contacts"),
    NEVER_TOUCHES("eldersafe_core", "vault.contacts"),
    NEVER_TOUCHES("eldersafe_core", "vault.messages"),
    NEVER_TOUCHES("eldersafe_core", "core.logins"),
    NEVER_TOUCHES("eldersafe_notify", "core.members"),
    {"eldersafe_admin", "column", "SELECT", "core.logins"},
    {"eldersafe_admin", "table", "SELECT", "vault.contacts"},
    {"eldersafe_auditor", "table", "SELECT", "core.logins"},
    {"eldersafe_auditor", "table", "SELECT", "core.sessions"},
    {"eldersafe_auditor", "table", "SELECT", "vault.contacts"},
    {"eldersafe_auditor", "table", "SELECT", "vault.messages"},

    /* Money moves through functions only. */
    NEVER_WRITES("eldersafe_core", "pay.accounts"),
    NEVER_WRITES("eldersafe_core", "pay.transfers"),
    NEVER_WRITES("eldersafe_ledger", "pay.accounts"),
    NEVER_WRITES("eldersafe_ledger", "pay.transfers"),
    NEVER_WRITES("eldersafe_admin", "pay.accounts"),
    NEVER_WRITES("eldersafe_admin", "pay.transfers"),

    /* What is written once stays as it is, whoever asks. */
    NEVER_CHANGES("eldersafe_core", "core.signals"),
    NEVER_CHANGES("eldersafe_core", "core.audit_log"),
    NEVER_CHANGES("eldersafe_core", "anchor.leaves"),
    NEVER_WRITES("eldersafe_core", "anchor.entries"),
    NEVER_WRITES("eldersafe_core", "anchor.checkpoints"),
    NEVER_WRITES("eldersafe_core", "anchor.transactions"),
    NEVER_WRITES("eldersafe_core", "anchor.rewarded"),
    NEVER_WRITES("eldersafe_core", "core.members"),
    NEVER_CHANGES("eldersafe_ledger", "anchor.entries"),
    NEVER_CHANGES("eldersafe_ledger", "anchor.checkpoints"),
    NEVER_CHANGES("eldersafe_ledger", "anchor.transitions"),
    NEVER_WRITES("eldersafe_ledger", "anchor.rewarded"),
    NEVER_CHANGES("eldersafe_admin", "core.signals"),
    NEVER_CHANGES("eldersafe_admin", "core.audit_log"),
    NEVER_WRITES("eldersafe_admin", "anchor.entries"),
    NEVER_WRITES("eldersafe_admin", "anchor.checkpoints"),
    NEVER_WRITES("eldersafe_auditor", "core.signals"),
    NEVER_WRITES("eldersafe_auditor", "core.members"),
    NEVER_WRITES("eldersafe_auditor", "pay.accounts"),
    NEVER_WRITES("eldersafe_auditor", "pay.transfers"),
    NEVER_WRITES("eldersafe_auditor", "anchor.checkpoints"),
    NEVER_WRITES("eldersafe_auditor", "bus.outbox"),
};
const size_t es_forbidden_count = ES_ARRAY_LEN(es_forbidden_rights);

const char *const es_append_only_tables[] = {
    "anchor.entries", "anchor.checkpoints", "anchor.transitions", "anchor.rewarded",
    "pay.transfers",  "core.audit_log",     "core.signals",
};
const size_t es_append_only_count = ES_ARRAY_LEN(es_append_only_tables);
