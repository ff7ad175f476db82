#include "tier1-core/notify/vault.h"

#include "common/base/wipe.h"
#include "common/crypto/keyfile.h"
#include "common/crypto/sealed.h"

#include <sodium.h>

#define LARGEST_CONTENT 4096

struct vault {
    unsigned char secret_key[ES_SEAL_KEY_SIZE];
    unsigned char public_key[ES_SEAL_KEY_SIZE];
    unsigned char reference_key[crypto_generichash_KEYBYTES];
};

struct vault *vault_new(const char *path, struct es_buf *error)
{
    static const char purpose[] = "eldersafe message reference";
    struct vault *vault = sodium_malloc(sizeof(*vault)); /* locked, between guard pages */
    if (vault == NULL) {
        es_buf_add_str(error, "no memory can be had for the vault key\n");
        return NULL;
    }
    if (!es_keyfile_read(path, vault->secret_key, sizeof(vault->secret_key), error)) {
        return vault_free(vault);
    }
    es_seal_public_key(vault->secret_key, vault->public_key);
    (void)crypto_generichash(vault->reference_key, sizeof(vault->reference_key),
                             (const unsigned char *)purpose, sizeof(purpose) - 1, vault->secret_key,
                             sizeof(vault->secret_key));
    (void)sodium_mprotect_readonly(vault);
    return vault;
}

struct vault *vault_free(struct vault *vault)
{
    sodium_free(vault); /* wipes; NULL accepted */
    return NULL;
}

bool vault_open(const struct vault *vault, const void *sealed, size_t length, struct es_buf *out)
{
    if (length > LARGEST_CONTENT + ES_SEAL_OVERHEAD) {
        return false;
    }
    es_wipe_reserve(out, LARGEST_CONTENT);
    return es_seal_open(vault->public_key, vault->secret_key, sealed, length, out);
}

void vault_reference(const struct vault *vault, int64_t message_id,
                     char ret_reference[MAIL_REFERENCE_SIZE])
{
    unsigned char hash[(MAIL_REFERENCE_SIZE - 1) / 2];
    (void)crypto_generichash(hash, sizeof(hash), (const unsigned char *)&message_id,
                             sizeof(message_id), vault->reference_key,
                             sizeof(vault->reference_key));
    (void)sodium_bin2hex(ret_reference, MAIL_REFERENCE_SIZE, hash, sizeof(hash));
}
