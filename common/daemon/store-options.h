/*
 * The options that name a process's stores, PostgreSQL and Redis: written once, the same in every
 * process that has them. They are rows of the process's own table, so --help and the sample show
 * them where the process puts them. CONFIG is its configuration struct, with the members
 *
 *     const char *database;
 *     const char *redis, *redis_user, *redis_password_file;    NULL: not given
 */
#pragma once

#include "common/base/buf.h"
#include "common/daemon/config.h"

#include <stdbool.h>
#include <stddef.h>

/* One row. ROLE: the database role of the process, a text literal. */
#define ES_DATABASE_OPTION(config, role)                                                           \
    {                                                                                              \
        .name = "DATABASE", .type = ES_CONFIG_TEXT, .secret = true,                                \
        .help = "libpq connection string, as role " role, .offset = offsetof(config, database),    \
    }

/* Three rows. USE: what it means to have Redis or none, a text literal for the help. */
#define ES_REDIS_OPTIONS(config, use)                                                              \
    ES_REDIS_ADDRESS_OPTION(config, use), ES_REDIS_USER_OPTION(config),                            \
        ES_REDIS_PASSWORD_OPTION(config)

#define ES_REDIS_ADDRESS_OPTION(config, use)                                                       \
    {                                                                                              \
        .name = "REDIS", .type = ES_CONFIG_ADDRESS, .fallback = "", .help = "Redis address; " use, \
        .offset = offsetof(config, redis),                                                         \
    }
#define ES_REDIS_USER_OPTION(config)                                                               \
    {                                                                                              \
        .name = "REDIS_USER", .type = ES_CONFIG_TEXT, .fallback = "", .help = "Redis ACL user",    \
        .offset = offsetof(config, redis_user),                                                    \
    }
#define ES_REDIS_PASSWORD_OPTION(config)                                                           \
    {                                                                                              \
        .name = "REDIS_PASSWORD_FILE", .type = ES_CONFIG_FILE, .fallback = "",                     \
        .help = "file with the Redis password", .offset = offsetof(config, redis_password_file),   \
    }

/* Whether user and password go together; false with a line in ERRORS. For the process's config
 * check. */
bool es_redis_options_check(const char *redis_user, const char *redis_password_file,
                            struct es_buf *errors) ES_MUST_CHECK;
