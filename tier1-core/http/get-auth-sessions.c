/* GET /api/auth/sessions: the member's live sessions and devices. */
#include "common/http/server.h"
#include "common/json/json.h"
#include "tier1-core/app.h"
#include "tier1-core/db/sessions.h"
#include "tier1-core/http/caller.h"
#include "tier1-core/http/handlers.h"
#include "tier1-core/http/unavailable.h"

#include <string.h>

static void write_session(struct es_json_writer *json, const struct session_row *row,
                          const struct caller *caller)
{
    es_json_begin_object(json);
    es_json_put_id(json, "session_id", row->session_id);
    es_json_put_text(json, "scope", row->scope);
    es_json_put_text(json, "device", row->device);
    es_json_put_time(json, "created_at", row->created_us);
    es_json_put_time(json, "expires_at", row->expires_us);
    es_json_put_bool(json, "current",
                     memcmp(row->token_hash, caller->token_hash, TOKEN_HASH_SIZE) == 0);
    es_json_end_object(json);
}

void get_auth_sessions(struct es_request *request, void *app, void *worker_)
{
    (void)app;
    struct worker *worker = worker_;
    const struct caller *caller = caller_of(request);
    struct session_row *rows = NULL;
    size_t count = 0;
    if (sessions_of(worker->db, caller->claims.member_id, es_request_arena(request), &rows,
                    &count) != ES_DB_OK) {
        respond_unavailable(request, worker);
        return;
    }
    struct es_buf body = ES_BUF_INIT;
    struct es_json_writer json = es_json_writer_make(&body);
    es_json_begin_object(&json);
    es_json_key(&json, "sessions");
    es_json_begin_array(&json);
    for (size_t i = 0; i < count; i++) {
        write_session(&json, &rows[i], caller);
    }
    es_json_end_array(&json);
    es_json_end_object(&json);
    es_respond_json(request, 200, &body);
}
