/* Listening sockets: made from an address, or handed over by the supervisor. */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>

/* The socket handed over under NAME (NULL: none is expected), else one bound to ADDRESS:
 * "127.0.0.1:8001", "[::1]:8001", "localhost:0" (port 0 takes a free one) or "unix:/path". A dead
 * Unix socket at that path is replaced, a living one is not. Non-blocking and close-on-exec. -1
 * with a line in ERROR. *RET_MADE: whether it was made here. */
int es_listen(const char *address, const char *name, bool *ret_made,
              struct es_buf *error) ES_MUST_CHECK;

/* Append the address FD listens on, in the form es_listen() takes. */
void es_listen_describe(int fd, struct es_buf *out);
