/*
 * Configuration from environment variables, described by one typed table per process.
 *
 * An option NAME is read from the variable ELDERSAFE_<NAME>. --help, --check-config, --sample-env
 * and the documentation come from the table. Unknown ELDERSAFE_* variables are an error, so a
 * typing mistake cannot pass for a default. Secrets are never values: they are files, named by
 * options that end in _FILE, and only the path is shown.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum es_config_type {
    ES_CONFIG_TEXT,    /* const char *; no control characters */
    ES_CONFIG_INT,     /* int64_t, MIN..MAX, in UNIT */
    ES_CONFIG_BOOL,    /* bool: yes or no */
    ES_CONFIG_CHOICE,  /* int: index into CHOICES */
    ES_CONFIG_ADDRESS, /* const char *: "127.0.0.1:8001", "[::1]:0" or "unix:/path" */
    ES_CONFIG_FILE,    /* const char *: a path; the file must exist and be readable */
    ES_CONFIG_URL,     /* const char *: http:// or https:// */
};

struct es_config_option {
    const char *name; /* without the ELDERSAFE_ prefix */
    enum es_config_type type;
    const char *unit; /* "ms", "s", "satoshis per kB" … or NULL */
    /* Default as text. NULL: the option is required. "": it may be unset or empty, which leaves the
     * target as it is (NULL in a zeroed struct); no other option may be empty. */
    const char *fallback;
    int64_t min, max;           /* ES_CONFIG_INT */
    const char *const *choices; /* ES_CONFIG_CHOICE: NULL-terminated */
    bool secret;      /* the value (a connection string with a password) is never printed */
    const char *help; /* one line */
    size_t offset;    /* of the target in the configuration struct */
};

/* Fill CONFIG from ENVIRONMENT (as environ; strings are kept, not copied) by TABLE. On failure
 * every problem found is appended to ERRORS, one line each, with its line end. */
bool es_config_load(const struct es_config_option *table, size_t count, char *const *environment,
                    void *config, struct es_buf *errors) ES_MUST_CHECK;

/* A table and the struct it fills. */
struct es_config_section {
    const struct es_config_option *table;
    size_t count;
    void *config;
};

/* The same for several tables at once (a daemon's own and the one every daemon has): a variable is
 * unknown when no table has it. */
bool es_config_load_sections(const struct es_config_section *sections, size_t section_count,
                             char *const *environment, struct es_buf *errors) ES_MUST_CHECK;

/* The table as --help shows it, and as a sample environment file. */
void es_config_describe(const struct es_config_option *table, size_t count, struct es_buf *out);
void es_config_sample(const struct es_config_option *table, size_t count, struct es_buf *out);

/* Effective values, secrets left out: for --check-config. One line "ELDERSAFE_NAME=value" each. */
void es_config_show(const struct es_config_option *table, size_t count, const void *config,
                    struct es_buf *out);
