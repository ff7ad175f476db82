/*
 * A provider of the chain behind one small interface: ARC, Arcade, WhatsOnChain or a node.
 *
 * Every call is one or two HTTP requests, bounded in time by the client, and blocks meanwhile. What
 * a provider cannot do is answered ES_QUESTION_UNSUPPORTED. Nothing is logged here. A provider and
 * the client it uses belong to one thread.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"
#include "common/http/client.h"
#include "worker-ledger/providers/answers.h"
#include "worker-ledger/providers/sighting.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum es_provider_kind {
    ES_PROVIDER_NONE,
    ES_PROVIDER_ARC,
    ES_PROVIDER_ARCADE,
    ES_PROVIDER_WHATSONCHAIN,
    ES_PROVIDER_NODE,
};

/* "arc", "arcade", ...: the names of the configuration, of metrics and of the failure table. */
const char *es_provider_kind_name(enum es_provider_kind kind);

/* True for the kinds that have block headers and know the coins of an address. */
bool es_provider_kind_reads_chain(enum es_provider_kind kind);

struct es_provider_config {
    enum es_provider_kind kind;
    const char *url;      /* base, with or without a '/' at the end */
    const char *key;      /* ARC, Arcade, WhatsOnChain: access key, or NULL */
    const char *user;     /* node: or NULL */
    const char *password; /* node: or NULL */
    const char *address;  /* whose coins es_provider_unspent() lists */
};

struct es_provider;

/* CLIENT and the texts of CONFIG must outlive the result. */
struct es_provider *es_provider_new(const struct es_provider_config *config,
                                    struct es_client *client) ES_MUST_CHECK;
struct es_provider *es_provider_free(struct es_provider *provider);
const char *es_provider_name(const struct es_provider *provider);
enum es_provider_kind es_provider_kind_of(const struct es_provider *provider);

/* Give PAYLOAD to the network. Acceptance is at most ES_SIGHT_TAKEN or what the provider knew
 * already; that the network has it is for es_provider_status() to say. */
struct es_sighting es_provider_submit(struct es_provider *provider, struct es_arena *arena,
                                      const struct es_payload *payload);

struct es_sighting es_provider_status(struct es_provider *provider, struct es_arena *arena,
                                      const struct es_hash *txid);

/* The fee rate it asks for now, in satoshis per 1000 bytes, rounded up. */
enum es_question es_provider_policy(struct es_provider *provider, int64_t *ret_rate) ES_MUST_CHECK;

/* The Merkle proof of a mined transaction, for those who do not give a BUMP with the status. */
enum es_question es_provider_proof(struct es_provider *provider, struct es_arena *arena,
                                   const struct es_hash *txid,
                                   struct es_tsc_proof *ret_proof) ES_MUST_CHECK;

enum es_question es_provider_header_by_hash(struct es_provider *provider,
                                            const struct es_hash *block_hash,
                                            struct es_block_header *ret_header) ES_MUST_CHECK;
/* On the best chain it knows. */
enum es_question es_provider_header_by_height(struct es_provider *provider, int64_t height,
                                              struct es_block_header *ret_header) ES_MUST_CHECK;
enum es_question es_provider_tip(struct es_provider *provider,
                                 struct es_tip *ret_tip) ES_MUST_CHECK;

/* The unspent outputs of the configured address; the items live in ARENA. */
enum es_question es_provider_unspent(struct es_provider *provider, struct es_arena *arena,
                                     struct es_unspent_list *ret_list) ES_MUST_CHECK;

/* Whether OUTPOINT, the output of a transaction that the provider knows, is spent, be it only in
 * the mempool. */
enum es_question es_provider_spent(struct es_provider *provider, const struct es_outpoint *outpoint,
                                   bool *ret_spent) ES_MUST_CHECK;
