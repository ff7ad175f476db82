/*
 * The acceptor: one thread that takes connections from the listening socket and spreads them over
 * the event loops. While every place is taken it leaves new ones in the kernel's queue.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

struct es_acceptor;
struct es_connections;
struct es_loop;

/* LISTEN_FD is the acceptor's from now on, also when this fails (NULL, a line in ERROR). */
struct es_acceptor *es_acceptor_new(int listen_fd, struct es_connections *connections,
                                    struct es_loop *const *loops, unsigned loop_count,
                                    struct es_buf *error) ES_MUST_CHECK;

/* Stop accepting: closes our descriptor of the listening socket and nothing more, so that another
 * process that has it goes on. Connections already taken are with their loops on return. */
void es_acceptor_stop(struct es_acceptor *acceptor);

/* After the loops have ended: closing connections still knock here. NULL accepted. Returns NULL. */
struct es_acceptor *es_acceptor_free(struct es_acceptor *acceptor);
