/* Rights that must not exist: what keeps the processes apart (DESIGN section 2), written down once
 * more than in migrations/grants.sql, so that a slip there is found. */
#pragma once

#include <stddef.h>

/*
 * MAY is one of these, tested by es_check_rights_statement:
 *   use     anything in a schema
 *   touch   any right on a table or one of its columns
 *   write   add, change or remove rows
 *   change  change or remove rows
 *   read    all columns of a table
 */
struct es_forbidden {
    const char *role;
    const char *may;
    const char *object;
};

extern const struct es_forbidden es_forbidden_rights[];
extern const size_t es_forbidden_count;

/* The roles of migrations/roles.sql: none is more than it is granted there. */
extern const char *const es_checked_roles[];
extern const size_t es_checked_role_count;

/* Tables that are only ever added to; the partitions of core.signals come on top. */
extern const char *const es_append_only_tables[];
extern const size_t es_append_only_count;
