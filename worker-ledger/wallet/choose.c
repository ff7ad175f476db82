#include "worker-ledger/wallet/choose.h"

#include "worker-ledger/chain/fee.h"

#define SPLITS_MIN 2

int64_t es_choose_least(size_t inputs, int64_t rate)
{
    uint64_t fee = 0;
    if (!es_fee_for_size(es_fee_estimate_size(inputs, 0, true), (uint64_t)rate, &fee) ||
        fee > INT64_MAX) {
        return INT64_MAX;
    }
    return (int64_t)fee;
}

size_t es_choose_several(const struct es_coin_row *coins, size_t count, int64_t rate)
{
    int64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        total += (int64_t)coins[i].coin.satoshis; /* all there are fit into 63 bits */
        if (total >= es_choose_least(i + 1, rate)) {
            return i + 1;
        }
    }
    return 0;
}

size_t es_choose_splits(int64_t satoshis, int64_t value, int64_t rate, size_t wanted)
{
    size_t splits = wanted;
    for (; splits >= SPLITS_MIN; splits--) {
        uint64_t fee = 0;
        uint64_t size = es_fee_estimate_size(1, splits + 1, false);
        if (es_fee_for_size(size, (uint64_t)rate, &fee) && fee <= (uint64_t)satoshis &&
            (int64_t)splits <= (satoshis - (int64_t)fee) / value) {
            return splits;
        }
    }
    return 0;
}
