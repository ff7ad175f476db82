#include "tier1-core/http/issue.h"

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/base/wipe.h"
#include "common/daemon/fault.h"
#include "common/http/server.h"
#include "common/json/json.h"
#include "tier1-core/app.h"
#include "tier1-core/http/caller.h"

#include <sodium.h>
#include <string.h>

static const struct {
    const char *name;
    const char *audit_event;
} scopes[] = {
    [ES_SCOPE_SIGNAL] = {"signal", "device"},
    [ES_SCOPE_SESSION] = {"session", "verify"},
};

static struct es_claims make_claims(const struct app *app, enum es_scope scope)
{
    int64_t now_s = es_clock_now_us() / ES_US_PER_S;
    int64_t lifetime_s =
        scope == ES_SCOPE_SESSION ? app->config.session_lifetime_s : app->config.device_lifetime_s;
    struct es_claims claims = {
        .scope = scope,
        .issued_at_s = now_s,
        .expires_at_s = now_s + lifetime_s,
    };
    es_random_bytes(claims.token_id, sizeof(claims.token_id));
    return claims;
}

void issue_draft(const struct es_request *request, const struct app *app, enum es_scope scope,
                 const char *device, const char *actor, struct token_draft *ret_draft)
{
    struct token_draft *draft = ret_draft;
    *draft = (struct token_draft){.claims = make_claims(app, scope), .actor = "member:"};
    token_hash(draft->claims.token_id, draft->hash);
    sodium_bin2hex(draft->actor + 7, sizeof(draft->actor) - 7, draft->hash, sizeof(draft->hash));
    draft->session = (struct session_new){
        .token_hash = draft->hash,
        .scope = scopes[scope].name,
        .device = device,
        .expires_us = draft->claims.expires_at_s * ES_US_PER_S,
        .audit_event = scopes[scope].audit_event,
        .actor = actor != NULL ? actor : draft->actor,
        .request_id = es_request_id_bytes(request),
    };
}

static const char *sign(struct es_request *request, const struct app *app,
                        const struct es_claims *claims)
{
    static const char *const audiences[] = {AUDIENCE, NULL};
    ES_CLEANUP(es_wipe_buf) struct es_buf text = ES_BUF_INIT;
    es_wipe_reserve(&text, ES_TOKEN_MAX_LENGTH);
    es_token_sign(app->signer, app->config.issuer, audiences, claims, &text);
    return es_arena_strdup(es_request_arena(request), es_buf_str(&text));
}

void issue_sign(struct es_request *request, const struct app *app, const struct token_draft *draft,
                int64_t member_id, const unsigned char *public_id, int64_t session_id,
                struct issued_token *ret_issued)
{
    struct es_claims claims = draft->claims;
    es_fault_point("core.after_session");
    claims.member_id = member_id;
    memcpy(claims.subject, public_id, sizeof(claims.subject));
    *ret_issued = (struct issued_token){
        .token = sign(request, app, &claims),
        .session_id = session_id,
        .expires_us = claims.expires_at_s * ES_US_PER_S,
        .scope = claims.scope,
    };
}

void issue_respond(struct es_request *request, unsigned status, const struct issued_token *issued)
{
    struct es_buf body = ES_BUF_INIT;
    struct es_json_writer json = es_json_writer_make(&body);
    es_json_begin_object(&json);
    es_json_put_text(&json, "token", issued->token);
    es_json_put_text(&json, "token_type", "Bearer");
    es_json_put_text(&json, "scope", scopes[issued->scope].name);
    es_json_put_id(&json, "session_id", issued->session_id);
    es_json_put_time(&json, "expires_at", issued->expires_us);
    es_json_end_object(&json);
    es_respond_header(request, "Cache-Control", "no-store");
    es_respond_json(request, status, &body);
}
