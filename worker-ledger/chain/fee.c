#include "worker-ledger/chain/fee.h"

#include "worker-ledger/chain/varint.h"

#define BYTES_PER_RATE 1000
#define VERSION_SIZE   4
#define LOCK_TIME_SIZE 4

bool es_fee_for_size(uint64_t size, uint64_t rate, uint64_t *ret_fee)
{
    uint64_t product = 0;
    if (__builtin_mul_overflow(size, rate, &product)) {
        return false;
    }
    *ret_fee = product / BYTES_PER_RATE + (product % BYTES_PER_RATE > 0 ? 1 : 0);
    return true;
}

uint64_t es_fee_estimate_size(size_t inputs, size_t outputs, bool commitment)
{
    size_t all_outputs = outputs + (commitment ? 1 : 0);
    return VERSION_SIZE + es_varint_size(inputs) + (uint64_t)inputs * ES_FEE_INPUT_SIZE +
           es_varint_size(all_outputs) + (uint64_t)outputs * ES_FEE_OUTPUT_SIZE +
           (commitment ? ES_FEE_COMMITMENT_OUTPUT_SIZE : 0) + LOCK_TIME_SIZE;
}
