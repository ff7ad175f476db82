/*
 * POST /api/auth/verify {token} or {code}: finish a sign-in, once.
 *
 * The token comes from the link and works anywhere; the code works only in the browser where the
 * sign-in began, five tries (J4.2). Success gives a session: a bearer token for the API, and the
 * same as the cookie __Host-session for pages. The link or code is used up in the transaction that
 * writes the session: who is cut off before it may use it again.
 */
#include "common/daemon/fault.h"
#include "common/http/problem.h"
#include "common/json/json.h"
#include "tier1-core/app.h"
#include "tier1-core/db/logins.h"
#include "tier1-core/domain/login.h"
#include "tier1-core/http/caller.h"
#include "tier1-core/http/handlers.h"
#include "tier1-core/http/issue.h"
#include "tier1-core/http/pages.h"
#include "tier1-core/http/unavailable.h"
#include "tier1-core/metrics.h"

#include <sodium.h>
#include <string.h>

#define INVALID "the link or code is wrong, used or too old: begin again"

struct proof {
    const char *token;
    const char *code;
};

static bool read_proof(struct es_request *request, struct proof *ret_proof)
{
    const struct es_json_member members[] = {
        {.name = "token", .type = ES_JSON_TEXT, .min = 1, .max = 64, .target = &ret_proof->token},
        {.name = "code", .type = ES_JSON_TEXT, .min = 1, .max = 16, .target = &ret_proof->code},
    };
    if (!es_request_read(request, members, ES_ARRAY_LEN(members))) {
        return false;
    }
    bool good = (ret_proof->token == NULL) != (ret_proof->code == NULL) &&
                (ret_proof->token == NULL || login_secret_valid(ret_proof->token)) &&
                (ret_proof->code == NULL || login_code_valid(ret_proof->code));
    if (!good) {
        es_respond_problem(request, ES_PROBLEM_INVALID_REQUEST,
                           "send either the link's token or the six-digit code");
    }
    return good;
}

static enum es_db_result finish_by_code(struct es_request *request, const struct app *app,
                                        struct es_db *db, const char *code,
                                        const struct session_new *session,
                                        struct login_member *ret_member)
{
    const char *browser = es_request_cookie(request, LOGIN_COOKIE);
    unsigned char browser_hash[LOGIN_HASH_SIZE];
    unsigned char expected[LOGIN_HASH_SIZE];
    unsigned char given[LOGIN_HASH_SIZE];
    int64_t login_id = 0;
    if (browser == NULL || !login_secret_valid(browser)) {
        return ES_DB_NO_ROW;
    }
    login_secret_hash(browser, browser_hash);
    enum es_db_result result = logins_try_code(db, browser_hash, &login_id, expected);
    if (result != ES_DB_OK) {
        return result;
    }
    login_code_hash(&app->lookup_key, browser, code, given);
    if (sodium_memcmp(expected, given, sizeof(given)) != 0) {
        return ES_DB_NO_ROW;
    }
    es_fault_point("core.before_session");
    return logins_finish_code(db, login_id, session, ret_member);
}

static enum es_db_result finish(struct es_request *request, const struct app *app, struct es_db *db,
                                const struct proof *proof, const struct session_new *session,
                                struct login_member *ret_member)
{
    unsigned char hash[LOGIN_HASH_SIZE];
    if (proof->code != NULL) {
        return finish_by_code(request, app, db, proof->code, session, ret_member);
    }
    login_secret_hash(proof->token, hash);
    es_fault_point("core.before_session");
    return logins_finish_token(db, hash, session, ret_member);
}

static void answer(struct es_request *request, const struct app *app,
                   const struct issued_token *issued)
{
    char *cookie = es_arena_printf(es_request_arena(request),
                                   SESSION_COOKIE "=%s; Path=/; Max-Age=%lld; HttpOnly; Secure; "
                                                  "SameSite=Lax",
                                   issued->token, (long long)app->config.session_lifetime_s);
    es_respond_header(request, "Set-Cookie", cookie);
    es_respond_header(request, "Cache-Control", "no-store");
    if (es_request_wants_page(request)) {
        page_signed_in(request);
    } else {
        issue_respond(request, 200, issued);
    }
}

void post_auth_verify(struct es_request *request, void *app_, void *worker_)
{
    struct app *app = app_;
    struct worker *worker = worker_;
    struct proof proof = {0};
    struct token_draft draft;
    struct login_member member;
    struct issued_token issued;
    if (!caller_same_site(request, app)) {
        es_respond_problem(request, ES_PROBLEM_CROSS_SITE, NULL);
        return;
    }
    if (!read_proof(request, &proof)) {
        return;
    }
    issue_draft(request, app, ES_SCOPE_SESSION, "", NULL, &draft);
    enum es_db_result result = finish(request, app, worker->db, &proof, &draft.session, &member);
    if (result == ES_DB_NO_ROW) {
        es_respond_problem(request, ES_PROBLEM_INVALID_CODE, INVALID);
        return;
    }
    if (result != ES_DB_OK) {
        respond_unavailable(request, worker);
        return;
    }
    issue_sign(request, app, &draft, member.member_id, member.public_id, member.session_id,
               &issued);
    es_metric_add(app->metrics, METRIC_LOGINS_FINISHED, 1);
    answer(request, app, &issued);
}
