#include "worker-ledger/chain/script.h"

#include "common/base/reader.h"
#include "worker-ledger/chain/sighash.h"

#include <string.h>

/* Opcodes: bitcoin-sv src/script/opcodes.h. A push of 1 to 75 bytes is its length. */
#define OP_FALSE       0x00
#define OP_PUSHDATA1   0x4c
#define OP_RETURN      0x6a
#define OP_DUP         0x76
#define OP_EQUALVERIFY 0x88
#define OP_HASH160     0xa9
#define OP_CHECKSIG    0xac

#define COMMITMENT_TAG      "ESAFE\x01"
#define COMMITMENT_TAG_SIZE 6
#define COMMITMENT_SIZE     (COMMITMENT_TAG_SIZE + ES_HASH_SIZE + 8 + ES_HASH_SIZE)

static const unsigned char commitment_head[] = {OP_FALSE, OP_RETURN, OP_PUSHDATA1, COMMITMENT_SIZE};

_Static_assert(sizeof(commitment_head) + COMMITMENT_SIZE == ES_SCRIPT_COMMITMENT_SIZE,
               "the data output is 82 bytes long");

void es_script_p2pkh(const unsigned char key_hash[ES_KEY_HASH_SIZE],
                     unsigned char ret_script[ES_SCRIPT_P2PKH_SIZE])
{
    static const unsigned char head[] = {OP_DUP, OP_HASH160, ES_KEY_HASH_SIZE};
    static const unsigned char tail[] = {OP_EQUALVERIFY, OP_CHECKSIG};
    memcpy(ret_script, head, sizeof(head));
    memcpy(ret_script + sizeof(head), key_hash, ES_KEY_HASH_SIZE);
    memcpy(ret_script + sizeof(head) + ES_KEY_HASH_SIZE, tail, sizeof(tail));
}

void es_script_unlock_p2pkh(const unsigned char *signature, size_t signature_length,
                            const unsigned char public_key[ES_PUBLIC_KEY_SIZE], struct es_buf *out)
{
    es_buf_add_byte(out, (unsigned char)(signature_length + 1));
    es_buf_add(out, signature, signature_length);
    es_buf_add_byte(out, ES_SIGHASH_ALL_FORKID);
    es_buf_add_byte(out, ES_PUBLIC_KEY_SIZE);
    es_buf_add(out, public_key, ES_PUBLIC_KEY_SIZE);
}

struct es_commitment es_commitment_of(const struct es_checkpoint *checkpoint)
{
    return (struct es_commitment){
        .origin_hash = es_hash_sha256(checkpoint->origin, strlen(checkpoint->origin)),
        .size = checkpoint->size,
        .root = checkpoint->root,
    };
}

bool es_commitment_equal(const struct es_commitment *a, const struct es_commitment *b)
{
    return a->size == b->size && es_hash_equal(&a->origin_hash, &b->origin_hash) &&
           es_hash_equal(&a->root, &b->root);
}

void es_script_commitment(const struct es_commitment *commitment, struct es_buf *out)
{
    es_buf_add(out, commitment_head, sizeof(commitment_head));
    es_buf_add(out, COMMITMENT_TAG, COMMITMENT_TAG_SIZE);
    es_buf_add(out, commitment->origin_hash.bytes, ES_HASH_SIZE);
    es_buf_add_be64(out, commitment->size);
    es_buf_add(out, commitment->root.bytes, ES_HASH_SIZE);
}

bool es_script_parse_commitment(const struct es_script *script,
                                struct es_commitment *ret_commitment)
{
    struct es_reader reader = es_reader_make(script->bytes, script->length);
    const unsigned char *head = es_reader_bytes(&reader, sizeof(commitment_head));
    const unsigned char *tag = es_reader_bytes(&reader, COMMITMENT_TAG_SIZE);
    struct es_commitment commitment;
    commitment.origin_hash = es_hash_read(&reader);
    commitment.size = __builtin_bswap64(es_reader_le64(&reader));
    commitment.root = es_hash_read(&reader);
    if (!es_reader_done(&reader) || memcmp(head, commitment_head, sizeof(commitment_head)) != 0 ||
        memcmp(tag, COMMITMENT_TAG, COMMITMENT_TAG_SIZE) != 0) {
        return false;
    }
    *ret_commitment = commitment;
    return true;
}
