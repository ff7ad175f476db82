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
    ES_CONFIG_TEXT,    /* const char * */
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
    const char *unit;     /* "ms", "s", "satoshis per kB" … or NULL */
    const char *fallback; /* default as text; NULL: the option is required; "": unset (NULL) */
    int64_t min, max;     /* ES_CONFIG_INT */
    const char *const *choices; /* ES_CONFIG_CHOICE: NULL-terminated */
    bool secret;      /* the value (a connection string with a password) is never printed */
    const char *help; /* one line */
    size_t offset;    /* of the target in the configuration struct */
};

/* Fill CONFIG from ENVIRONMENT (as environ; strings are kept, not copied) by TABLE. On failure
 * every problem found is appended to ERRORS, one line each. */
bool es_config_load(const struct es_config_option *table, size_t count, char *const *environment,
                    void *config, struct es_buf *errors) ES_MUST_CHECK;

/* The table as --help shows it, and as a sample environment file. */
void es_config_describe(const struct es_config_option *table, size_t count, struct es_buf *out);
void es_config_sample(const struct es_config_option *table, size_t count, struct es_buf *out);

/* Effective values, secrets left out: for --check-config and the first log line. */
void es_config_show(const struct es_config_option *table, size_t count, const void *config,
                    struct es_buf *out);
