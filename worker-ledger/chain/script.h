/*
 * The two scripts that Eldersafe writes: paying to a key (P2PKH), and the data output that commits
 * to a checkpoint of the log.
 *
 *     OP_DUP OP_HASH160 <20 bytes> OP_EQUALVERIFY OP_CHECKSIG
 *     OP_FALSE OP_RETURN <78 bytes: "ESAFE" 0x01 || SHA-256(origin) || size, 8 bytes, high byte
 *                         first || root>
 *
 * Only the prefix OP_FALSE OP_RETURN counts as provably unspendable (protocol facts: bitcoin-sv
 * src/script/script.h), and such an output must carry 0 satoshis.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/tlog/checkpoint.h"
#include "common/tlog/hash.h"
#include "worker-ledger/chain/tx.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ES_KEY_HASH_SIZE          20 /* HASH160 of a public key */
#define ES_PUBLIC_KEY_SIZE        33 /* compressed */
#define ES_SIGNATURE_SIZE_MAX     72 /* DER */
#define ES_SCRIPT_P2PKH_SIZE      25
#define ES_SCRIPT_COMMITMENT_SIZE 82

/* Locking script that KEY_HASH can spend. */
void es_script_p2pkh(const unsigned char key_hash[ES_KEY_HASH_SIZE],
                     unsigned char ret_script[ES_SCRIPT_P2PKH_SIZE]);

/* Append the unlocking script of P2PKH: push(SIGNATURE || 0x41) push(PUBLIC_KEY). SIGNATURE is DER
 * of at most ES_SIGNATURE_SIZE_MAX bytes. */
void es_script_unlock_p2pkh(const unsigned char *signature, size_t signature_length,
                            const unsigned char public_key[ES_PUBLIC_KEY_SIZE], struct es_buf *out);

/* What the chain says about a checkpoint. */
struct es_commitment {
    struct es_hash origin_hash; /* SHA-256 of the origin's text */
    uint64_t size;
    struct es_hash root;
};

struct es_commitment es_commitment_of(const struct es_checkpoint *checkpoint);
bool es_commitment_equal(const struct es_commitment *a, const struct es_commitment *b);

/* Append the data output's script: ES_SCRIPT_COMMITMENT_SIZE bytes. */
void es_script_commitment(const struct es_commitment *commitment, struct es_buf *out);

/* False when SCRIPT is not, byte for byte, what es_script_commitment() writes. */
bool es_script_parse_commitment(const struct es_script *script,
                                struct es_commitment *ret_commitment) ES_MUST_CHECK;
