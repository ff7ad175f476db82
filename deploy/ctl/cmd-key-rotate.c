#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/crypto/keyfile.h"
#include "common/crypto/token.h"
#include "deploy/ctl/ctl.h"
#include "deploy/ctl/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define PUBLIC_KEY_SIZE 32
#define MOST_PREVIOUS   (ES_KEY_RING_MAX - 1) /* what eldersafe-core takes beside its own */

struct rotation {
    const struct es_key_kind *kind;
    const char *path;     /* the secret key */
    const char *previous; /* public keys of those before it, the oldest first */
    unsigned char keys[MOST_PREVIOUS][PUBLIC_KEY_SIZE];
    size_t count;
};

/* The folder of PATH, locked: two rotations at once would lose a key. -1 after saying why not. */
static int lock_folder(const char *path)
{
    ES_CLEANUP(es_free_p) char *copy = es_strdup(path);
    const char *folder = dirname(copy);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) {
        es_ctl_error("%s: %s", folder,
                     errno == EWOULDBLOCK ? "another rotation is at work" : strerror(errno));
        es_close_p(&fd);
        return -1;
    }
    return fd;
}

static void derive_public(const struct es_key_kind *kind,
                          const unsigned char secret[ES_KEY_FILE_SIZE],
                          unsigned char ret_public[PUBLIC_KEY_SIZE], struct es_buf *hex)
{
    size_t length = 0;
    kind->add_public(secret, hex);
    (void)sodium_hex2bin(ret_public, PUBLIC_KEY_SIZE, es_buf_str(hex), hex->length, NULL, &length,
                         NULL);
}

/* Append what is public about the key that goes, unless a rotation that was cut short has done so.
 */
static enum es_exit keep_public(struct rotation *rotation, struct es_buf *error)
{
    unsigned char secret[ES_KEY_FILE_SIZE];
    unsigned char public_key[PUBLIC_KEY_SIZE];
    ES_CLEANUP(es_buf_done) struct es_buf hex = ES_BUF_INIT;
    if (!es_keyfile_read(rotation->path, secret, sizeof(secret), error) ||
        (access(rotation->previous, F_OK) == 0 &&
         !es_keyfile_read_list(rotation->previous, rotation->keys, PUBLIC_KEY_SIZE, MOST_PREVIOUS,
                               &rotation->count, error))) {
        return ES_EXIT_CONFIG;
    }
    derive_public(rotation->kind, secret, public_key, &hex);
    sodium_memzero(secret, sizeof(secret));
    for (size_t i = 0; i < rotation->count; i++) {
        if (memcmp(rotation->keys[i], public_key, sizeof(public_key)) == 0) {
            return ES_EXIT_OK;
        }
    }
    if (rotation->count == MOST_PREVIOUS) {
        es_buf_printf(error,
                      "%s: holds %d keys already; the first may go when its tokens have ended\n",
                      rotation->previous, MOST_PREVIOUS);
        return ES_EXIT_FAILED;
    }
    memcpy(rotation->keys[rotation->count++], public_key, sizeof(public_key));
    return es_keyfile_replace(rotation->previous, rotation->path, rotation->keys, PUBLIC_KEY_SIZE,
                              rotation->count, error)
               ? ES_EXIT_OK
               : ES_EXIT_FAILED;
}

static enum es_exit replace_secret(const struct rotation *rotation, struct es_buf *error)
{
    unsigned char secret[ES_KEY_FILE_SIZE];
    unsigned char public_key[PUBLIC_KEY_SIZE];
    ES_CLEANUP(es_buf_done) struct es_buf hex = ES_BUF_INIT;
    es_random_bytes(secret, sizeof(secret));
    derive_public(rotation->kind, secret, public_key, &hex);
    bool replaced =
        es_keyfile_replace(rotation->path, rotation->path, secret, sizeof(secret), 1, error);
    sodium_memzero(secret, sizeof(secret));
    if (!replaced) {
        return ES_EXIT_FAILED;
    }
    (void)printf("public key    %s\nearlier keys  %zu\n", es_buf_str(&hex), rotation->count);
    return ES_EXIT_OK;
}

enum es_exit es_ctl_key_rotate(const struct es_ctl_command *self, int argc, char **argv)
{
    const char *type = NULL;
    struct rotation rotation = {0};
    const struct es_ctl_option options[] = {
        {"--type", "token", "what the key is for; no other kind is replaced in place", &type, NULL},
        {"FILE", NULL, "the key, instead of $ELDERSAFE_TOKEN_KEY_FILE", &rotation.path, NULL},
        {"--previous", "FILE", "instead of $ELDERSAFE_TOKEN_PREVIOUS_KEYS_FILE", &rotation.previous,
         NULL},
    };
    enum es_exit status;
    if (!es_ctl_parse(self, options, ES_ARRAY_LEN(options), argc, argv, &status)) {
        return status;
    }
    rotation.path = es_ctl_setting(rotation.path, "ELDERSAFE_TOKEN_KEY_FILE");
    rotation.previous = es_ctl_setting(rotation.previous, "ELDERSAFE_TOKEN_PREVIOUS_KEYS_FILE");
    if (type == NULL || strcmp(type, "token") != 0) {
        es_ctl_error("key rotate: --type must be token");
        return ES_EXIT_USAGE;
    }
    if (!es_ctl_given(self, "FILE", rotation.path) ||
        !es_ctl_given(self, "--previous", rotation.previous)) {
        return ES_EXIT_USAGE;
    }
    ES_CLEANUP(es_close_p) int lock = lock_folder(rotation.path);
    if (lock < 0) {
        return ES_EXIT_FAILED;
    }
    rotation.kind = es_key_kind_find(type);
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    status = keep_public(&rotation, &error);
    if (status == ES_EXIT_OK) {
        status = replace_secret(&rotation, &error);
    }
    if (status != ES_EXIT_OK) {
        es_ctl_error("%s", es_buf_str(&error));
    }
    return status;
}
