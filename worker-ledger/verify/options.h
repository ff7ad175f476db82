/* Command line of eldersafe-verify. */
#pragma once

#include "common/base/compiler.h"
#include "worker-ledger/verify/verify.h"

#include <stdbool.h>
#include <stddef.h>

#define ES_VERIFY_KEYS_MAX 32

enum es_options_action {
    ES_OPTIONS_VERIFY,
    ES_OPTIONS_GROWTH,
    ES_OPTIONS_HELP,
    ES_OPTIONS_VERSION,
};

struct es_options {
    enum es_options_action action;
    struct es_verify_options verify; /* its log_keys point to KEYS below */
    struct es_note_key keys[ES_VERIFY_KEYS_MAX];
    bool json;
    bool quiet;
    const char *receipt; /* path, or "-" for standard input */
    /* ES_OPTIONS_GROWTH, instead of a receipt: */
    const char *old_checkpoint; /* path, or "-" */
    const char *new_checkpoint;
    const char *tiles; /* directory */
};

/* Parse the arguments into *RET_OPTIONS, which must not move afterwards. False after a message on
 * standard error when they are wrong or a key file cannot be read. */
bool es_options_parse(int argc, char **argv, struct es_options *ret_options) ES_MUST_CHECK;

extern const char es_options_help[];
