/* DELETE /api/auth/sessions/{id}: end one of the member's own sessions or devices. */
#include "common/base/text.h"
#include "common/http/problem.h"
#include "tier1-core/app.h"
#include "tier1-core/db/sessions.h"
#include "tier1-core/http/caller.h"
#include "tier1-core/http/handlers.h"
#include "tier1-core/http/unavailable.h"

void delete_auth_sessions_id(struct es_request *request, void *app_, void *worker_)
{
    struct app *app = app_;
    struct worker *worker = worker_;
    const struct caller *caller = caller_of(request);
    struct session_revocation revocation;
    int64_t session_id = 0;
    enum es_db_result result = ES_DB_NO_ROW;
    if (es_parse_i64(es_request_param(request, "id"), &session_id)) {
        result = sessions_end(worker->db, caller->claims.member_id, session_id, caller->actor,
                              es_request_id_bytes(request), &revocation);
    }
    if (result == ES_DB_OK) {
        revocations_add(app->revocations, worker->redis, revocation.token_hash,
                        revocation.expires_us);
        es_respond_empty(request, 204);
    } else if (result == ES_DB_NO_ROW) {
        es_respond_problem(request, ES_PROBLEM_NOT_FOUND, "there is no such live session");
    } else {
        respond_unavailable(request, worker);
    }
}
