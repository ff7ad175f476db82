/* Reading a whole file, or standard input, into memory. */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

/* Append the content of PATH ("-": standard input) to OUT. False when it cannot be read or is
 * longer than LIMIT bytes; errno says why (EFBIG for the latter). */
bool es_input_read(const char *path, size_t limit, struct es_buf *out) ES_MUST_CHECK;
