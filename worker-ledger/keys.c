/* The secrets of eldersafe-ledger: read once, wiped at the end. */
#include "worker-ledger/ledger.h"

#include "common/crypto/keyfile.h"

#include <sodium.h>

static bool load_chain_key(struct es_ledger *ledger, struct es_buf *error)
{
    unsigned char secret[ES_KEY_SECRET_SIZE];
    const char *path = ledger->config.chain_key_file;
    if (!es_keyfile_read(path, secret, sizeof(secret), error)) {
        return false;
    }
    ledger->key = es_key_new(secret);
    sodium_memzero(secret, sizeof(secret));
    if (ledger->key == NULL) {
        es_buf_printf(error, "%s: is no secp256k1 private key\n", path);
        return false;
    }
    es_address_format((enum es_network)ledger->config.network, es_key_hash(ledger->key),
                      ledger->address);
    return true;
}

static bool load_log_key(struct es_ledger *ledger, struct es_buf *error)
{
    unsigned char seed[crypto_sign_SEEDBYTES];
    unsigned char public_key[ES_NOTE_PUBLIC_KEY_SIZE];
    if (!es_keyfile_read(ledger->config.log_key_file, seed, sizeof(seed), error)) {
        return false;
    }
    crypto_sign_seed_keypair(public_key, ledger->log_key, seed);
    sodium_memzero(seed, sizeof(seed));
    if (!es_note_key_make(ledger->config.log_origin, public_key, &ledger->note_key)) {
        es_buf_add_str(error,
                       "the log's origin is no key name\n"); /* refused before we came here */
        return false;
    }
    return true;
}

static bool load_text(const char *path, char **target, struct es_buf *error)
{
    return path == NULL || es_keyfile_read_text(path, target, error);
}

bool es_ledger_load_keys(struct es_ledger *ledger, struct es_buf *error)
{
    const struct es_ledger_config *config = &ledger->config;
    return load_chain_key(ledger, error) && load_log_key(ledger, error) &&
           load_text(config->arc_key_file, &ledger->arc_key, error) &&
           load_text(config->woc_key_file, &ledger->woc_key, error) &&
           load_text(config->node_password_file, &ledger->node_password, error) &&
           load_text(config->redis_password_file, &ledger->redis_password, error);
}

void es_ledger_wipe_keys(struct es_ledger *ledger)
{
    es_secret_free_p(&ledger->redis_password);
    es_secret_free_p(&ledger->node_password);
    es_secret_free_p(&ledger->woc_key);
    es_secret_free_p(&ledger->arc_key);
    sodium_memzero(ledger->log_key, sizeof(ledger->log_key));
    ledger->key = es_key_free(ledger->key);
}
