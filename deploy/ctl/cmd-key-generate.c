#include "common/base/random.h"
#include "common/base/text.h"
#include "common/crypto/keyfile.h"
#include "deploy/ctl/ctl.h"
#include "deploy/ctl/keys.h"

#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

#define PUBLIC_SUFFIX ".pub"

struct wish {
    const struct es_key_kind *kind;
    const char *path;
    const char *origin;
};

/* FILE.pub, before the secret: a name that is taken must not leave half a pair behind. */
static bool write_public(const struct wish *wish, const char *hex, struct es_buf *error)
{
    unsigned char public_key[ES_KEY_FILE_SIZE];
    ES_CLEANUP(es_buf_done) struct es_buf path = ES_BUF_INIT;
    es_buf_printf(&path, "%s" PUBLIC_SUFFIX, wish->path);
    return es_parse_hex(hex, public_key, sizeof(public_key)) &&
           es_keyfile_write(es_buf_str(&path), public_key, sizeof(public_key), error);
}

static enum es_exit write_pair(const struct wish *wish, const unsigned char *secret)
{
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf hex = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf vkey = ES_BUF_INIT;
    if (wish->kind->is_log && !es_key_add_vkey(secret, wish->origin, &vkey)) {
        es_ctl_error("key generate: the origin must be printable ASCII without space and '+'");
        return ES_EXIT_USAGE;
    }
    if (wish->kind->add_public != NULL) {
        wish->kind->add_public(secret, &hex);
    }
    if (access(wish->path, F_OK) == 0) {
        es_ctl_error("%s: is there already; keys are never replaced", wish->path);
        return ES_EXIT_FAILED;
    }
    if ((wish->kind->public_file && !write_public(wish, es_buf_str(&hex), &error)) ||
        !es_keyfile_write(wish->path, secret, ES_KEY_FILE_SIZE, &error)) {
        es_ctl_error("%s", es_buf_str(&error));
        return ES_EXIT_FAILED;
    }
    if (hex.length > 0) {
        (void)printf("public key    %s\n", es_buf_str(&hex));
    }
    if (vkey.length > 0) {
        (void)printf("verifier key  %s\n", es_buf_str(&vkey));
    }
    return ES_EXIT_OK;
}

enum es_exit es_ctl_key_generate(const struct es_ctl_command *self, int argc, char **argv)
{
    const char *type = NULL;
    struct wish wish = {0};
    const struct es_ctl_option options[] = {
        {"--type", es_key_kind_names, "what the key is for", &type, NULL},
        {"FILE", NULL, "where to; must not be there (vault: FILE.pub as well)", &wish.path, NULL},
        {"--origin", "NAME", "log: its name, instead of $ELDERSAFE_LOG_ORIGIN", &wish.origin, NULL},
    };
    enum es_exit status;
    if (!es_ctl_parse(self, options, ES_ARRAY_LEN(options), argc, argv, &status)) {
        return status;
    }
    if (!es_ctl_given(self, "--type", type) || !es_ctl_given(self, "FILE", wish.path)) {
        return ES_EXIT_USAGE;
    }
    wish.kind = es_key_kind_find(type);
    wish.origin = es_ctl_setting(wish.origin, "ELDERSAFE_LOG_ORIGIN");
    if (wish.kind == NULL) {
        es_ctl_error("key generate: --type must be one of %s", es_key_kind_names);
        return ES_EXIT_USAGE;
    }
    if (wish.kind->is_log && !es_ctl_given(self, "--origin", wish.origin)) {
        return ES_EXIT_USAGE;
    }
    unsigned char secret[ES_KEY_FILE_SIZE];
    do {
        es_random_bytes(secret, sizeof(secret));
    } while (!wish.kind->valid(secret));
    status = write_pair(&wish, secret);
    sodium_memzero(secret, sizeof(secret));
    return status;
}
