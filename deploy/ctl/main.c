/* eldersafectl: what an operator does by hand. */
#include "common/base/random.h"
#include "common/base/version.h"
#include "deploy/ctl/ctl.h"

#include <stdio.h>
#include <string.h>

static const struct es_ctl_command commands[] = {
    {"migrate", "[--database CONNINFO] [--directory DIR] [--roles]",
     "Bring the database to this release's schema.", es_ctl_migrate},
    {"check", "[--database CONNINFO]",
     "Check the database: version, rights, append-only tables, partitions, connections.",
     es_ctl_check},
};

static void print_commands(FILE *out)
{
    (void)fputs("usage: eldersafectl COMMAND [--help | OPTIONS]\n\n", out);
    for (size_t i = 0; i < ES_ARRAY_LEN(commands); i++) {
        (void)fprintf(out, "  %-18s %s\n", commands[i].name, commands[i].summary);
    }
}

/* How many words of ARGV (after the program's name) are NAME; 0: it is another command. */
static int words_matched(const char *name, int argc, char **argv)
{
    const char *blank = strchr(name, ' ');
    size_t first = blank != NULL ? (size_t)(blank - name) : strlen(name);
    if (argc < 2 || strlen(argv[1]) != first || strncmp(argv[1], name, first) != 0) {
        return 0;
    }
    if (blank == NULL) {
        return 1;
    }
    return argc > 2 && strcmp(argv[2], blank + 1) == 0 ? 2 : 0;
}

int main(int argc, char **argv)
{
    es_random_init();
    for (size_t i = 0; i < ES_ARRAY_LEN(commands); i++) {
        int words = words_matched(commands[i].name, argc, argv);
        if (words > 0) {
            return (int)commands[i].run(&commands[i], argc - words, argv + words);
        }
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)puts("eldersafectl " ES_VERSION);
        return ES_EXIT_OK;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_commands(stdout);
        return ES_EXIT_OK;
    }
    print_commands(stderr);
    return ES_EXIT_USAGE;
}
