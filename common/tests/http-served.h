/* What tests of the HTTP server share whose every test calls one server: that server, which the
 * file's own start() makes, its end, and handlers that many of them route to. */
#pragma once

#include "common/base/arena.h"
#include "common/http/server.h"
#include "common/tests/http-fixture.h"
#include "common/tests/http-peer.h"
#include "common/tests/unit.h"

static struct es_http_server *server;
static struct gate gate = GATE_INIT;

static inline int stop(void **state)
{
    (void)state;
    gate_open(&gate);
    assert_true(es_http_server_stop(server));
    return 0;
}

static inline struct peer connect_peer(void)
{
    return peer_connect(es_http_server_address(server));
}

/* --- handlers ---------------------------------------------------------------------------- */

static inline void answer_ok(struct es_request *request, void *app, void *worker)
{
    (void)app;
    (void)worker;
    answer_text(request, "ok");
}

static inline void answer_zero(struct es_request *request, void *app, void *worker)
{
    (void)app;
    (void)worker;
    answer_number(request, 200, 0);
}

static inline void answer_length_of_body(struct es_request *request, void *app, void *worker)
{
    (void)app;
    (void)worker;
    size_t length = 0;
    (void)es_request_body(request, &length);
    answer_text(request, es_arena_printf(es_request_arena(request), "%zu", length));
}

static inline void answer_query(struct es_request *request, void *app, void *worker)
{
    (void)app;
    (void)worker;
    const char *value = NULL;
    if (es_request_query(request, "q", &value)) {
        answer_text(request, value != NULL ? value : "(none)");
    }
}
