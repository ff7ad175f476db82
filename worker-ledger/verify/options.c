#include "worker-ledger/verify/options.h"

#include "common/base/text.h"
#include "worker-ledger/chain/hash256.h"
#include "worker-ledger/verify/input.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define KEY_FILE_SIZE_MAX 8192

const char es_options_help[] =
    "usage: eldersafe-verify [options] RECEIPT|-\n"
    "       eldersafe-verify [options] --consistency OLD NEW TILES\n"
    "\n"
    "Checks an Eldersafe receipt offline: that the event it holds was in the log, that the\n"
    "log's checkpoint was put on the BSV chain, and that the chain has it in a block.\n"
    "With --consistency: that the log has only grown from the checkpoint in the file OLD to the\n"
    "one in NEW, by the tiles that were published (the directory that holds tile/).\n"
    "\n"
    "  --log-key VKEY|FILE   key of the log, as text or as a file with one key a line (empty\n"
    "                        lines and lines from # are skipped); may be given several times\n"
    "  --no-log-key          do not check who signed the checkpoint\n"
    "  --network NAME        main (default), test or regtest\n"
    "  --pin HEIGHT:HASH     a block you trust; the receipt must hold the headers since\n"
    "  --consistency         check two checkpoints instead of a receipt\n"
    "  --json                print the findings as one line of JSON\n"
    "  --quiet               print nothing; the exit status tells\n"
    "  --help, --version\n"
    "\n"
    "Without --pin a block is known by its proof of work alone: compare the printed block hash\n"
    "with a source you trust.\n"
    "\n"
    "Exit status: 0 every link holds, up to a block; 1 a link is broken (it is named);\n"
    "2 wrong usage or unreadable file; 3 holds as far as it goes, but is not yet in a block, or a\n"
    "tile is not there.\n";

enum option_code {
    OPTION_LOG_KEY = 'k',
    OPTION_NO_LOG_KEY = 'n',
    OPTION_NETWORK = 'w',
    OPTION_PIN = 'p',
    OPTION_CONSISTENCY = 'c',
    OPTION_JSON = 'j',
    OPTION_QUIET = 'q',
    OPTION_HELP = 'h',
    OPTION_VERSION = 'v',
};

static const struct option long_options[] = {
    {"log-key", required_argument, NULL, OPTION_LOG_KEY},
    {"no-log-key", no_argument, NULL, OPTION_NO_LOG_KEY},
    {"network", required_argument, NULL, OPTION_NETWORK},
    {"pin", required_argument, NULL, OPTION_PIN},
    {"consistency", no_argument, NULL, OPTION_CONSISTENCY},
    {"json", no_argument, NULL, OPTION_JSON},
    {"quiet", no_argument, NULL, OPTION_QUIET},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

static bool add_key(struct es_options *options, const char *text)
{
    size_t *count = &options->verify.log_key_count;
    if (*count == ES_VERIFY_KEYS_MAX) {
        (void)fprintf(stderr, "eldersafe-verify: more than %d log keys\n", ES_VERIFY_KEYS_MAX);
        return false;
    }
    if (!es_note_key_parse(text, &options->keys[*count])) {
        return false;
    }
    (*count)++;
    return true;
}

static bool add_keys_of_file(struct es_options *options, const char *path)
{
    ES_CLEANUP(es_buf_done) struct es_buf content = ES_BUF_INIT;
    if (!es_input_read(path, KEY_FILE_SIZE_MAX, &content)) {
        (void)fprintf(stderr, "eldersafe-verify: --log-key is neither a key nor a file: %s: %s\n",
                      path, strerror(errno));
        return false;
    }
    char *rest = (char *)content.data; /* NULL when the file is empty: then there is no line */
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        const char *text = es_trim(line);
        if (text[0] != '\0' && text[0] != '#' && !add_key(options, text)) {
            (void)fprintf(stderr, "eldersafe-verify: %s holds a line that is no log key\n", path);
            return false;
        }
    }
    return true;
}

