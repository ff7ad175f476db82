/*
 * POST /api/auth/login {member_number, email}: begin a sign-in.
 *
 * Always the same 202 after the same work (J4.3): the database function writes the same rows for an
 * unknown pair, and the mail is sent later by another process. The answer sets the cookie that the
 * six-digit code will be bound to.
 */
#include "common/base/clock.h"
#include "common/base/wipe.h"
#include "common/daemon/fault.h"
#include "common/http/problem.h"
#include "common/json/json.h"
#include "tier1-core/app.h"
#include "tier1-core/db/logins.h"
#include "tier1-core/domain/login.h"
#include "tier1-core/http/caller.h"
#include "tier1-core/http/handlers.h"
#include "tier1-core/http/pages.h"
#include "tier1-core/http/unavailable.h"
#include "tier1-core/metrics.h"
#include "tier1-core/routes.h"

#include <sodium.h>
#include <string.h>

#define NUMBER_MAX 64
#define EMAIL_MAX  254
#define MAIL_ROOM  1024 /* of what is sealed, beside the public URL */

struct identity {
    unsigned char number_hash[ES_LOOKUP_SIZE];
    unsigned char email_hash[ES_LOOKUP_SIZE];
};

/* The pair as look-up hashes; false after answering. */
static bool read_identity(struct es_request *request, const struct app *app,
                          struct identity *ret_identity)
{
    const char *number = NULL;
    const char *email = NULL;
    const struct es_json_member members[] = {
        {.name = "member_number",
         .type = ES_JSON_TEXT,
         .required = true,
         .min = 1,
         .max = NUMBER_MAX,
         .target = &number},
        {.name = "email",
         .type = ES_JSON_TEXT,
         .required = true,
         .min = 3,
         .max = EMAIL_MAX,
         .target = &email},
    };
    char normal_number[NUMBER_MAX + 1];
    char normal_email[EMAIL_MAX + 1];
    if (!es_request_read(request, members, ES_ARRAY_LEN(members))) {
        return false;
    }
    if (!es_normal_member_number(number, normal_number, sizeof(normal_number)) ||
        !es_normal_email(email, normal_email, sizeof(normal_email))) {
        es_respond_problem(request, ES_PROBLEM_INVALID_REQUEST,
                           "member_number or email is not of the right form");
        return false;
    }
    es_lookup(&app->lookup_key, "number", normal_number, ret_identity->number_hash);
    es_lookup(&app->lookup_key, "email", normal_email, ret_identity->email_hash);
    sodium_memzero(normal_number, sizeof(normal_number));
    sodium_memzero(normal_email, sizeof(normal_email));
    return true;
}

/* The limit is the pair's: who knows an address but not its number must not be able to lock the
 * member out. What one address gets in mails is limited by the database function. */
static bool within_limit(struct es_request *request, const struct app *app, struct worker *worker,
                         const struct identity *identity)
{
    const struct es_rate *rate = &login_identity_rate;
    char key[2 * sizeof(*identity) + 1];
    _Static_assert(sizeof(*identity) == 2 * ES_LOOKUP_SIZE, "the two hashes and nothing else");
    sodium_bin2hex(key, sizeof(key), (const unsigned char *)identity, sizeof(*identity));
    struct es_rate_verdict verdict =
        es_limiter_take(app->limiter, worker->redis, rate, key, strlen(key), NULL);
    if (!verdict.allowed) {
        es_respond_rate_limited(request, rate->name, rate->quota, rate->window_s,
                                verdict.retry_after_s);
    }
    return verdict.allowed;
}

/* What the mail will say, sealed to the notifier: nobody else, this process included, can read it
 * from the database. */
static void seal_mail(const struct app *app, const struct login_secrets *secrets,
                      int64_t expires_us, struct es_buf *out)
{
    size_t room = 2 * strlen(app->config.public_url) + MAIL_ROOM;
    ES_CLEANUP(es_wipe_buf) struct es_buf link = ES_BUF_INIT;
    ES_CLEANUP(es_wipe_buf) struct es_buf text = ES_BUF_INIT;
    es_wipe_reserve(&link, room);
    es_wipe_reserve(&text, room);
    es_buf_printf(&link, "%s/api/auth/verify?token=%s", app->config.public_url, secrets->token);
    struct es_json_writer json = es_json_writer_make(&text);
    es_json_begin_object(&json);
    es_json_put_text(&json, "link", es_buf_str(&link));
    es_json_put_text(&json, "code", secrets->code);
    es_json_put_time(&json, "expires_at", expires_us);
    es_json_end_object(&json);
    es_seal(app->notify_public_key, text.data, text.length, out);
}

static enum es_db_result begin(struct es_request *request, const struct app *app,
                               struct worker *worker, const struct identity *identity,
                               const struct login_secrets *secrets)
{
    struct login_hashes hashes;
    ES_CLEANUP(es_buf_done) struct es_buf sealed = ES_BUF_INIT;
    int64_t expires_us = es_clock_now_us() + app->config.login_lifetime_s * ES_US_PER_S;
    login_hash_secrets(&app->lookup_key, secrets, &hashes);
    seal_mail(app, secrets, expires_us, &sealed);
    return logins_begin(worker->db, &(struct login_new){
                                        .number_hash = identity->number_hash,
                                        .email_hash = identity->email_hash,
                                        .token_hash = hashes.token,
                                        .browser_hash = hashes.browser,
                                        .code_hash = hashes.code,
                                        .sealed_mail = sealed.data,
                                        .sealed_length = sealed.length,
                                        .lifetime_s = app->config.login_lifetime_s,
                                        .request_id = es_request_id_bytes(request),
                                        .max_per_hour = LOGIN_MAX_PER_HOUR,
                                    });
}

static void answer(struct es_request *request, const struct app *app, const char *browser)
{
    struct es_buf body = ES_BUF_INIT;
    char *cookie = es_arena_printf(es_request_arena(request),
                                   LOGIN_COOKIE "=%s; Path=/; Max-Age=%lld; HttpOnly; Secure; "
                                                "SameSite=Lax",
                                   browser, (long long)app->config.login_lifetime_s);
    es_respond_header(request, "Set-Cookie", cookie);
    if (es_request_wants_page(request)) {
        page_code(request, 202);
    } else {
        struct es_json_writer json = es_json_writer_make(&body);
        es_json_begin_object(&json);
        es_json_put_text(&json, "status", "accepted");
        es_json_put_text(&json, "detail",
                         "If number and address belong together, a mail is on its way.");
        es_json_put_int(&json, "expires_in", app->config.login_lifetime_s);
        es_json_end_object(&json);
        es_respond_json(request, 202, &body);
    }
}

void post_auth_login(struct es_request *request, void *app_, void *worker_)
{
    struct app *app = app_;
    struct worker *worker = worker_;
    struct identity identity;
    struct login_secrets secrets;
    if (!caller_same_site(request, app)) {
        es_respond_problem(request, ES_PROBLEM_CROSS_SITE, NULL);
        return;
    }
    if (!read_identity(request, app, &identity) || !within_limit(request, app, worker, &identity)) {
        return;
    }
    login_make_secrets(&secrets);
    if (begin(request, app, worker, &identity, &secrets) != ES_DB_OK) {
        respond_unavailable(request, worker);
    } else {
        es_fault_point("core.after_login");
        es_metric_add(app->metrics, METRIC_LOGINS_BEGUN, 1);
        answer(request, app, secrets.browser);
    }
    sodium_memzero(&secrets, sizeof(secrets));
}
