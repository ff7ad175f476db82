/*
 * The acceptor: one thread that takes connections from the listening socket and spreads them over
 * the event loops. While every place is taken it leaves new ones in the kernel's queue.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>

struct es_acceptor;
struct es_connections;
struct es_loop;

/* LISTEN_FD is the acceptor's from now on, also when this fails (NULL, a line in ERROR). SHARED:
 * others may have the same socket, and go on with it. */
struct es_acceptor *es_acceptor_new(int listen_fd, bool shared, struct es_connections *connections,
                                    struct es_loop *const *loops, unsigned loop_count,
                                    struct es_buf *error) ES_MUST_CHECK;

/* Stop accepting: closes our descriptor of the listening socket and nothing more, so that another
 * process that has it goes on. Whoever waits in the kernel's queue is left to that one; when there
 * is none (not SHARED) they are taken first. Connections taken are with their loops on return. */
void es_acceptor_stop(struct es_acceptor *acceptor);

/* After the loops have ended: closing connections still knock here. NULL accepted. Returns NULL. */
struct es_acceptor *es_acceptor_free(struct es_acceptor *acceptor);
