/*
 * An event loop: one libmicrohttpd daemon with one thread and no listening socket of its own. The
 * acceptor hands it connections.
 *
 * Why not libmicrohttpd's own thread pool: its stop calls shutdown(2) on the listening socket,
 * which would close it for the process that is to take it over (LISTEN_FDS), and quiescing a pool
 * that is at work can end the process (0.9.75). Both are gone when we accept ourselves.
 *
 * A daemon looks through all its suspended connections each time one is resumed, and each resume is
 * a write to its wake-up descriptor. So requests that are answered while a wake-up is under way
 * only join a list; the loop resumes them together when it is up.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct es_http_server;
struct es_loop;
struct es_request;

/* Starts the thread. NULL with a line in ERROR when that fails. */
struct es_loop *es_loop_new(struct es_http_server *server, struct es_buf *error) ES_MUST_CHECK;
/* Ends it; every connection must be closed or idle. NULL accepted. Returns NULL. */
struct es_loop *es_loop_free(struct es_loop *loop);

struct es_http_server *es_loop_server(const struct es_loop *loop);

/* From the acceptor: serve the connected socket FD, which is the loop's from now on. False: it was
 * closed. */
bool es_loop_add(struct es_loop *loop, int fd, const struct sockaddr *peer,
                 socklen_t peer_length) ES_MUST_CHECK;

/* Connections it has now; requests begun; framings refused. Any thread. */
size_t es_loop_connections(const struct es_loop *loop);
uint64_t es_loop_requests(const struct es_loop *loop);
uint64_t es_loop_refusals(const struct es_loop *loop);

/* Whether it has neither been in one handler nor left a wake-up unheard for longer than LIMIT_US.
 */
bool es_loop_alive(const struct es_loop *loop, int64_t now_us, int64_t limit_us) ES_MUST_CHECK;