static bool parse_pin(const char *text, struct es_verify_options *verify)
{
    char height[24];
    const char *colon = strchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof(height)) {
        return false;
    }
    memcpy(height, text, (size_t)(colon - text));
    height[colon - text] = '\0';
    verify->has_pin =
        es_parse_u64(height, &verify->pin_height) && es_hash256_parse(colon + 1, &verify->pin_hash);
    return verify->has_pin;
}

/* One option that carries a value. */
static bool take_value(struct es_options *options, int option, const char *value)
{
    switch (option) {
    case OPTION_LOG_KEY:
        return add_key(options, value) || add_keys_of_file(options, value);
    case OPTION_NETWORK:
        if (!es_network_parse(value, &options->verify.network)) {
            (void)fprintf(stderr, "eldersafe-verify: no such network: %s\n", value);
            return false;
        }
        return true;
    case OPTION_PIN:
        if (!parse_pin(value, &options->verify)) {
            (void)fprintf(stderr, "eldersafe-verify: --pin wants HEIGHT:HASH, not %s\n", value);
            return false;
        }
        return true;
    default:
        return false; /* getopt_long() has printed what is wrong */
    }
}

static bool take_option(struct es_options *options, int option, const char *value)
{
    switch (option) {
    case OPTION_NO_LOG_KEY:
        options->verify.skip_log_key = true;
        return true;
    case OPTION_CONSISTENCY:
        options->action = ES_OPTIONS_GROWTH;
        return true;
    case OPTION_JSON:
        options->json = true;
        return true;
    case OPTION_QUIET:
        options->quiet = true;
        return true;
    case OPTION_HELP:
        options->action = ES_OPTIONS_HELP;
        return true;
    case OPTION_VERSION:
        options->action = ES_OPTIONS_VERSION;
        return true;
    default:
        return take_value(options, option, value);
    }
}

static bool take_operands(struct es_options *options, int count, char **operands)
{
    if (options->action == ES_OPTIONS_GROWTH && count == 3) {
        options->old_checkpoint = operands[0];
        options->new_checkpoint = operands[1];
        options->tiles = operands[2];
        return true;
    }
    if (options->action == ES_OPTIONS_VERIFY && count == 1) {
        options->receipt = operands[0];
        return true;
    }
    (void)fprintf(stderr, "eldersafe-verify: give exactly %s (see --help)\n",
                  options->action == ES_OPTIONS_GROWTH ? "OLD, NEW and TILES" : "one receipt");
    return false;
}

/* What only shows when all options are read. */
static bool options_complete(struct es_options *options, int count, char **operands)
{
    if (options->action == ES_OPTIONS_HELP || options->action == ES_OPTIONS_VERSION) {
        return true;
    }
    if (!take_operands(options, count, operands)) {
        return false;
    }
    if (options->action == ES_OPTIONS_GROWTH && options->verify.has_pin) {
        (void)fprintf(stderr, "eldersafe-verify: --consistency knows no blocks to --pin\n");
        return false;
    }
    if (options->verify.log_key_count == 0 && !options->verify.skip_log_key) {
        (void)fprintf(stderr, "eldersafe-verify: give the log's key with --log-key "
                              "(or say --no-log-key)\n");
        return false;
    }
    if (options->verify.log_key_count > 0 && options->verify.skip_log_key) {
        (void)fprintf(stderr, "eldersafe-verify: --log-key and --no-log-key exclude each other\n");
        return false;
    }
    return true;
}

bool es_options_parse(int argc, char **argv, struct es_options *ret_options)
{
    *ret_options = (struct es_options){.action = ES_OPTIONS_VERIFY};
    ret_options->verify.log_keys = ret_options->keys;
    ret_options->verify.network = ES_NETWORK_MAIN;
    for (int option = 0; (option = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
        if (!take_option(ret_options, option, optarg)) {
            return false;
        }
    }
    return options_complete(ret_options, argc - optind, argv + optind);
}
