#include "deploy/ctl/keys.h"

#include "common/crypto/sealed.h"
#include "common/tlog/note.h"
#include "worker-ledger/chain/key.h"

#include <sodium.h>
#include <string.h>

const char es_key_kind_names[] = "token|lookup|vault|chain|log";

static bool any(const unsigned char secret[ES_KEY_FILE_SIZE])
{
    (void)secret;
    return true;
}

static void ed25519_public(const unsigned char secret[ES_KEY_FILE_SIZE],
                           unsigned char ret_public[crypto_sign_PUBLICKEYBYTES])
{
    unsigned char pair[crypto_sign_SECRETKEYBYTES];
    (void)crypto_sign_seed_keypair(ret_public, pair, secret);
    sodium_memzero(pair, sizeof(pair));
}

static void add_ed25519(const unsigned char secret[ES_KEY_FILE_SIZE], struct es_buf *out)
{
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    ed25519_public(secret, public_key);
    es_buf_add_hex(out, public_key, sizeof(public_key));
}

static void add_x25519(const unsigned char secret[ES_KEY_FILE_SIZE], struct es_buf *out)
{
    unsigned char public_key[ES_SEAL_KEY_SIZE];
    es_seal_public_key(secret, public_key);
    es_buf_add_hex(out, public_key, sizeof(public_key));
}

static bool is_secp256k1(const unsigned char secret[ES_KEY_FILE_SIZE])
{
    ES_CLEANUP(es_key_free_p) struct es_key *key = es_key_new(secret);
    return key != NULL;
}

static void add_secp256k1(const unsigned char secret[ES_KEY_FILE_SIZE], struct es_buf *out)
{
    ES_CLEANUP(es_key_free_p) struct es_key *key = es_key_new(secret);
    es_buf_add_hex(out, es_key_public(key), ES_PUBLIC_KEY_SIZE);
}

static const struct es_key_kind kinds[] = {
    {"token", "Ed25519 seed: eldersafe-core signs tokens with it", any, add_ed25519, false, false},
    {"lookup", "HMAC key: members are found by hashes made with it", any, NULL, false, false},
    {"vault", "X25519 secret: eldersafe-notify opens mail addresses with it", any, add_x25519,
     false, true},
    {"chain", "secp256k1 secret: its coins pay for anchoring", is_secp256k1, add_secp256k1, false,
     false},
    {"log", "Ed25519 seed: eldersafe-ledger signs checkpoints with it", any, add_ed25519, true,
     false},
};

const struct es_key_kind *es_key_kind_find(const char *name)
{
    for (size_t i = 0; i < ES_ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i].name, name) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

bool es_key_add_vkey(const unsigned char secret[ES_KEY_FILE_SIZE], const char *origin,
                     struct es_buf *out)
{
    unsigned char public_key[ES_NOTE_PUBLIC_KEY_SIZE];
    struct es_note_key key;
    ed25519_public(secret, public_key);
    if (!es_note_key_make(origin, public_key, &key)) {
        return false;
    }
    es_note_key_write(&key, out);
    return true;
}
