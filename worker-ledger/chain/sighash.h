/*
 * What a signature on BSV signs: the digest for SIGHASH_ALL | FORKID (0x41), the only type that
 * Eldersafe uses. Source: bitcoin-sv doc/abc/replay-protected-sighash.md (the layout of BIP143).
 */
#pragma once

#include "common/tlog/hash.h"
#include "worker-ledger/chain/tx.h"

#include <stddef.h>
#include <stdint.h>

#define ES_SIGHASH_ALL_FORKID 0x41

/* The parts that all inputs of a transaction share. */
struct es_sighash_parts {
    struct es_hash prevouts;
    struct es_hash sequences;
    struct es_hash outputs;
};

/* Compute them once; unlocking scripts do not matter and may still be empty. */
struct es_sighash_parts es_sighash_parts_of(const struct es_tx *tx);

/* Digest for input number INPUT (below TX->input_count), which spends an output of SATOSHIS locked
 * by LOCK. PARTS belongs to the same TX. The bytes are in the order in which they are signed. */
struct es_hash es_sighash(const struct es_tx *tx, const struct es_sighash_parts *parts,
                          size_t input, const struct es_script *lock, uint64_t satoshis);
