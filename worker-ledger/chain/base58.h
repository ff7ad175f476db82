/*
 * Base58 and Base58Check: the text form of addresses. For short values only. Base58Check appends
 * the first 4 bytes of SHA-256d. Source: bitcoin-sv src/base58.cpp.
 */
#pragma once

#include "common/base/buf.h"

#include <stddef.h>

#define ES_BASE58_BYTES_MAX 64
#define ES_BASE58_TEXT_MAX  88 /* what 64 bytes can become */

/* Append the text of at most ES_BASE58_BYTES_MAX bytes. */
void es_base58_add(struct es_buf *out, const unsigned char *bytes, size_t length);

/* The same with a checksum: LENGTH does not count it; at most 60 bytes. */
void es_base58check_add(struct es_buf *out, const unsigned char *bytes, size_t length);
