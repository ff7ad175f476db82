#include "common/crypto/keyfile.h"
#include "deploy/ctl/ctl.h"
#include "deploy/ctl/keys.h"

#include <sodium.h>
#include <stdio.h>

/* One line: the public key as hex, or for a log with ORIGIN its verifier key. */
static enum es_exit print_public(const struct es_key_kind *kind, const unsigned char *secret,
                                 const char *origin)
{
    ES_CLEANUP(es_buf_done) struct es_buf out = ES_BUF_INIT;
    if (!kind->valid(secret)) {
        es_ctl_error("key public: the file holds no key of type %s", kind->name);
        return ES_EXIT_FAILED;
    }
    if (kind->is_log && origin != NULL) {
        if (!es_key_add_vkey(secret, origin, &out)) {
            es_ctl_error("key public: the origin must be printable ASCII without space and '+'");
            return ES_EXIT_USAGE;
        }
    } else {
        kind->add_public(secret, &out);
    }
    (void)printf("%s\n", es_buf_str(&out));
    return ES_EXIT_OK;
}

enum es_exit es_ctl_key_public(const struct es_ctl_command *self, int argc, char **argv)
{
    const char *path = NULL;
    const char *type = NULL;
    const char *origin = NULL;
    const struct es_ctl_option options[] = {
        {"FILE", NULL, "the secret key", &path, NULL},
        {"--type", "token|vault|chain|log", "what the key is for", &type, NULL},
        {"--origin", "NAME", "log: print the verifier key of the log of this name", &origin, NULL},
    };
    enum es_exit status;
    if (!es_ctl_parse(self, options, ES_ARRAY_LEN(options), argc, argv, &status)) {
        return status;
    }
    if (!es_ctl_given(self, "FILE", path) || !es_ctl_given(self, "--type", type)) {
        return ES_EXIT_USAGE;
    }
    const struct es_key_kind *kind = es_key_kind_find(type);
    if (kind == NULL || kind->add_public == NULL) {
        es_ctl_error("key public: --type must be one of token|vault|chain|log");
        return ES_EXIT_USAGE;
    }
    unsigned char secret[ES_KEY_FILE_SIZE];
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    if (!es_keyfile_read(path, secret, sizeof(secret), &error)) {
        es_ctl_error("%s", es_buf_str(&error));
        return ES_EXIT_CONFIG;
    }
    status = print_public(kind, secret, es_ctl_setting(origin, "ELDERSAFE_LOG_ORIGIN"));
    sodium_memzero(secret, sizeof(secret));
    return status;
}
