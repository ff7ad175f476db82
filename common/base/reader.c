#include "common/base/reader.h"

struct es_reader es_reader_make(const void *bytes, size_t length)
{
    const unsigned char *start = bytes;
    return (struct es_reader){.next = start, .end = length > 0 ? start + length : start};
}

size_t es_reader_left(const struct es_reader *reader)
{
    return reader->failed ? 0 : (size_t)(reader->end - reader->next);
}

const unsigned char *es_reader_bytes(struct es_reader *reader, size_t length)
{
    if (reader->failed || length > es_reader_left(reader)) {
        reader->failed = true;
        return NULL;
    }
    const unsigned char *bytes = reader->next;
    reader->next += length;
    return bytes;
}

static uint64_t read_le(struct es_reader *reader, size_t width)
{
    const unsigned char *bytes = es_reader_bytes(reader, width);
    uint64_t value = 0;
    for (size_t i = 0; bytes != NULL && i < width; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

uint8_t es_reader_u8(struct es_reader *reader)
{
    return (uint8_t)read_le(reader, 1);
}

uint32_t es_reader_le32(struct es_reader *reader)
{
    return (uint32_t)read_le(reader, 4);
}

uint64_t es_reader_le64(struct es_reader *reader)
{
    return read_le(reader, 8);
}

uint64_t es_reader_varint(struct es_reader *reader)
{
    static const struct {
        size_t width;
        uint64_t smallest;
    } forms[] = {{2, 0xFD}, {4, 0x10000}, {8, 0x100000000}};
    uint8_t first = es_reader_u8(reader);
    if (first < 0xFD) {
        return first;
    }
    uint64_t value = read_le(reader, forms[first - 0xFD].width);
    if (value < forms[first - 0xFD].smallest) {
        reader->failed = true;
        return 0;
    }
    return value;
}

bool es_reader_done(const struct es_reader *reader)
{
    return !reader->failed && reader->next == reader->end;
}
