/*
 * GET /api/auth/verify?token=: where the link in the mail leads.
 *
 * Changes nothing: mail scanners fetch links (J4.1). It shows a page with one button, which posts
 * the token; no script, so nothing presses it but a person.
 */
#include "common/http/problem.h"
#include "tier1-core/domain/login.h"
#include "tier1-core/http/handlers.h"
#include "tier1-core/http/pages.h"

void get_auth_verify(struct es_request *request, void *app, void *worker)
{
    (void)app;
    (void)worker;
    const char *token = NULL;
    if (!es_request_query(request, "token", &token)) {
        return;
    }
    if (token == NULL || !login_secret_valid(token)) {
        es_respond_problem(request, ES_PROBLEM_BAD_REQUEST,
                           "the link is not whole: open it from the mail again");
        return;
    }
    page_confirm(request, token);
}
