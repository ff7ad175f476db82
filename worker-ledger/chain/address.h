/* HASH160 and P2PKH addresses: base58check(version || HASH160(public key)). The version tells the
 * main network from the others; test and regtest share theirs. */
#pragma once

#include "common/base/compiler.h"
#include "worker-ledger/chain/network.h"
#include "worker-ledger/chain/script.h"

#include <stdbool.h>
#include <stddef.h>

/* RIPEMD-160 of SHA-256. Ends the process when the crypto library has no RIPEMD-160. */
void es_hash160(const void *bytes, size_t length, unsigned char ret_hash[ES_KEY_HASH_SIZE]);

#define ES_ADDRESS_TEXT_SIZE 36 /* at most 35 characters and a NUL */
void es_address_format(enum es_network network, const unsigned char key_hash[ES_KEY_HASH_SIZE],
                       char ret_text[ES_ADDRESS_TEXT_SIZE]);
