/* Bytes that are taken for a transaction are written back as they were, and have the size and the
 * id that the whole says they have. */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "worker-ledger/chain/hash256.h"
#include "worker-ledger/chain/script.h"
#include "worker-ledger/chain/sighash.h"
#include "worker-ledger/chain/tx.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A script taken for a commitment is written back as it was. */
static void check_commitment(const struct es_script *script)
{
    ES_CLEANUP(es_buf_done) struct es_buf again = ES_BUF_INIT;
    struct es_commitment commitment;
    if (!es_script_parse_commitment(script, &commitment)) {
        return;
    }
    es_script_commitment(&commitment, &again);
    if (again.length != script->length || memcmp(again.data, script->bytes, again.length) != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    ES_CLEANUP(es_buf_done) struct es_buf again = ES_BUF_INIT;
    struct es_tx tx;
    if (!es_tx_parse(arena, data, size, &tx)) {
        return 0;
    }
    es_tx_write(&tx, &again);
    struct es_hash txid = es_tx_id(&tx);
    struct es_hash expected = es_hash256(data, size);
    if (again.length != size || memcmp(again.data, data, size) != 0 ||
        !es_hash_equal(&txid, &expected)) {
        abort();
    }
    for (size_t i = 0; i < tx.output_count; i++) {
        check_commitment(&tx.outputs[i].lock);
    }
    struct es_sighash_parts parts = es_sighash_parts_of(&tx);
    (void)es_sighash(&tx, &parts, tx.input_count - 1, &tx.outputs[0].lock, 1);
    return 0;
}
