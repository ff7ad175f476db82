/*
 * The commands of eldersafectl: one file each (cmd-NAME.c), all listed in the table in main.c.
 *
 * A command gets its own arguments, prints what an operator wants to read on standard output and
 * what went wrong on standard error, and yields the process's exit status (daemon.h, enum es_exit:
 * 0 done, 1 failed, 64 wrong arguments, 78 configuration).
 */
#pragma once

#include "common/base/compiler.h"
#include "common/daemon/daemon.h"

#include <stdbool.h>
#include <stddef.h>

struct es_ctl_command {
    const char *name; /* one or two words: "migrate", "member add" */
    const char *arguments;
    const char *summary; /* one line */
    enum es_exit (*run)(const struct es_ctl_command *self, int argc, char **argv);
};

/* One option of a command: exactly one of TEXT and FLAG is set. */
struct es_ctl_option {
    const char *name;  /* "--database" */
    const char *value; /* what stands for its value in the help: "CONNINFO"; NULL for a flag */
    const char *help;  /* one line */
    const char **text; /* keeps what it points to when the option is absent */
    bool *flag;
};

enum es_ctl_parsed {
    ES_CTL_GO_ON,
    ES_CTL_HELP,  /* --help was printed: end with ES_EXIT_OK */
    ES_CTL_WRONG, /* said what is wrong: end with ES_EXIT_USAGE */
};

/* Read ARGV[1..] as OPTIONS of SELF ("--name value" or "--name=value") and nothing else. */
enum es_ctl_parsed es_ctl_options(const struct es_ctl_command *self,
                                  const struct es_ctl_option *options, size_t count, int argc,
                                  char **argv) ES_MUST_CHECK;

/* "eldersafectl: …" on standard error. */
void es_ctl_error(const char *format, ...) ES_PRINTF(1, 2);

/* --database if given, else ELDERSAFE_DATABASE, else "": libpq's own defaults (PGHOST …). */
const char *es_ctl_database(const char *given);

/* The commands. */
enum es_exit es_ctl_migrate(const struct es_ctl_command *self, int argc, char **argv);
enum es_exit es_ctl_check(const struct es_ctl_command *self, int argc, char **argv);
