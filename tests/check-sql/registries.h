/*
 * The registries of all processes, each with the role it runs as. A new one is plugged in by one
 * line in registries.c.
 */
#pragma once

#include "common/db/db.h"

#include <stddef.h>

struct es_registry {
    const char *process;
    const char *role;
    const struct es_db_statement *const *statements;
    const size_t *count;
};

extern const struct es_registry es_registries[];
extern const size_t es_registry_count;
