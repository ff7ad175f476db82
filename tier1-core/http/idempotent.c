/* Idempotency-Key: the tier's store behind the server's protocol. */
#include "tier1-core/http/idempotent.h"
#include "common/base/clock.h"
#include "common/observe/log.h"
#include "tier1-core/app.h"
#include "tier1-core/db/idempotency.h"
#include "tier1-core/http/caller.h"
#include "tier1-core/http/hooks.h"
#include "tier1-core/outage.h"

#include <sodium.h>
#include <string.h>

/* A request is not begun when it is older than its time limit, and from then on its statements'
 * deadlines add up to less than this. */
#define LEASE_MARGIN_S 60
#define FIRST_ERROR    400

static int64_t lease_s(const struct app *app)
{
    return app->config.request_timeout_ms / ES_MS_PER_S + LEASE_MARGIN_S;
}

void idempotent_key_hash(const char *key, unsigned char ret_hash[IDEMPOTENCY_HASH_SIZE])
{
    crypto_hash_sha256(ret_hash, (const unsigned char *)key, strlen(key));
}

void idempotent_respond(struct es_request *request, const struct idempotency_answer *answer)
{
    struct es_buf body = ES_BUF_INIT;
    es_buf_add(&body, answer->body, answer->length);
    es_respond(request, (unsigned)answer->status, answer->content_type, &body);
}

/* The caller's part of the key: the token, or the client's address where there is none, so that
 * one client cannot read another's answers by guessing keys. */
static void make_key(const struct es_request *request, const char *text,
                     unsigned char caller_bytes[IDEMPOTENCY_CALLER_SIZE],
                     unsigned char key_hash[IDEMPOTENCY_HASH_SIZE])
{
    const struct caller *caller = caller_of(request);
    if (caller != NULL) {
        memcpy(caller_bytes, caller->token_hash, IDEMPOTENCY_CALLER_SIZE);
    } else {
        const char *client = es_request_client(request);
        crypto_generichash(caller_bytes, IDEMPOTENCY_CALLER_SIZE, (const unsigned char *)client,
                           strlen(client), NULL, 0);
    }
    idempotent_key_hash(text, key_hash);
}

/* What stands in the place of an answer with a secret: nothing but its status. */
static bool is_withheld(const struct es_request *request, int64_t status)
{
    return (es_request_route(request)->flags & ES_ROUTE_SECRET) != 0 && status < FIRST_ERROR;
}

static enum es_idempotency_state replay(struct es_request *request,
                                        const struct idempotency_answer *answer)
{
    if (is_withheld(request, answer->status)) {
        return ES_IDEMPOTENCY_SPENT;
    }
    idempotent_respond(request, answer);
    return ES_IDEMPOTENCY_REPLAY;
}

enum es_idempotency_state begin_idempotent(struct es_request *request, const char *key,
                                           const unsigned char fingerprint[32], void *app_,
                                           void *worker_)
{
    struct app *app = app_;
    static const enum es_idempotency_state states[] = {
        [IDEMPOTENCY_CLAIMED] = ES_IDEMPOTENCY_NEW,
        [IDEMPOTENCY_BUSY] = ES_IDEMPOTENCY_RUNNING,
        [IDEMPOTENCY_OTHER] = ES_IDEMPOTENCY_MISMATCH,
    };
    struct worker *worker = worker_;
    unsigned char caller[IDEMPOTENCY_CALLER_SIZE];
    unsigned char key_hash[IDEMPOTENCY_HASH_SIZE];
    enum idempotency_found found = IDEMPOTENCY_BUSY;
    struct idempotency_answer answer = {0};
    make_key(request, key, caller, key_hash);
    struct idempotency_key stored = {.caller = caller, .key_hash = key_hash};
    if (idempotency_begin(worker->db, &stored, fingerprint, lease_s(app), es_request_arena(request),
                          &found, &answer) != ES_DB_OK) {
        outage_notice(app->outage, worker->db);
        return ES_IDEMPOTENCY_UNAVAILABLE;
    }
    return found == IDEMPOTENCY_DONE ? replay(request, &answer) : states[found];
}

static enum es_db_result keep(const struct es_request *request, struct es_db *db,
                              const struct idempotency_key *key)
{
    const struct es_buf *body = es_response_body(request);
    struct idempotency_answer answer = {
        .status = es_response_status(request),
        .content_type = es_response_content_type(request),
        .body = es_buf_str(body),
        .length = body->length,
    };
    if (is_withheld(request, answer.status)) {
        answer.length = 0;
    }
    return idempotency_finish(db, key, &answer);
}

void finish_idempotent(struct es_request *request, const char *key, bool completed, void *app_,
                       void *worker_)
{
    struct app *app = app_;
    struct worker *worker = worker_;
    if (!completed && outage_now(app->outage)) {
        return; /* the client has waited for one deadline already; the key's lease ends by itself */
    }
    unsigned char caller[IDEMPOTENCY_CALLER_SIZE];
    unsigned char key_hash[IDEMPOTENCY_HASH_SIZE];
    make_key(request, key, caller, key_hash);
    struct idempotency_key stored = {.caller = caller, .key_hash = key_hash};
    enum es_db_result result =
        completed ? keep(request, worker->db, &stored) : idempotency_release(worker->db, &stored);
    if (result != ES_DB_OK) { /* again, its lease ends by itself */
        outage_notice(app->outage, worker->db);
        es_log(ES_LOG_WARN, "idempotency.not_kept",
               es_f_text("database", es_db_result_name(result)));
    }
}
