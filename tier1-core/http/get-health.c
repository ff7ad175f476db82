/*
 * GET /health, /health/live, /health/ready: cached for a second, so however often they are asked
 * they cost the database one ping a second (E53). `ready` ignores Redis (FE26). The probing is done
 * by a thread of its own (probe.h): these run on the event thread and never wait.
 */
#include "tier1-core/app.h"
#include "tier1-core/http/handlers.h"
#include "tier1-core/probe.h"

static void respond(struct es_request *request, bool good, struct es_buf *body)
{
    es_respond_header(request, "Cache-Control", "no-store");
    if (!good) {
        es_respond_header(request, "Retry-After", "2");
    }
    es_respond_json(request, good ? 200 : 503, body);
}

void get_health(struct es_request *request, void *app_, void *worker)
{
    (void)worker;
    struct app *app = app_;
    struct es_buf body = ES_BUF_INIT;
    es_health_render(app->health, &body);
    respond(request, probe_ready(app->probe), &body);
}

void get_health_live(struct es_request *request, void *app, void *worker)
{
    (void)app;
    (void)worker;
    struct es_buf body = ES_BUF_INIT;
    es_buf_add_str(&body, "{\"status\":\"alive\"}");
    respond(request, true, &body);
}

void get_health_ready(struct es_request *request, void *app_, void *worker)
{
    (void)worker;
    struct app *app = app_;
    bool ready = probe_ready(app->probe);
    struct es_buf body = ES_BUF_INIT;
    es_buf_add_str(&body, ready ? "{\"status\":\"ready\"}" : "{\"status\":\"not ready\"}");
    respond(request, ready, &body);
}
