/* GET /sign-in: the page where a sign-in begins. */
#include "tier1-core/http/handlers.h"
#include "tier1-core/http/pages.h"

void get_sign_in(struct es_request *request, void *app, void *worker)
{
    (void)app;
    (void)worker;
    page_sign_in(request);
}
