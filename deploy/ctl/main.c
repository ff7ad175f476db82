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
    {"status", "[--json]", "How the installation is doing, at a glance.", es_ctl_status},
    {"member add", "[--number NUMBER] [--email ADDRESS] [--zone ZONE]", "Enter one member.",
     es_ctl_member_add},
    {"member import", "FILE [--rejects FILE]",
     "Enter members from a CSV file; doing it again changes nothing.", es_ctl_member_import},
    {"key generate", "--type TYPE FILE [--origin NAME]", "Make a secret key in a new file.",
     es_ctl_key_generate},
    {"key public", "FILE --type TYPE [--origin NAME]", "Print what is public about a key.",
     es_ctl_key_public},
    {"key rotate", "--type token [FILE] [--previous FILE]",
     "Replace the token key; tokens of the earlier ones stay valid.", es_ctl_key_rotate},
    {"key address", "[--file FILE] --network NETWORK", "Print the address of the chain key.",
     es_ctl_key_address},
    {"token mint", "--member-number NUMBER | --count N --out FILE",
     "Make tokens, for a member or for load tests.", es_ctl_token_mint},
    {"coin add", "RAW", "Tell the ledger of a transaction that pays its address.", es_ctl_coin_add},
    {"coin list", "[--all]", "List the ledger's coins.", es_ctl_coin_list},
    {"log verify", "[--vkey-file FILE] [--tiles DIR]",
     "Recompute the whole log and compare every root of it.", es_ctl_log_verify},
    {"bus parked", "", "List events that a consumer has given up.", es_ctl_bus_parked},
    {"bus replay", "EVENT_ID [--consumer NAME]", "Give a parked event to its consumer again.",
     es_ctl_bus_replay},
};

static void print_commands(FILE *out)
{
    (void)fputs("usage: eldersafectl COMMAND [--help | OPTIONS]\n"
                "       eldersafectl help [COMMAND]\n\n",
                out);
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

/* The command that ARGV (after the program's name) begins with; *RET_WORDS is how many words its
 * name has. */
static const struct es_ctl_command *find_command(int argc, char **argv, int *ret_words)
{
    for (size_t i = 0; i < ES_ARRAY_LEN(commands); i++) {
        *ret_words = words_matched(commands[i].name, argc, argv);
        if (*ret_words > 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/* "help member add" is "member add --help". */
static enum es_exit help(int argc, char **argv)
{
    int words = 0;
    const struct es_ctl_command *command = find_command(argc, argv, &words);
    if (argc == 1) {
        print_commands(stdout);
        return ES_EXIT_OK;
    }
    if (command == NULL || argc != 1 + words) {
        print_commands(stderr);
        return ES_EXIT_USAGE;
    }
    char option[] = "--help";
    char *arguments[] = {argv[0], option, NULL};
    return command->run(command, 2, arguments);
}

int main(int argc, char **argv)
{
    int words = 0;
    es_random_init();
    const struct es_ctl_command *command = find_command(argc, argv, &words);
    if (command != NULL) {
        return (int)command->run(command, argc - words, argv + words);
    }
    if (argc >= 2 && strcmp(argv[1], "help") == 0) {
        return (int)help(argc - 1, argv + 1);
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
