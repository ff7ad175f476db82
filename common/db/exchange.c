#include "common/base/clock.h"
#include "common/db/internal.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>

void es_dbi_clear_p(PGresult **result)
{
    PQclear(*result);
}

/* Milliseconds until DEADLINE_US for poll(2), rounded up so that it never spins; -1: none. */
static int poll_timeout(int64_t deadline_us)
{
    if (deadline_us == ES_DB_NO_DEADLINE) {
        return -1;
    }
    int64_t left_us = deadline_us - es_clock_mono_us();
    if (left_us <= 0) {
        return 0;
    }
    int64_t left_ms = (left_us + ES_US_PER_MS - 1) / ES_US_PER_MS;
    return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

short es_dbi_wait(PGconn *conn, short events, int64_t deadline_us)
{
    for (;;) {
        struct pollfd waited = {.fd = PQsocket(conn), .events = events};
        if (waited.fd < 0) { /* closed by libpq itself: poll() would wait for nothing */
            return POLLERR;
        }
        int timeout = poll_timeout(deadline_us);
        int ready = poll(&waited, 1, timeout);
        if (ready > 0) {
            return waited.revents;
        }
        if (ready == 0 && timeout == 0) {
            return 0;
        }
        if (ready < 0 && errno != EINTR && errno != EAGAIN) {
            return POLLERR;
        }
    }
}

bool es_dbi_flush(PGconn *conn, int64_t deadline_us)
{
    while (PQflush(conn) > 0) {
        short ready = es_dbi_wait(conn, POLLIN | POLLOUT, deadline_us);
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
        if (es_dbi_wait(conn, POLLIN, deadline_us) == 0) {
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
