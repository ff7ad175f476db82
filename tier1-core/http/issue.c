#include "tier1-core/http/issue.h"

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/daemon/fault.h"
#include "common/http/server.h"
#include "common/json/json.h"
#include "tier1-core/app.h"
#include "tier1-core/db/sessions.h"
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

static struct es_claims make_claims(const struct app *app, const struct issue_wish *wish)
{
    int64_t now_s = es_clock_now_us() / ES_US_PER_S;
    int64_t lifetime_s = wish->scope == ES_SCOPE_SESSION ? app->config.session_lifetime_s
                                                         : app->config.device_lifetime_s;
    struct es_claims claims = {
        .member_id = wish->member_id,
        .scope = wish->scope,
        .issued_at_s = now_s,
        .expires_at_s = now_s + lifetime_s,
    };
    memcpy(claims.subject, wish->public_id, sizeof(claims.subject));
    es_random_bytes(claims.token_id, sizeof(claims.token_id));
    return claims;
}

static const char *sign(struct es_request *request, const struct app *app,
                        const struct es_claims *claims)
{
    static const char *const audiences[] = {AUDIENCE, NULL};
    struct es_buf text = ES_BUF_INIT;
    es_token_sign(app->signer, app->config.issuer, audiences, claims, &text);
    char *token = es_arena_strdup(es_request_arena(request), es_buf_str(&text));
    sodium_memzero(text.data, text.length);
    es_buf_done(&text);
    return token;
}

enum es_db_result issue_token(struct es_request *request, const struct app *app, struct es_db *db,
                              const struct issue_wish *wish, struct issued_token *ret_issued)
{
    struct es_claims claims = make_claims(app, wish);
    unsigned char hash[TOKEN_HASH_SIZE];
    char actor[8 + 2 * TOKEN_HASH_SIZE] = "member:";
    int64_t session_id = 0;
    token_hash(claims.token_id, hash);
    sodium_bin2hex(actor + 7, sizeof(actor) - 7, hash, sizeof(hash));
    enum es_db_result result = sessions_add(db,
                                            &(struct session_new){
                                                .member_id = wish->member_id,
                                                .token_hash = hash,
                                                .scope = scopes[wish->scope].name,
                                                .label = wish->label,
                                                .expires_us = claims.expires_at_s * ES_US_PER_S,
                                                .audit_event = scopes[wish->scope].audit_event,
                                                .actor = wish->actor != NULL ? wish->actor : actor,
                                                .request_id = es_request_id_bytes(request),
                                            },
                                            &session_id);
    if (result == ES_DB_OK) {
        es_fault_point("core.after_session");
        *ret_issued = (struct issued_token){
            .token = sign(request, app, &claims),
            .session_id = session_id,
            .expires_us = claims.expires_at_s * ES_US_PER_S,
            .scope = wish->scope,
        };
    }
    return result;
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
