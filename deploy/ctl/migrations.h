/*
 * The folder migrations/ as it is on disk: numbered files in a folder per schema, the functions
 * and the grants.
 *
 *   <schema>/NNNN-name.sql   numbers are global, from 1, without gaps
 *   functions/NN-name.sql    reloaded whole, in order of their names
 *   grants.sql               after the functions
 *   roles.sql                by a superuser, before everything else
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

#define ES_CHECKSUM_SIZE 65 /* SHA-256 in hexadecimal and a NUL */

struct es_sql_file {
    int number;   /* 0 for files without one */
    char *schema; /* name of its folder */
    char *name;   /* "ledger" of pay/0002-ledger.sql; the file's name for others */
    char *path;
    char *text;
    char checksum[ES_CHECKSUM_SIZE];
};

struct es_sql_files {
    struct es_sql_file *items;
    size_t count;
};

struct es_migrations {
    struct es_sql_files numbered; /* in order of their numbers: items[i] has number i + 1 */
    struct es_sql_files reloaded; /* the functions, then the grants */
    struct es_sql_files roles;    /* one */
    /* Of the functions and grants together, as common/db/make-schema-version computes it. */
    char reloaded_checksum[ES_CHECKSUM_SIZE];
};

/* Read DIRECTORY. NULL with a line in ERROR when something in it is not as above. */
struct es_migrations *es_migrations_load(const char *directory, struct es_buf *error) ES_MUST_CHECK;
struct es_migrations *es_migrations_free(struct es_migrations *migrations);
void es_migrations_free_p(struct es_migrations **migrations);

/* The folder to use: GIVEN, else $ELDERSAFE_MIGRATIONS, else the one that was installed with this
 * program (../share/eldersafe/migrations) or that it was built from (../../migrations). NULL when
 * there is none of these. Release with free(). */
char *es_migrations_find(const char *given) ES_MUST_CHECK;
