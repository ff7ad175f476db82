#include "deploy/ctl/chain-key.h"

#include "common/crypto/keyfile.h"
#include "deploy/ctl/ctl.h"

#include <sodium.h>

struct es_key *es_chain_key_load(const char *given, enum es_exit *ret_status)
{
    unsigned char secret[ES_KEY_SECRET_SIZE];
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    const char *path = es_ctl_setting(given, "ELDERSAFE_CHAIN_KEY_FILE");
    *ret_status = ES_EXIT_CONFIG;
    if (path == NULL) {
        es_ctl_error("ELDERSAFE_CHAIN_KEY_FILE is not set");
        return NULL;
    }
    if (!es_keyfile_read(path, secret, sizeof(secret), &error)) {
        es_ctl_error("%s", es_buf_str(&error));
        return NULL;
    }
    struct es_key *key = es_key_new(secret);
    sodium_memzero(secret, sizeof(secret));
    if (key == NULL) {
        es_ctl_error("%s: holds no secp256k1 key", path);
    }
    return key;
}
