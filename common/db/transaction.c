#include "common/base/backoff.h"
#include "common/daemon/fault.h"
#include "common/db/internal.h"
#include "common/observe/log.h"

#include <poll.h>
#include <string.h>

#define MAX_TRIES     5
#define PAUSE_BASE_MS 5
#define PAUSE_CAP_MS  200

/* A COMMIT of a transaction in which a statement had failed is answered "ROLLBACK": a body that
 * swallowed that failure has lost its work, which must not pass for success. */
static enum es_db_result commit(struct es_db *db, const char *name)
{
    ES_CLEANUP(es_dbi_clear_p) PGresult *answer = NULL;
    es_fault_point("db.before_commit");
    enum es_db_result result = es_dbi_simple(db, "COMMIT", es_dbi_deadline_us(db), &answer);
    if (result != ES_DB_OK) {
        return result;
    }
    es_fault_point("db.after_commit");
    return strcmp(PQcmdStatus(answer), "COMMIT") == 0
               ? ES_DB_OK
               : es_dbi_bug(db, "transaction", name, "committed after a statement had failed");
}

/* The body's error is what the caller wants to read afterwards, so it stays recorded. */
static void roll_back(struct es_db *db)
{
    if (es_db_idle(db)) {
        return;
    }
    struct es_db_failure kept = db->failure;
    db->failure = (struct es_db_failure){.message = ES_BUF_INIT};
    if (es_dbi_simple(db, "ROLLBACK", es_dbi_deadline_us(db), NULL) != ES_DB_OK) {
        es_dbi_drop(db); /* the server rolls back by itself */
    }
    es_dbi_failure_done(&db->failure);
    db->failure = kept;
}

static enum es_db_result try_once(struct es_db *db, const char *name, es_db_body *body,
                                  void *context)
{
    int64_t deadline_us = es_dbi_deadline_us(db);
    enum es_db_result result = es_dbi_ready(db, true, deadline_us);
    if (result == ES_DB_OK) {
        result = es_dbi_simple(db, "BEGIN", deadline_us, NULL);
    }
    if (result != ES_DB_OK) {
        return result;
    }
    db->in_transaction = true;
    result = body(db, context);
    if (result == ES_DB_OK && db->conn == NULL) {
        result = es_dbi_ready(db, true, deadline_us); /* says that the connection was lost */
    }
    if (result == ES_DB_OK) {
        result = commit(db, name);
    }
    db->in_transaction = false;
    if (result != ES_DB_OK) {
        roll_back(db);
    }
    return result;
}

enum es_db_result es_db_transaction(struct es_db *db, const char *name, es_db_body *body,
                                    void *context)
{
    es_dbi_clear_error(db);
    if (db->in_transaction) {
        return es_dbi_bug(db, "transaction", name, "begun inside another one");
    }
    enum es_db_result result = ES_DB_RETRY;
    for (unsigned tries = 1; result == ES_DB_RETRY && tries <= MAX_TRIES; tries++) {
        result = try_once(db, name, body, context);
        if (result == ES_DB_RETRY && tries < MAX_TRIES) {
            (void)poll(NULL, 0, (int)es_backoff_ms(PAUSE_BASE_MS, PAUSE_CAP_MS, tries));
        }
    }
    return result;
}

void es_db_end_request(struct es_db *db)
{
    if (es_bug_on(!es_db_idle(db), "a request left a transaction open")) {
        es_dbi_drop(db);
    }
}
