#include "worker-ledger/chain/sighash.h"

#include "worker-ledger/chain/hash256.h"

static struct es_hash buf_hash256(const struct es_buf *buf)
{
    return es_hash256(buf->data, buf->length);
}

struct es_sighash_parts es_sighash_parts_of(const struct es_tx *tx)
{
    ES_CLEANUP(es_buf_done) struct es_buf prevouts = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf sequences = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf outputs = ES_BUF_INIT;
    for (size_t i = 0; i < tx->input_count; i++) {
        es_tx_write_outpoint(&tx->inputs[i].previous, &prevouts);
        es_buf_add_le32(&sequences, tx->inputs[i].sequence);
    }
    for (size_t i = 0; i < tx->output_count; i++) {
        es_tx_write_output(&tx->outputs[i], &outputs);
    }
    return (struct es_sighash_parts){.prevouts = buf_hash256(&prevouts),
                                     .sequences = buf_hash256(&sequences),
                                     .outputs = buf_hash256(&outputs)};
}

struct es_hash es_sighash(const struct es_tx *tx, const struct es_sighash_parts *parts,
                          size_t input, const struct es_script *lock, uint64_t satoshis)
{
    ES_CLEANUP(es_buf_done) struct es_buf preimage = ES_BUF_INIT;
    es_buf_add_le32(&preimage, tx->version);
    es_buf_add(&preimage, parts->prevouts.bytes, ES_HASH_SIZE);
    es_buf_add(&preimage, parts->sequences.bytes, ES_HASH_SIZE);
    es_tx_write_outpoint(&tx->inputs[input].previous, &preimage);
    es_tx_write_script(lock, &preimage);
    es_buf_add_le64(&preimage, satoshis);
    es_buf_add_le32(&preimage, tx->inputs[input].sequence);
    es_buf_add(&preimage, parts->outputs.bytes, ES_HASH_SIZE);
    es_buf_add_le32(&preimage, tx->lock_time);
    es_buf_add_le32(&preimage, ES_SIGHASH_ALL_FORKID);
    return buf_hash256(&preimage);
}
