#include "common/base/wait.h"
#include "common/db/internal.h"

#include <poll.h>

void es_dbi_clear_p(PGresult **result)
{
    PQclear(*result);
}

bool es_dbi_flush(PGconn *conn, int64_t deadline_us)
{
    while (PQflush(conn) > 0) {
        short ready = es_wait_fd(PQsocket(conn), POLLIN | POLLOUT, deadline_us);
        if (ready == 0) {
            return false;
        }
        /* The server may be unable to take more before we have taken what it sent. */
        if ((ready & POLLIN) && !PQconsumeInput(conn)) {
            break; /* lost: the next result says so */
        }
    }
    return true;
}

bool es_dbi_next_result(PGconn *conn, int64_t deadline_us, PGresult **ret_result)
{
    while (PQisBusy(conn)) {
        if (es_wait_fd(PQsocket(conn), POLLIN, deadline_us) == 0) {
            return false;
        }
        if (!PQconsumeInput(conn)) {
            break;
        }
    }
    *ret_result = PQgetResult(conn);
    return true;
}

static enum es_db_result too_late(struct es_db *db)
{
    es_dbi_drop(db);
    return es_dbi_fail(db, ES_DB_UNAVAILABLE, "the server did not answer in time");
}

/* A result after which PQgetResult() would go on yielding results for ever: none of our statements
 * copies. */
static bool is_copy(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

enum es_db_result es_dbi_exchange(struct es_db *db, int64_t deadline_us, PGresult **ret_result)
{
    ES_CLEANUP(es_dbi_clear_p) PGresult *kept = NULL;
    if (!es_dbi_flush(db->conn, deadline_us)) {
        return too_late(db);
    }
    for (;;) {
        PGresult *next = NULL;
        if (!es_dbi_next_result(db->conn, deadline_us, &next)) {
            return too_late(db);
        }
        if (next == NULL) {
            break;
        }
        if (kept != NULL) {
            PQclear(next); /* after an error: that the connection has ended as well */
            continue;
        }
        kept = next;
        if (is_copy(kept)) {
            es_dbi_drop(db);
            return es_dbi_fail(db, ES_DB_BUG, "statements must not copy");
        }
    }
    enum es_db_result result = es_dbi_judge(db, kept);
    if (result == ES_DB_OK && ret_result != NULL) {
        *ret_result = ES_STEAL(kept);
    }
    return result;
}
