/* POST /api/auth/logout: end the session that calls. */
#include "common/base/clock.h"
#include "common/daemon/fault.h"
#include "common/http/server.h"
#include "tier1-core/app.h"
#include "tier1-core/db/sessions.h"
#include "tier1-core/http/caller.h"
#include "tier1-core/http/handlers.h"
#include "tier1-core/http/unavailable.h"

void post_auth_logout(struct es_request *request, void *app_, void *worker_)
{
    struct app *app = app_;
    struct worker *worker = worker_;
    const struct caller *caller = caller_of(request);
    int64_t expires_us = caller->claims.expires_at_s * ES_US_PER_S;
    enum es_db_result result =
        sessions_end_token(worker->db, &(struct session_end){
                                           .member_id = caller->claims.member_id,
                                           .token_hash = caller->token_hash,
                                           .expires_us = expires_us,
                                           .actor = caller->actor,
                                           .request_id = es_request_id_bytes(request),
                                       });
    if (result != ES_DB_OK) {
        respond_unavailable(request, worker);
        return;
    }
    es_fault_point("core.after_revoke");
    revocations_add(app->revocations, worker->redis, caller->token_hash, expires_us);
    es_respond_header(request, "Set-Cookie",
                      SESSION_COOKIE "=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax");
    es_respond_empty(request, 204);
}
