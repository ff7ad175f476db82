#include "tier1-core/keys.h"

#include "common/crypto/keyfile.h"
#include "tier1-core/app.h"

#include <sodium.h>

#define SIGNING_SEED_SIZE 32
#define PUBLIC_KEY_SIZE   32

static bool load_signer(struct app *app, struct es_buf *error)
{
    unsigned char seed[SIGNING_SEED_SIZE];
    if (!es_keyfile_read(app->config.token_key_file, seed, sizeof(seed), error)) {
        return false;
    }
    app->signer = es_signer_new(seed);
    sodium_memzero(seed, sizeof(seed));
    app->key_ring = es_key_ring_new();
    return es_key_ring_add_signer(app->key_ring, app->signer);
}

/* A device's token lives for years, through many rotations: tokens of earlier keys stay valid. A
 * rotation that was cut short has the present key among them: it is there already, and no harm. */
static bool load_previous(struct app *app, struct es_buf *error)
{
    unsigned char keys[(ES_KEY_RING_MAX - 1) * PUBLIC_KEY_SIZE];
    const char *path = app->config.token_previous_keys_file;
    size_t count = 0;
    if (path == NULL) {
        return true;
    }
    if (!es_keyfile_read_list(path, keys, PUBLIC_KEY_SIZE, ES_KEY_RING_MAX - 1, &count, error)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        (void)!es_key_ring_add(app->key_ring, keys + i * PUBLIC_KEY_SIZE);
    }
    return true;
}

static bool load_notify_key(struct app *app, struct es_buf *error)
{
    if (!es_keyfile_read(app->config.notify_public_key_file, app->notify_public_key,
                         sizeof(app->notify_public_key), error)) {
        return false;
    }
    if (!es_seal_key_valid(app->notify_public_key)) {
        es_buf_add_str(error, "NOTIFY_PUBLIC_KEY_FILE holds no usable X25519 public key\n");
        return false;
    }
    return true;
}

bool keys_load(struct app *app, struct es_buf *error)
{
    const struct core_config *config = &app->config;
    return load_signer(app, error) && load_previous(app, error) &&
           es_keyfile_read(config->lookup_key_file, app->lookup_key.bytes,
                           sizeof(app->lookup_key.bytes), error) &&
           load_notify_key(app, error) &&
           (config->redis_password_file == NULL ||
            es_keyfile_read_text(config->redis_password_file, &app->redis_password, error));
}

void keys_wipe(struct app *app)
{
    app->key_ring = es_key_ring_free(app->key_ring); /* it refers to the signer */
    app->signer = es_signer_free(app->signer);
    es_secret_free_p(&app->redis_password);
    app->redis_password = NULL;
    sodium_memzero(&app->lookup_key, sizeof(app->lookup_key));
}
