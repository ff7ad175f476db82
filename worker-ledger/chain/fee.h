/*
 * Fees and sizes. A fee is the size times the rate, rounded up to whole satoshis (nodes round down
 * but ask for at least 1; rounding up satisfies both). Rates are satoshis per 1000 bytes.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ES_FEE_DUST 1 /* no spendable output may carry less, in satoshis */

/* Bytes that parts of a transaction take. An input is counted with the longest signature that low S
 * allows (71 bytes of DER), so a transaction is never larger than its estimate. */
#define ES_FEE_INPUT_SIZE             148
#define ES_FEE_OUTPUT_SIZE            34
#define ES_FEE_COMMITMENT_OUTPUT_SIZE 91

/* False when the product overflows. */
bool es_fee_for_size(uint64_t size, uint64_t rate, uint64_t *ret_fee) ES_MUST_CHECK;

/* Bytes of a signed transaction with INPUTS P2PKH inputs, OUTPUTS P2PKH outputs and, when
 * COMMITMENT, the data output of script.h. Counts below 2^32. */
uint64_t es_fee_estimate_size(size_t inputs, size_t outputs, bool commitment);
