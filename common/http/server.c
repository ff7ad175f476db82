#include "common/http/server.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/http/acceptor.h"
#include "common/http/connections.h"
#include "common/http/executor.h"
#include "common/http/header-block.h"
#include "common/http/listen.h"
#include "common/http/loop.h"
#include "common/http/router.h"
#include "common/http/server-state.h"
#include "common/http/service.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNIX_PREFIX  "unix:"
#define CUT_AGAIN_MS 1000

static const struct es_http_config defaults = {
    .event_threads = 1,
    .executor_threads = 1,
    .queue_limit = 256,
    .max_connections = 1024,
    .connection_memory = 6 * 1024,
    .header_timeout_ms = 10 * 1000,
    .body_timeout_ms = 20 * 1000,
    .idle_timeout_ms = 60 * 1000,
    .request_timeout_ms = 30 * 1000,
    .stop_timeout_ms = 30 * 1000,
};

static unsigned or_unsigned(unsigned value, unsigned fallback)
{
    return value > 0 ? value : fallback;
}

static int64_t or_ms(int64_t value, int64_t fallback)
{
    return value > 0 ? value : fallback;
}

static struct es_http_config with_defaults(const struct es_http_config *config)
{
    struct es_http_config full = *config;
    full.event_threads = or_unsigned(full.event_threads, defaults.event_threads);
    full.executor_threads = or_unsigned(full.executor_threads, defaults.executor_threads);
    full.queue_limit = or_unsigned(full.queue_limit, defaults.queue_limit);
    full.max_connections = or_unsigned(full.max_connections, defaults.max_connections);
    full.connection_memory =
        full.connection_memory > 0 ? full.connection_memory : defaults.connection_memory;
    full.header_timeout_ms = or_ms(full.header_timeout_ms, defaults.header_timeout_ms);
    full.body_timeout_ms = or_ms(full.body_timeout_ms, defaults.body_timeout_ms);
    full.idle_timeout_ms = or_ms(full.idle_timeout_ms, defaults.idle_timeout_ms);
    full.request_timeout_ms = or_ms(full.request_timeout_ms, defaults.request_timeout_ms);
    full.stop_timeout_ms = or_ms(full.stop_timeout_ms, defaults.stop_timeout_ms);
    return full;
}

static bool start_connections(struct es_http_server *server, struct es_buf *error)
{
    struct es_connection_limits limits = {
        .most = server->config.max_connections,
        .header_us = server->config.header_timeout_ms * ES_US_PER_MS,
        .body_us = server->config.body_timeout_ms * ES_US_PER_MS,
        .idle_us = server->config.idle_timeout_ms * ES_US_PER_MS,
    };
    server->connections = es_connections_new(&limits);
    if (server->connections == NULL) {
        es_buf_add_str(error, "the watcher of connections could not be started");
    }
    return server->connections != NULL;
}

static bool start_executor(struct es_http_server *server, struct es_buf *error)
{
    struct es_executor_config config = {
        .threads = server->config.executor_threads,
        .queue_limit = server->config.queue_limit,
        .hooks = &server->hooks,
        .app = server->app,
        .run = es_service_run,
    };
    server->executor = es_executor_new(&config, error);
    return server->executor != NULL;
}

static bool start_loops(struct es_http_server *server, struct es_buf *error)
{
    server->loops = es_calloc(server->config.event_threads, sizeof(struct es_loop *));
    while (server->loop_count < server->config.event_threads) {
        struct es_loop *loop = es_loop_new(server, error);
        if (loop == NULL) {
            return false;
        }
        server->loops[server->loop_count++] = loop;
    }
    return true;
}

static bool start_acceptor(struct es_http_server *server, struct es_buf *error)
{
    bool made = false;
    int fd = es_listen(server->config.listen, server->config.listen_name, &made, error);
    if (fd < 0) {
        return false;
    }
    struct es_buf address = ES_BUF_INIT;
    es_listen_describe(fd, &address);
    server->address = es_buf_steal_str(&address);
    if (made && es_starts_with(server->address, UNIX_PREFIX)) {
        server->socket_path = es_strdup(server->address + strlen(UNIX_PREFIX));
    }
    server->acceptor =
        es_acceptor_new(fd, !made, server->connections, server->loops, server->loop_count, error);
    return server->acceptor != NULL;
}

/* Everything, in any state of completion; no connection is open. */
static struct es_http_server *server_free(struct es_http_server *server)
{
    for (unsigned i = 0; i < server->loop_count; i++) {
        es_loop_free(server->loops[i]);
    }
    es_acceptor_free(server->acceptor);
    es_executor_free(server->executor);
    es_connections_free(server->connections);
    es_router_free(server->router);
    free(server->loops);
    free(server->address);
    free(server->socket_path);
    free(server);
    return NULL;
}

struct es_http_server *es_http_server_start(const struct es_http_config *config,
                                            const struct es_route *routes, size_t route_count,
                                            const struct es_http_hooks *hooks, void *app,
                                            struct es_buf *error)
{
    struct es_http_server *server = ES_NEW(struct es_http_server);
    server->config = with_defaults(config);
    server->hooks = hooks != NULL ? *hooks : (struct es_http_hooks){0};
    server->app = app;
    server->header_block_known = es_header_block_known();
    server->router = es_router_new(routes, route_count, error);
    if (server->router == NULL || !start_connections(server, error) ||
        !start_executor(server, error) || !start_loops(server, error) ||
        !start_acceptor(server, error)) {
        return server_free(server);
    }
    return server;
}

bool es_http_server_stop(struct es_http_server *server)
{
    atomic_store(&server->stopping, true);
    if (server->socket_path != NULL) {
        (void)unlink(server->socket_path);
    }
    es_acceptor_stop(server->acceptor);
    es_connections_drain(server->connections);
    bool clean = es_connections_wait_closed(server->connections, server->config.stop_timeout_ms);
    if (!clean) {
        /* Clients are let go; handlers and lanes that still hold a request must hand it back before
         * its memory can go, which their own limits see to. */
        atomic_store(&server->abandoned, true);
        do {
            es_connections_cut(server->connections);
        } while (!es_connections_wait_closed(server->connections, CUT_AGAIN_MS));
    }
    server_free(server);
    return clean;
}

const char *es_http_server_address(const struct es_http_server *server)
{
    return server->address;
}

void es_http_server_counts(const struct es_http_server *server, struct es_http_counts *ret_counts)
{
    struct es_http_counts counts = {
        .connections = es_connections_count(server->connections),
        .queue_depth = es_executor_depth(server->executor),
        .queue_refusals = es_executor_refusals(server->executor),
    };
    for (unsigned i = 0; i < server->loop_count; i++) {
        counts.requests += es_loop_requests(server->loops[i]);
        counts.framing_refusals += es_loop_refusals(server->loops[i]);
    }
    *ret_counts = counts;
}

bool es_http_server_alive(const struct es_http_server *server, int64_t limit_ms)
{
    int64_t now_us = es_clock_mono_us();
    int64_t limit_us = limit_ms * ES_US_PER_MS;
    bool alive = es_executor_alive(server->executor, now_us, limit_us);
    for (unsigned i = 0; alive && i < server->loop_count; i++) {
        alive = es_loop_alive(server->loops[i], now_us, limit_us);
    }
    return alive;
}
