/*
 * POST /api/auth/device {device?}: a token for this device that may only signal (N13): long-lived,
 * revocable, and worth nothing to a thief beyond saying "I'm here".
 */
#include "common/http/problem.h"
#include "common/http/server.h"
#include "common/json/json.h"
#include "tier1-core/app.h"
#include "tier1-core/domain/device.h"
#include "tier1-core/http/caller.h"
#include "tier1-core/http/handlers.h"
#include "tier1-core/http/issue.h"
#include "tier1-core/http/unavailable.h"

#define DEVICE_MAX 16

void post_auth_device(struct es_request *request, void *app_, void *worker_)
{
    struct app *app = app_;
    struct worker *worker = worker_;
    const struct caller *caller = caller_of(request);
    struct token_draft draft;
    struct issued_token issued;
    int64_t session_id = 0;
    const char *device = "";
    const struct es_json_member members[] = {
        {.name = "device", .type = ES_JSON_TEXT, .min = 1, .max = DEVICE_MAX, .target = &device},
    };
    size_t length = 0;
    (void)es_request_body(request, &length);
    if (length > 0 && !es_request_read(request, members, ES_ARRAY_LEN(members))) {
        return;
    }
    if (!device_is_known(device)) {
        es_respond_problem(request, ES_PROBLEM_INVALID_REQUEST, "device must be " DEVICE_NAMES);
        return;
    }
    issue_draft(request, app, ES_SCOPE_SIGNAL, device, caller->actor, &draft);
    if (sessions_add(worker->db, caller->claims.member_id, &draft.session, &session_id) !=
        ES_DB_OK) {
        respond_unavailable(request, worker);
        return;
    }
    issue_sign(request, app, &draft, caller->claims.member_id, caller->claims.subject, session_id,
               &issued);
    issue_respond(request, 201, &issued);
}
