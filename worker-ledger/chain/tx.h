/*
 * A BSV transaction as a value, and its two serial forms.
 *
 * A struct es_tx owns nothing: inputs and outputs live in an arena (or an array of the caller),
 * scripts point into whatever bytes they were parsed from. Source: bitcoin-sv
 * src/primitives/transaction.h; the extended form is BRC-30.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/tlog/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ES_TX_SIZE_MAX       ((size_t)1024 * 1024)
#define ES_TX_SATOSHIS_MAX   UINT64_C(2100000000000000) /* all there will ever be */
#define ES_TX_SEQUENCE_FINAL UINT32_C(0xFFFFFFFF)

/* One output of an earlier transaction. */
struct es_outpoint {
    struct es_hash txid; /* internal order */
    uint32_t vout;
};

struct es_script {
    const unsigned char *bytes; /* not owned; may be NULL when LENGTH is 0 */
    size_t length;
};

struct es_tx_input {
    struct es_outpoint previous;
    struct es_script unlock;
    uint32_t sequence;
};

struct es_tx_output {
    uint64_t satoshis;
    struct es_script lock;
};

struct es_tx {
    uint32_t version;
    struct es_tx_input *inputs;
    size_t input_count;
    struct es_tx_output *outputs;
    size_t output_count;
    uint32_t lock_time;
};

/*
 * Parse exactly LENGTH bytes (at most ES_TX_SIZE_MAX). At least one input and one output, shortest
 * varints, no value above ES_TX_SATOSHIS_MAX singly or summed, nothing after the lock time. Arrays
 * come from ARENA, scripts point into BYTES: both must outlive *RET_TX.
 */
bool es_tx_parse(struct es_arena *arena, const void *bytes, size_t length,
                 struct es_tx *ret_tx) ES_MUST_CHECK;

/* Append the ordinary form. */
void es_tx_write(const struct es_tx *tx, struct es_buf *out);

/* Append the Extended Format of BRC-30, which carries the outputs being spent: PREVIOUS holds one
 * for each input, in the same order. */
void es_tx_write_extended(const struct es_tx *tx, const struct es_tx_output *previous,
                          struct es_buf *out);

/* SHA-256d of the ordinary form, internal order. Of raw bytes: es_hash256(). */
struct es_hash es_tx_id(const struct es_tx *tx);

/* Append a script with its length before it, and one output, as they stand in the ordinary form. */
void es_tx_write_script(const struct es_script *script, struct es_buf *out);
void es_tx_write_output(const struct es_tx_output *output, struct es_buf *out);

/* Append an outpoint: 32 bytes of txid and the index, 36 in all. */
void es_tx_write_outpoint(const struct es_outpoint *outpoint, struct es_buf *out);

bool es_outpoint_equal(const struct es_outpoint *a, const struct es_outpoint *b);
