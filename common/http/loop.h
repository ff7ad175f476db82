/*
 * An event loop: a thread of ours around one libmicrohttpd daemon that has neither a thread nor a
 * listening socket of its own. The acceptor hands it connections, lanes and executor threads hand
 * it back the requests that were away; whoever makes one of the two lists not empty wakes it.
 *
 * Why not libmicrohttpd's own thread pool: its stop calls shutdown(2) on the listening socket,
 * which would close it for the process that is to take it over (LISTEN_FDS), and quiescing a pool
 * that is at work can end the process (0.9.75). Both are gone when we accept ourselves.
 *
 * Why not its own thread: it takes up to 128 events at a time and, when there were as many, waits
 * for the next ones before it looks at these (0.9.75 to 1.0.1), so that 128 requests that come in
 * together are answered when somebody else asks for something. Run by us it never waits. And its
 * way to resume is a system call for each request, and each time a look at everybody suspended;
 * here those that came back meanwhile are resumed together.
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
/* Ends it; every connection must be closed. NULL accepted. Returns NULL. */
struct es_loop *es_loop_free(struct es_loop *loop);

/* The loop whose thread calls; NULL on any other thread. */
struct es_loop *es_loop_here(void);

struct es_http_server *es_loop_server(const struct es_loop *loop);

/* From the acceptor: serve the connected socket FD, which is the loop's from now on, and for which
 * a place is reserved among the server's connections. */
void es_loop_add(struct es_loop *loop, int fd, const struct sockaddr *peer, socklen_t peer_length);

/* From whoever has it: REQUEST, which was away, is the loop's again. */
void es_loop_take_back(struct es_loop *loop, struct es_request *request);

/* Connections it has now; requests begun; framings refused. Any thread. */
size_t es_loop_connections(const struct es_loop *loop);
uint64_t es_loop_requests(const struct es_loop *loop);
uint64_t es_loop_refusals(const struct es_loop *loop);

/* Whether it has neither been in one handler nor left a request that came back alone for longer
 * than LIMIT_US. */
bool es_loop_alive(const struct es_loop *loop, int64_t now_us, int64_t limit_us) ES_MUST_CHECK;
