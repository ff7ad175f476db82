#include "worker-ledger/chain/tx.h"

#include "common/base/reader.h"
#include "worker-ledger/chain/hash256.h"
#include "worker-ledger/chain/varint.h"

/* The least that an input and an output can take up: they bound the counts before memory is taken
 * for them. Outpoint, empty script, sequence; value, empty script. */
#define INPUT_SIZE_MIN  (ES_HASH_SIZE + 4 + 1 + 4)
#define OUTPUT_SIZE_MIN (8 + 1)

static size_t read_count(struct es_reader *reader, size_t item_size_min)
{
    uint64_t count = es_reader_varint(reader);
    if (count == 0 || count > es_reader_left(reader) / item_size_min) {
        reader->failed = true;
        return 0;
    }
    return (size_t)count;
}

static struct es_script read_script(struct es_reader *reader)
{
    uint64_t length = es_reader_varint(reader);
    if (length > es_reader_left(reader)) {
        reader->failed = true;
        return (struct es_script){0};
    }
    return (struct es_script){.bytes = es_reader_bytes(reader, (size_t)length),
                              .length = (size_t)length};
}

static void read_inputs(struct es_reader *reader, struct es_arena *arena, struct es_tx *tx)
{
    tx->input_count = read_count(reader, INPUT_SIZE_MIN);
    tx->inputs = es_arena_alloc(arena, tx->input_count * sizeof(*tx->inputs));
    for (size_t i = 0; i < tx->input_count; i++) {
        struct es_tx_input *input = &tx->inputs[i];
        input->previous.txid = es_hash_read(reader);
        input->previous.vout = es_reader_le32(reader);
        input->unlock = read_script(reader);
        input->sequence = es_reader_le32(reader);
    }
}

static void read_outputs(struct es_reader *reader, struct es_arena *arena, struct es_tx *tx)
{
    uint64_t total = 0;
    tx->output_count = read_count(reader, OUTPUT_SIZE_MIN);
    tx->outputs = es_arena_alloc(arena, tx->output_count * sizeof(*tx->outputs));
    for (size_t i = 0; i < tx->output_count; i++) {
        struct es_tx_output *output = &tx->outputs[i];
        output->satoshis = es_reader_le64(reader);
        output->lock = read_script(reader);
        if (output->satoshis > ES_TX_SATOSHIS_MAX - total) {
            reader->failed = true;
            return;
        }
        total += output->satoshis;
    }
}

bool es_tx_parse(struct es_arena *arena, const void *bytes, size_t length, struct es_tx *ret_tx)
{
    if (length > ES_TX_SIZE_MAX) {
        return false;
    }
    struct es_reader reader = es_reader_make(bytes, length);
    struct es_tx tx = {.version = es_reader_le32(&reader)};
    read_inputs(&reader, arena, &tx);
    read_outputs(&reader, arena, &tx);
    tx.lock_time = es_reader_le32(&reader);
    if (!es_reader_done(&reader)) {
        return false;
    }
    *ret_tx = tx;
    return true;
}

void es_tx_write_script(const struct es_script *script, struct es_buf *out)
{
    es_varint_add(out, script->length);
    es_buf_add(out, script->bytes, script->length);
}

void es_tx_write_outpoint(const struct es_outpoint *outpoint, struct es_buf *out)
{
    es_buf_add(out, outpoint->txid.bytes, sizeof(outpoint->txid.bytes));
    es_buf_add_le32(out, outpoint->vout);
}

void es_tx_write_output(const struct es_tx_output *output, struct es_buf *out)
{
    es_buf_add_le64(out, output->satoshis);
    es_tx_write_script(&output->lock, out);
}

static void write_input(const struct es_tx_input *input, struct es_buf *out)
{
    es_tx_write_outpoint(&input->previous, out);
    es_tx_write_script(&input->unlock, out);
    es_buf_add_le32(out, input->sequence);
}

static void write_tail(const struct es_tx *tx, struct es_buf *out)
{
    es_varint_add(out, tx->output_count);
    for (size_t i = 0; i < tx->output_count; i++) {
        es_tx_write_output(&tx->outputs[i], out);
    }
    es_buf_add_le32(out, tx->lock_time);
}

void es_tx_write(const struct es_tx *tx, struct es_buf *out)
{
    es_buf_add_le32(out, tx->version);
    es_varint_add(out, tx->input_count);
    for (size_t i = 0; i < tx->input_count; i++) {
        write_input(&tx->inputs[i], out);
    }
    write_tail(tx, out);
}

void es_tx_write_extended(const struct es_tx *tx, const struct es_tx_output *previous,
                          struct es_buf *out)
{
    static const unsigned char marker[] = {0x00, 0x00, 0x00, 0x00, 0x00, 0xEF};
    es_buf_add_le32(out, tx->version);
    es_buf_add(out, marker, sizeof(marker));
    es_varint_add(out, tx->input_count);
    for (size_t i = 0; i < tx->input_count; i++) {
        write_input(&tx->inputs[i], out);
        es_tx_write_output(&previous[i], out);
    }
    write_tail(tx, out);
}

struct es_hash es_tx_id(const struct es_tx *tx)
{
    ES_CLEANUP(es_buf_done) struct es_buf raw = ES_BUF_INIT;
    es_tx_write(tx, &raw);
    return es_hash256(raw.data, raw.length);
}

bool es_outpoint_equal(const struct es_outpoint *a, const struct es_outpoint *b)
{
    return a->vout == b->vout && es_hash_equal(&a->txid, &b->txid);
}
