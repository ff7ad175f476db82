/* What a server is made of. Private to common/http. */
#pragma once

#include "common/http/server.h"

#include <stdatomic.h>
#include <stdbool.h>

struct es_acceptor;
struct es_connections;
struct es_executor;
struct es_loop;
struct es_router;

struct es_http_server {
    struct es_http_config config; /* defaults filled in */
    struct es_http_hooks hooks;
    void *app;
    struct es_router *router;
    struct es_connections *connections;
    struct es_executor *executor;
    struct es_loop **loops;
    unsigned loop_count;
    struct es_acceptor *acceptor;
    char *address;
    char *socket_path;       /* of a Unix socket that we made, to remove at the end; or NULL */
    bool header_block_known; /* es_header_block_known(), asked once */
    atomic_bool stopping;    /* answers end their connection */
    atomic_bool abandoned;   /* what still waits for an executor thread is not run any more */
};
