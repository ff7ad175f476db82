/* Rights that must not exist: what keeps the processes apart (DESIGN section 2), written down once
 * more than in migrations/grants.sql, so that a slip there is found. */
#pragma once

#include <stddef.h>

struct es_forbidden {
    const char *role;
    const char *kind;       /* "schema", "table", "column" (any column, or the whole table) */
    const char *privileges; /* any of these, comma-separated */
    const char *object;
};

extern const struct es_forbidden es_forbidden_rights[];
extern const size_t es_forbidden_count;

/* Tables that are only ever added to; the partitions of core.signals come on top. */
extern const char *const es_append_only_tables[];
extern const size_t es_append_only_count;
