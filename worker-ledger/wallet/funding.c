#include "worker-ledger/wallet/funding.h"

#include "worker-ledger/chain/hash256.h"

#include <string.h>

static bool pays(const struct es_tx_output *output, const unsigned char *script)
{
    return output->satoshis > 0 && output->lock.length == ES_SCRIPT_P2PKH_SIZE &&
           memcmp(output->lock.bytes, script, ES_SCRIPT_P2PKH_SIZE) == 0;
}

bool es_funding_find(struct es_arena *arena, const void *raw, size_t length,
                     const unsigned char key_hash[ES_KEY_HASH_SIZE], struct es_coin **ret_coins,
                     size_t *ret_count)
{
    unsigned char script[ES_SCRIPT_P2PKH_SIZE];
    struct es_tx tx;
    if (!es_tx_parse(arena, raw, length, &tx)) {
        return false;
    }
    struct es_hash txid = es_hash256(raw, length);
    struct es_coin *coins = es_arena_alloc(arena, tx.output_count * sizeof(*coins));
    size_t count = 0;
    es_script_p2pkh(key_hash, script);
    for (size_t i = 0; i < tx.output_count; i++) {
        if (pays(&tx.outputs[i], script)) {
            coins[count++] = (struct es_coin){.outpoint = {.txid = txid, .vout = (uint32_t)i},
                                              .satoshis = tx.outputs[i].satoshis};
        }
    }
    *ret_coins = coins;
    *ret_count = count;
    return true;
}
