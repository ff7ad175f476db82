/* Standard base64 with padding (RFC 4648 section 4), read strictly. Writing is es_buf_add_base64().
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

/* Decode LENGTH characters into at most CAPACITY bytes; false, and *RET_LENGTH left alone, unless
 * they are exactly what encoding the result gives (padding present, spare bits zero). */
bool es_base64_parse(const char *text, size_t length, void *ret_bytes, size_t capacity,
                     size_t *ret_length) ES_MUST_CHECK;
