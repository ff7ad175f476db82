#include "worker-ledger/providers/provider.h"

#include "common/base/mem.h"
#include "worker-ledger/providers/internal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    bool reads_chain;
    const struct es_provider_ops *ops;
} kinds[] = {
    [ES_PROVIDER_NONE] = {"none", false, NULL},
    [ES_PROVIDER_ARC] = {"arc", false, &es_arc_ops},
    [ES_PROVIDER_ARCADE] = {"arcade", false, &es_arcade_ops},
    [ES_PROVIDER_WHATSONCHAIN] = {"whatsonchain", true, &es_woc_ops},
    [ES_PROVIDER_NODE] = {"node", true, &es_node_ops},
};

const char *es_provider_kind_name(enum es_provider_kind kind)
{
    return kinds[kind].name;
}

bool es_provider_kind_reads_chain(enum es_provider_kind kind)
{
    return kinds[kind].reads_chain;
}

static void set_access(struct es_provider *provider)
{
    const struct es_provider_config *config = &provider->config;
    if (config->kind == ES_PROVIDER_NODE && config->password != NULL) {
        ES_CLEANUP(es_buf_done) struct es_buf pair = ES_BUF_INIT;
        es_buf_printf(&pair, "%s:%s", config->user != NULL ? config->user : "", config->password);
        es_buf_add_str(&provider->access, "Authorization: Basic ");
        es_buf_add_base64(&provider->access, pair.data, pair.length);
        sodium_memzero(pair.data, pair.capacity);
    } else if (config->kind == ES_PROVIDER_WHATSONCHAIN && config->key != NULL) {
        es_buf_printf(&provider->access, "woc-api-key: %s", config->key);
    } else if (config->key != NULL) {
        es_buf_printf(&provider->access, "Authorization: Bearer %s", config->key);
    }
}

struct es_provider *es_provider_new(const struct es_provider_config *config,
                                    struct es_client *client)
{
    struct es_provider *provider = ES_NEW(struct es_provider);
    size_t length = strlen(config->url);
    while (length > 0 && config->url[length - 1] == '/') {
        length--;
    }
    es_buf_add(&provider->url, config->url, length);
    provider->config = *config;
    provider->ops = kinds[config->kind].ops;
    provider->client = client;
    set_access(provider);
    return provider;
}

struct es_provider *es_provider_free(struct es_provider *provider)
{
    if (provider != NULL) {
        if (provider->access.data != NULL) {
            sodium_memzero(provider->access.data, provider->access.capacity);
        }
        es_buf_done(&provider->access);
        es_buf_done(&provider->url);
        free(provider);
    }
    return NULL;
}

const char *es_provider_name(const struct es_provider *provider)
{
    return kinds[provider->config.kind].name;
}

enum es_provider_kind es_provider_kind_of(const struct es_provider *provider)
{
    return provider->config.kind;
}

struct es_sighting es_provider_submit(struct es_provider *provider, struct es_arena *arena,
                                      const struct es_payload *payload)
{
    struct es_sighting sighting = provider->ops->submit(provider, arena, payload);
    if (sighting.sight == ES_SIGHT_SEEN) {
        sighting.sight = ES_SIGHT_TAKEN; /* an echo: the status question has to confirm it */
    }
    return sighting;
}

struct es_sighting es_provider_status(struct es_provider *provider, struct es_arena *arena,
                                      const struct es_hash *txid)
{
    return provider->ops->status(provider, arena, txid);
}

enum es_question es_provider_policy(struct es_provider *provider, int64_t *ret_rate)
{
    return provider->ops->policy != NULL ? provider->ops->policy(provider, ret_rate)
                                         : ES_QUESTION_UNSUPPORTED;
}

enum es_question es_provider_proof(struct es_provider *provider, struct es_arena *arena,
                                   const struct es_hash *txid, struct es_tsc_proof *ret_proof)
{
    return provider->ops->proof != NULL ? provider->ops->proof(provider, arena, txid, ret_proof)
                                        : ES_QUESTION_UNSUPPORTED;
}

enum es_question es_provider_header_by_hash(struct es_provider *provider,
                                            const struct es_hash *block_hash,
                                            struct es_block_header *ret_header)
{
    return provider->ops->header_by_hash != NULL
               ? provider->ops->header_by_hash(provider, block_hash, ret_header)
               : ES_QUESTION_UNSUPPORTED;
}

enum es_question es_provider_header_by_height(struct es_provider *provider, int64_t height,
                                              struct es_block_header *ret_header)
{
    return provider->ops->header_by_height != NULL
               ? provider->ops->header_by_height(provider, height, ret_header)
               : ES_QUESTION_UNSUPPORTED;
}

enum es_question es_provider_tip(struct es_provider *provider, struct es_tip *ret_tip)
{
    return provider->ops->tip != NULL ? provider->ops->tip(provider, ret_tip)
                                      : ES_QUESTION_UNSUPPORTED;
}

enum es_question es_provider_unspent(struct es_provider *provider, struct es_arena *arena,
                                     struct es_unspent_list *ret_list)
{
    return provider->ops->unspent != NULL ? provider->ops->unspent(provider, arena, ret_list)
                                          : ES_QUESTION_UNSUPPORTED;
}

enum es_question es_provider_spent(struct es_provider *provider, const struct es_outpoint *outpoint,
                                   bool *ret_spent)
{
    return provider->ops->spent != NULL ? provider->ops->spent(provider, outpoint, ret_spent)
                                        : ES_QUESTION_UNSUPPORTED;
}
