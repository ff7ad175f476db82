#include "worker-ledger/anchor/prove.h"

#include "worker-ledger/chain/block-path.h"
#include "worker-ledger/chain/header.h"
#include "worker-ledger/wallet/best-chain.h"

#include <string.h>

static enum es_prove_result get_header(struct es_anchor_work *work, const struct es_hash *block,
                                       struct es_block_header *ret_header)
{
    struct es_block_header header;
    if (es_provider_header_by_hash(work->providers->reader, block, &header) !=
        ES_QUESTION_ANSWERED) {
        return ES_PROVE_NOT_YET;
    }
    enum es_network network = (enum es_network)work->ledger->config.network;
    bool allowed = false;
    if (es_best_chain_allows(work->db, network, &header, &allowed) != ES_DB_OK) {
        return ES_PROVE_NOT_YET;
    }
    if (!allowed || !es_header_has_work(header.raw, network)) {
        return ES_PROVE_WRONG;
    }
    *ret_header = header;
    return ES_PROVE_OK;
}

/* The path that came with the status. */
static bool path_of_bump(struct es_anchor_work *work, const struct es_tx_row *row,
                         const struct es_sighting *sighting, struct es_block_path *ret_path)
{
    struct es_bump bump;
    return es_bump_parse(work->arena, sighting->bump, sighting->bump_length, &bump) &&
           es_block_path_from_bump(&bump, &row->payload.txid, ret_path);
}

/* The path as PROVIDER gives it when asked for. */
static enum es_prove_result ask_path(struct es_anchor_work *work, const struct es_tx_row *row,
                                     const struct es_block_header *header,
                                     struct es_provider *provider, struct es_block_path *ret_path)
{
    struct es_tsc_proof proof;
    const struct es_hash *txid = &row->payload.txid;
    if (es_provider_proof(provider, work->arena, txid, &proof) != ES_QUESTION_ANSWERED) {
        return ES_PROVE_NOT_YET;
    }
    if (!es_hash_equal(&proof.block_hash, &header->hash)) {
        return ES_PROVE_NOT_YET; /* it has moved to another block meanwhile */
    }
    return es_block_path_from_tsc((uint64_t)header->height, txid, proof.index, proof.nodes,
                                  proof.node_count, ret_path)
               ? ES_PROVE_OK
               : ES_PROVE_WRONG;
}

static bool holds(const struct es_tx_row *row, const struct es_block_header *header,
                  const struct es_block_path *path)
{
    struct es_header fields = es_header_parse(header->raw);
    return path->height == (uint64_t)header->height &&
           es_block_path_proves(path, row->payload.raw, row->payload.raw_length,
                                &fields.merkle_root);
}

/* The path from whoever has one: along with the status, else from the provider that spoke, else
 * from the reader. */
static enum es_prove_result get_path(struct es_anchor_work *work, const struct es_tx_row *row,
                                     const struct es_sighting *sighting,
                                     struct es_provider *said_by,
                                     const struct es_block_header *header,
                                     struct es_block_path *ret_path)
{
    struct es_provider *sources[] = {said_by, work->providers->reader};
    enum es_prove_result worst = ES_PROVE_NOT_YET;
    if (sighting->bump != NULL) {
        if (path_of_bump(work, row, sighting, ret_path) && holds(row, header, ret_path)) {
            return ES_PROVE_OK;
        }
        worst = ES_PROVE_WRONG;
    }
    for (size_t i = 0; i < ES_ARRAY_LEN(sources); i++) {
        enum es_prove_result result = ask_path(work, row, header, sources[i], ret_path);
        if (result == ES_PROVE_OK && holds(row, header, ret_path)) {
            return ES_PROVE_OK;
        }
        if (result != ES_PROVE_NOT_YET) {
            worst = ES_PROVE_WRONG;
        }
        if (sources[0] == sources[1]) {
            break;
        }
    }
    return worst;
}

enum es_prove_result es_prove(struct es_anchor_work *work, const struct es_tx_row *row,
                              const struct es_sighting *sighting, struct es_provider *said_by,
                              struct es_tx_proof *ret_proof)
{
    ES_CLEANUP(es_buf_done) struct es_buf bump = ES_BUF_INIT;
    struct es_tx_proof proof;
    struct es_block_path path;
    enum es_prove_result result = get_header(work, &sighting->block_hash, &proof.header);
    if (result == ES_PROVE_OK) {
        result = get_path(work, row, sighting, said_by, &proof.header, &path);
    }
    if (result != ES_PROVE_OK) {
        return result;
    }
    es_block_path_write(&path, &bump);
    unsigned char *kept = es_arena_alloc(work->arena, bump.length);
    memcpy(kept, bump.data, bump.length);
    proof.bump = kept;
    proof.bump_length = bump.length;
    *ret_proof = proof;
    return ES_PROVE_OK;
}
