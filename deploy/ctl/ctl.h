/*
 * The commands of eldersafectl: one file each (cmd-NAME.c), all listed in the table in main.c.
 *
 * A command gets its own arguments, prints what an operator wants to read on standard output and
 * what went wrong on standard error, and yields the process's exit status (daemon.h, enum es_exit:
 * 0 done, 1 failed, 64 wrong arguments, 78 configuration).
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/daemon/daemon.h"
#include "common/db/db.h"

#include <stdbool.h>
#include <stddef.h>

struct es_ctl_command {
    const char *name; /* one or two words: "migrate", "member add" */
    const char *arguments;
    const char *summary; /* one line */
    enum es_exit (*run)(const struct es_ctl_command *self, int argc, char **argv);
};

/* One option of a command: exactly one of TEXT and FLAG is set. A name that does not begin with '-'
 * is an argument without a name: those are filled in the order in which they stand here. */
struct es_ctl_option {
    const char *name;  /* "--database", or "FILE" */
    const char *value; /* what stands for its value in the help: "CONNINFO"; NULL for a flag */
    const char *help;  /* one line */
    const char **text; /* keeps what it points to when the option is absent */
    bool *flag;
};

/* The option of all commands that do an operator's work in the database. */
#define ES_CTL_DATABASE(target)                                                                    \
    {                                                                                              \
        "--database", "CONNINFO", "connection of eldersafe_admin", (target), NULL                  \
    }

/* Read ARGV[1..] as OPTIONS of SELF ("--name value" or "--name=value") and nothing else. False when
 * there is nothing more to do but to end with *RET_STATUS: --help was printed, or it has been said
 * what is wrong. */
bool es_ctl_parse(const struct es_ctl_command *self, const struct es_ctl_option *options,
                  size_t count, int argc, char **argv, enum es_exit *ret_status) ES_MUST_CHECK;

/* True when VALUE is there; else says that WHAT of SELF is needed. */
bool es_ctl_given(const struct es_ctl_command *self, const char *what,
                  const char *value) ES_MUST_CHECK;

/* TEXT (the value of OPTION) as a whole number from LEAST to MOST; false after saying so. */
bool es_ctl_number(const struct es_ctl_command *self, const char *option, const char *text,
                   int64_t least, int64_t most, int64_t *ret_number) ES_MUST_CHECK;

/* "eldersafectl: …" on standard error. */
void es_ctl_error(const char *format, ...) ES_PRINTF(1, 2);

/* --database if given, else ELDERSAFE_DATABASE, else "": libpq's own defaults (PGHOST …). */
const char *es_ctl_database(const char *given);

/* GIVEN, else the environment variable NAME; NULL when that is not set or empty. */
const char *es_ctl_setting(const char *given, const char *name);

/* A connection as the operator, named after SELF; nothing is opened yet. */
struct es_db *es_ctl_db_new(const char *database, const struct es_ctl_command *self,
                            int64_t statement_timeout_ms,
                            const struct es_db_statement *const *statements,
                            size_t count) ES_MUST_CHECK;

/* Connect as the operator and check that the schema is the one this program was made for. NULL
 * after saying what is wrong; then *RET_STATUS is what to end with. */
struct es_db *es_ctl_connect(const char *database, const struct es_ctl_command *self,
                             const struct es_db_statement *const *statements, size_t count,
                             enum es_exit *ret_status) ES_MUST_CHECK;
void es_ctl_disconnect(struct es_db **db);

/* Says why a statement of DB failed; the exit status for it. */
enum es_exit es_ctl_db_failed(const struct es_db *db, const char *what);

/* "operator:NAME", for the audit log: who runs this program. */
#define ES_CTL_ACTOR_SIZE 65
void es_ctl_actor(char ret_actor[ES_CTL_ACTOR_SIZE]);

/* The commands. */
enum es_exit es_ctl_migrate(const struct es_ctl_command *self, int argc, char **argv);
enum es_exit es_ctl_check(const struct es_ctl_command *self, int argc, char **argv);
enum es_exit es_ctl_member_add(const struct es_ctl_command *self, int argc, char **argv);
enum es_exit es_ctl_member_import(const struct es_ctl_command *self, int argc, char **argv);
enum es_exit es_ctl_key_generate(const struct es_ctl_command *self, int argc, char **argv);
enum es_exit es_ctl_key_public(const struct es_ctl_command *self, int argc, char **argv);
enum es_exit es_ctl_key_rotate(const struct es_ctl_command *self, int argc, char **argv);
enum es_exit es_ctl_key_address(const struct es_ctl_command *self, int argc, char **argv);
enum es_exit es_ctl_token_mint(const struct es_ctl_command *self, int argc, char **argv);
enum es_exit es_ctl_coin_add(const struct es_ctl_command *self, int argc, char **argv);
enum es_exit es_ctl_coin_list(const struct es_ctl_command *self, int argc, char **argv);
enum es_exit es_ctl_status(const struct es_ctl_command *self, int argc, char **argv);
enum es_exit es_ctl_log_verify(const struct es_ctl_command *self, int argc, char **argv);
enum es_exit es_ctl_bus_parked(const struct es_ctl_command *self, int argc, char **argv);
enum es_exit es_ctl_bus_replay(const struct es_ctl_command *self, int argc, char **argv);
