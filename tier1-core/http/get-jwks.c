/* GET /.well-known/jwks.json: the public keys that tokens are signed with. */
#include "tier1-core/app.h"
#include "tier1-core/http/handlers.h"

void get_jwks(struct es_request *request, void *app_, void *worker)
{
    (void)worker;
    struct app *app = app_;
    struct es_buf body = ES_BUF_INIT;
    es_key_ring_render_jwks(app->key_ring, &body);
    es_respond_header(request, "Cache-Control", "public, max-age=300");
    es_respond_json(request, 200, &body);
}
