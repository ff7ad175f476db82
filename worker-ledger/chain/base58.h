/*
 * Base58 and Base58Check: the text form of addresses and of private keys (WIF). For short values
 * only. Base58Check appends the first 4 bytes of SHA-256d. Source: bitcoin-sv src/base58.cpp.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

#define ES_BASE58_BYTES_MAX 64
#define ES_BASE58_TEXT_MAX  88 /* what 64 bytes can become */

/* Append the text of at most ES_BASE58_BYTES_MAX bytes. */
void es_base58_add(struct es_buf *out, const unsigned char *bytes, size_t length);

/* Decode TEXT into RET_BYTES; false on other characters or a text longer than ES_BASE58_TEXT_MAX
 * or a result longer than ES_BASE58_BYTES_MAX. RET_BYTES may have been overwritten then. */
bool es_base58_parse(const char *text, unsigned char ret_bytes[ES_BASE58_BYTES_MAX],
                     size_t *ret_length) ES_MUST_CHECK;

/* The same with a checksum: LENGTH and *RET_LENGTH do not count it; at most 60 bytes. */
void es_base58check_add(struct es_buf *out, const unsigned char *bytes, size_t length);
bool es_base58check_parse(const char *text, unsigned char ret_bytes[ES_BASE58_BYTES_MAX],
                          size_t *ret_length) ES_MUST_CHECK;
