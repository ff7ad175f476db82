/*
 * POST /api/auth/device {label?}: a token for this device that may only signal (N13): long-lived,
 * revocable, and worth nothing to a thief beyond saying "I'm here".
 */
#include "common/http/problem.h"
#include "common/json/json.h"
#include "tier1-core/app.h"
#include "tier1-core/http/caller.h"
#include "tier1-core/http/handlers.h"
#include "tier1-core/http/issue.h"

#define LABEL_MAX 64

void post_auth_device(struct es_request *request, void *app_, void *worker_)
{
    struct app *app = app_;
    struct worker *worker = worker_;
    const struct caller *caller = caller_of(request);
    struct issued_token issued;
    const char *label = "";
    const struct es_json_member members[] = {
        {.name = "label", .type = ES_JSON_TEXT, .min = 0, .max = LABEL_MAX, .target = &label},
    };
    size_t length = 0;
    (void)es_request_body(request, &length);
    if (length > 0 && !es_request_read(request, members, ES_ARRAY_LEN(members))) {
        return;
    }
    enum es_db_result result = issue_token(request, app, worker->db,
                                           &(struct issue_wish){
                                               .member_id = caller->claims.member_id,
                                               .public_id = caller->claims.subject,
                                               .scope = ES_SCOPE_SIGNAL,
                                               .label = label,
                                               .actor = caller->actor,
                                           },
                                           &issued);
    if (result != ES_DB_OK) {
        es_respond_problem(request, ES_PROBLEM_UNAVAILABLE, NULL);
        return;
    }
    issue_respond(request, 201, &issued);
}
