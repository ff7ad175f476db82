/* Release of buffers that held something secret. */
#pragma once

#include "common/base/buf.h"

#include <stddef.h>

/* Make room for LENGTH bytes in the empty BUF. What is written within that room is not moved while
 * it grows, so that es_wipe_buf() finds all of it. */
void es_wipe_reserve(struct es_buf *buf, size_t length);

/* Overwrite and release: for ES_CLEANUP. */
void es_wipe_buf(struct es_buf *buf);
