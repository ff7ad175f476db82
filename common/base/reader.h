/*
 * Bounded reader over bytes from outside: every binary parser of the suite (transactions, BUMP,
 * headers) takes its input through one of these, so that no parser does pointer arithmetic.
 *
 * The first read past the end, or of a malformed value, sets READER->failed; from then on every
 * read yields zero or NULL. A parser may therefore read a whole structure and check once.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct es_reader {
    const unsigned char *next;
    const unsigned char *end;
    bool failed;
};

struct es_reader es_reader_make(const void *bytes, size_t length);

/* LENGTH bytes inside the input, or NULL. Not copied. */
const unsigned char *es_reader_bytes(struct es_reader *reader, size_t length);
uint8_t es_reader_u8(struct es_reader *reader);
uint32_t es_reader_le32(struct es_reader *reader);
uint64_t es_reader_le64(struct es_reader *reader);

/* Bitcoin's variable-length integer; a form longer than needed is malformed. */
uint64_t es_reader_varint(struct es_reader *reader);

size_t es_reader_left(const struct es_reader *reader);

/* True when nothing failed and every byte was read. */
bool es_reader_done(const struct es_reader *reader) ES_MUST_CHECK;
