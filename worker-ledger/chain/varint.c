#include "worker-ledger/chain/varint.h"

/* The first byte of each longer form, and how many bytes of the value follow it. */
#define MARK_16_BIT 0xFD
#define MARK_32_BIT 0xFE
#define MARK_64_BIT 0xFF

size_t es_varint_size(uint64_t value)
{
    if (value < MARK_16_BIT) {
        return 1;
    }
    if (value <= UINT16_MAX) {
        return 1 + sizeof(uint16_t);
    }
    return 1 + (value <= UINT32_MAX ? sizeof(uint32_t) : sizeof(uint64_t));
}

void es_varint_add(struct es_buf *out, uint64_t value)
{
    if (value < MARK_16_BIT) {
        es_buf_add_byte(out, (unsigned char)value);
    } else if (value <= UINT16_MAX) {
        es_buf_add_byte(out, MARK_16_BIT);
        es_buf_add_byte(out, (unsigned char)value);
        es_buf_add_byte(out, (unsigned char)(value >> 8));
    } else if (value <= UINT32_MAX) {
        es_buf_add_byte(out, MARK_32_BIT);
        es_buf_add_le32(out, (uint32_t)value);
    } else {
        es_buf_add_byte(out, MARK_64_BIT);
        es_buf_add_le64(out, value);
    }
}
