#include "worker-ledger/chain/address.h"

#include "common/base/text.h"
#include "common/tlog/hash.h"
#include "worker-ledger/chain/base58.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define PAYLOAD_SIZE (1 + ES_KEY_HASH_SIZE)

void es_hash160(const void *bytes, size_t length, unsigned char ret_hash[ES_KEY_HASH_SIZE])
{
    struct es_hash inner = es_hash_sha256(bytes, length);
    if (EVP_Digest(inner.bytes, sizeof(inner.bytes), ret_hash, NULL, EVP_ripemd160(), NULL) != 1) {
        abort();
    }
}

void es_address_format(enum es_network network, const unsigned char key_hash[ES_KEY_HASH_SIZE],
                       char ret_text[ES_ADDRESS_TEXT_SIZE])
{
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    unsigned char payload[PAYLOAD_SIZE] = {es_network_rules(network)->address_version};
    memcpy(payload + 1, key_hash, ES_KEY_HASH_SIZE);
    es_base58check_add(&text, payload, sizeof(payload));
    if (!es_copy_str(ret_text, ES_ADDRESS_TEXT_SIZE, es_buf_str(&text))) {
        abort(); /* 25 bytes never take more than 35 characters */
    }
}
