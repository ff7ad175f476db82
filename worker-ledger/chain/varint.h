/* Bitcoin's variable-length integer, written in its shortest form (reading: es_reader_varint()). */
#pragma once

#include "common/base/buf.h"

#include <stddef.h>
#include <stdint.h>

void es_varint_add(struct es_buf *out, uint64_t value);

/* Bytes that es_varint_add() writes: 1, 3, 5 or 9. */
size_t es_varint_size(uint64_t value);
