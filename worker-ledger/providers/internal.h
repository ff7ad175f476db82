/*
 * What the provider files share; nobody else includes this.
 *
 * provider.c  kinds, construction, dispatch    call.c  one HTTP request to a provider
 * arc.c, woc.c, node.c  one kind of provider each
 */
#pragma once

#include "common/base/buf.h"
#include "worker-ledger/providers/provider.h"

#define ES_PROVIDER_HEADERS_MAX 4

/* A kind of provider. A NULL function is answered ES_QUESTION_UNSUPPORTED. */
struct es_provider_ops {
    struct es_sighting (*submit)(struct es_provider *provider, struct es_arena *arena,
                                 const struct es_payload *payload);
    struct es_sighting (*status)(struct es_provider *provider, struct es_arena *arena,
                                 const struct es_hash *txid);
    enum es_question (*policy)(struct es_provider *provider, int64_t *ret_rate);
    enum es_question (*proof)(struct es_provider *provider, struct es_arena *arena,
                              const struct es_hash *txid, struct es_tsc_proof *ret_proof);
    enum es_question (*header_by_hash)(struct es_provider *provider,
                                       const struct es_hash *block_hash,
                                       struct es_block_header *ret_header);
    enum es_question (*header_by_height)(struct es_provider *provider, int64_t height,
                                         struct es_block_header *ret_header);
    enum es_question (*tip)(struct es_provider *provider, struct es_tip *ret_tip);
    enum es_question (*unspent)(struct es_provider *provider, struct es_arena *arena,
                                struct es_unspent_list *ret_list);
    enum es_question (*spent)(struct es_provider *provider, const struct es_outpoint *outpoint,
                              bool *ret_spent);
};

struct es_provider {
    struct es_provider_config config;
    const struct es_provider_ops *ops;
    struct es_client *client;
    struct es_buf url;    /* base without a '/' at the end */
    struct es_buf access; /* the header line that lets us in; empty: none */
    bool watched;         /* node: the wallet has been told of our address */
};

extern const struct es_provider_ops es_arc_ops;
extern const struct es_provider_ops es_arcade_ops;
extern const struct es_provider_ops es_woc_ops;
extern const struct es_provider_ops es_node_ops;

struct es_provider_call {
    const char *method;
    const char *path;         /* appended to the base */
    const char *content_type; /* NULL without a body */
    const void *body;
    size_t body_length;
    const char *extra_header; /* or NULL */
};

/* Make CALL. RET_ANSWER as es_client_call() sets it; release with es_client_answer_done(). */
enum es_client_result es_provider_call(struct es_provider *provider,
                                       const struct es_provider_call *call,
                                       struct es_client_answer *ret_answer) ES_MUST_CHECK;

/* The two calls that most questions are: GET PATH, and POST of BODY, which is JSON, to PATH. */
enum es_client_result es_provider_get(struct es_provider *provider, const char *path,
                                      struct es_client_answer *ret_answer) ES_MUST_CHECK;
enum es_client_result es_provider_post_json(struct es_provider *provider, const char *path,
                                            const struct es_buf *body,
                                            struct es_client_answer *ret_answer) ES_MUST_CHECK;

/* What a call that brought no answer says about a transaction. */
struct es_sighting es_provider_no_answer(enum es_client_result result);

/* Put into SIGHTING when ANSWER wants to be asked again, if it says so. */
void es_provider_note_retry(struct es_sighting *sighting, const struct es_client_answer *answer);
