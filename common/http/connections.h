/*
 * Every open connection and the deadline it is under.
 *
 * libmicrohttpd's own time-out counts inactivity and starts again with every byte, so a peer that
 * drips one byte a second holds a connection for ever. Here each connection has a phase with a
 * fixed deadline (an answer's moves on while the peer takes 1 KiB a second), kept in one atomic
 * word that its event loop writes as the request moves on; a watcher thread looks at all of them a
 * few times a second. What is over its time is told 408 where that can be understood, and its
 * socket is shut down, which libmicrohttpd sees as the peer's closing.
 *
 * Opening and closing happen on event loop threads; all but the watcher's own work is lock-free.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/http/client-address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct es_connection;
struct es_connections;

struct es_connection_limits {
    unsigned most; /* connections at once */
    int64_t header_us;
    int64_t body_us; /* also for the peer to take the next part of an answer */
    int64_t idle_us;
};

/* Starts the watcher thread; NULL when that fails. */
struct es_connections *es_connections_new(const struct es_connection_limits *limits) ES_MUST_CHECK;
/* All must be closed. NULL accepted. Returns NULL. */
struct es_connections *es_connections_free(struct es_connections *connections);

/* Take a place for a connection that the acceptor will hand to an event loop; false when all are
 * taken. Given back by es_connection_close(), or by es_connections_unreserve() when it came to
 * nothing. */
bool es_connections_reserve(struct es_connections *connections) ES_MUST_CHECK;
void es_connections_unreserve(struct es_connections *connections);
/* Call NOTIFY (from any thread) whenever a place is given back. Set before the first reserve. */
void es_connections_on_release(struct es_connections *connections, void (*notify)(void *context),
                               void *context);

/* A reserved connection begins: its headers are awaited. */
struct es_connection *es_connection_open(struct es_connections *connections, int fd,
                                         const struct sockaddr *peer) ES_MUST_CHECK;
/* It ends, before its socket is closed. */
void es_connection_close(struct es_connection *connection);

int es_connection_fd(const struct es_connection *connection);
const char *es_connection_peer(const struct es_connection *connection);
bool es_connection_is_local(const struct es_connection *connection);

/* The phases of one request, in order. False when the watcher has already cut the connection: the
 * caller drops it. NOW_US is monotonic. */
bool es_connection_expect_body(struct es_connection *connection, int64_t now_us) ES_MUST_CHECK;
bool es_connection_at_work(struct es_connection *connection) ES_MUST_CHECK; /* no deadline */
void es_connection_answering(struct es_connection *connection, int64_t now_us);
void es_connection_idle(struct es_connection *connection, int64_t now_us);

/* The server stops: from now on idle connections are cut as soon as nothing has come in for a
 * moment, and whoever is in the middle of a request or of an answer has two seconds for each next
 * step. What was asked is still answered. */
void es_connections_drain(struct es_connections *connections);
/* Cut every connection, whatever it does. */
void es_connections_cut(struct es_connections *connections);
/* Wait until none is open; false after TIMEOUT_MS. */
bool es_connections_wait_closed(struct es_connections *connections,
                                int64_t timeout_ms) ES_MUST_CHECK;
size_t es_connections_count(const struct es_connections *connections);
