/*
 * What the files of common/db share; nobody else includes this.
 *
 * connection.c  opening, back-off, dropping; the registry prepared in one round trip
 * exchange.c    sending and receiving within a deadline, on a non-blocking socket
 * params.c      parameters to binary; array.c: array parameters
 * result.c      SQLSTATE to es_db_result; what es_db_error() and its kin say
 * run.c         es_db_run, es_db_one and statements without parameters
 * rows.c        columns by name
 * transaction.c, schema.c, listen.c, check.c
 */
#pragma once

#include "common/base/buf.h"
#include "common/db/db.h"

#include <libpq-fe.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ES_DB_MAX_PARAMS    32
#define ES_DB_MAX_CHANNELS  4
#define ES_DB_SQLSTATE_SIZE 6
#define ES_DB_MAX_VALUE     UINT32_C(0x3fffffff) /* bytes: the server's MaxAllocSize */

/* One parameter type of db.h. */
struct es_db_type {
    char letter;
    Oid oid;
    Oid array_oid;
    size_t width; /* bytes on the wire; 0: variable */
};

struct es_db_param {
    const struct es_db_type *type;
    bool is_array;
    bool is_nullable; /* preceded by '?': a bool comes before the value */
};

/* A statement of the registry with its PARAMS read. */
struct es_db_entry {
    const struct es_db_statement *statement;
    size_t param_count;
    struct es_db_param *params; /* owned */
    Oid *oids;                  /* owned */
};

/* Encoded parameters as libpq takes them. Values that were encoded lie in db->encoded; they are
 * kept as offsets until all are there, because that buffer moves as it grows. */
struct es_db_values {
    const char *values[ES_DB_MAX_PARAMS];
    int lengths[ES_DB_MAX_PARAMS];
    int formats[ES_DB_MAX_PARAMS];
    size_t offsets[ES_DB_MAX_PARAMS];
    bool encoded[ES_DB_MAX_PARAMS];
};

/* What es_db_error() and its kin tell. */
struct es_db_failure {
    struct es_buf message;
    struct es_buf constraint;
    char sqlstate[ES_DB_SQLSTATE_SIZE];
};

struct es_db {
    struct es_db_config config; /* its texts are owned copies */
    struct es_db_entry *entries;
    size_t entry_count;
    struct es_buf registry_error; /* what is wrong with the registry; "" when nothing is */

    PGconn *conn; /* NULL: not connected */
    bool prepared;
    unsigned failures;   /* connection attempts that failed in a row */
    int64_t retry_at_us; /* monotonic; no attempt before it */

    bool in_transaction; /* es_db_transaction is running a body: never reconnect inside it */
    struct es_buf encoded;
    struct es_db_failure failure;

    char *channels[ES_DB_MAX_CHANNELS]; /* listened to again after a reconnect */
    size_t channel_count;
    bool missed_notifies; /* reconnected: something may have been said meanwhile */
};

struct es_db_rows {
    PGresult *result;
    const char *statement; /* its name, for BROKEN lines */
};

/* --- connection.c --- */
/* Be connected (and, with STATEMENTS, have the registry prepared) before DEADLINE_US. Fails at once
 * while the back-off says so and inside a transaction whose connection was lost. */
enum es_db_result es_dbi_ready(struct es_db *db, bool statements, int64_t deadline_us);
/* Close the connection; the next call may open another one at once. */
void es_dbi_drop(struct es_db *db);
/* The deadline of a call that begins now. */
int64_t es_dbi_deadline_us(const struct es_db *db);

/* --- exchange.c --- */
bool es_dbi_flush(PGconn *conn, int64_t deadline_us);
/* The next result, NULL at the end of a query's results. False: the deadline has passed. */
bool es_dbi_next_result(PGconn *conn, int64_t deadline_us, PGresult **ret_result);
/* Send what was queued and take the one result of one query. On anything but ES_DB_OK the error is
 * recorded, and the connection dropped when it cannot be used any more. */
enum es_db_result es_dbi_exchange(struct es_db *db, int64_t deadline_us, PGresult **ret_result);

/* --- params.c, array.c --- */
const struct es_db_type *es_dbi_type(char letter); /* NULL: there is none */
/* Read STATEMENT's PARAMS into ENTRY; false when they are malformed. */
bool es_dbi_read_params(const struct es_db_statement *statement, struct es_db_entry *entry);
/* Encode ARGS for ENTRY. False: a value too large to send. */
bool es_dbi_encode(struct es_db *db, const struct es_db_entry *entry, va_list *args,
                   struct es_db_values *values);
bool es_dbi_encode_array(struct es_buf *out, const struct es_db_type *type,
                         const struct es_db_array *array);
/* The server's form of a date and of a time; the largest and smallest values are its infinities. */
int32_t es_dbi_date_to_wire(int32_t days);
int32_t es_dbi_date_from_wire(int32_t wire);
int64_t es_dbi_time_to_wire(int64_t at_us);
int64_t es_dbi_time_from_wire(int64_t wire);

/* --- result.c --- */
void es_dbi_clear_error(struct es_db *db);
void es_dbi_failure_done(struct es_db_failure *failure);
/* Record MESSAGE (first line) as this connection's error; yields RESULT. */
enum es_db_result es_dbi_fail(struct es_db *db, enum es_db_result result, const char *message);
/* A mistake of ours in the KIND (statement, transaction) NAME: logged BROKEN, recorded; ES_DB_BUG.
 */
enum es_db_result es_dbi_bug(struct es_db *db, const char *kind, const char *name,
                             const char *what);
/* What RESULT (or the lack of one) means; records the error and drops the connection if need be. */
enum es_db_result es_dbi_judge(struct es_db *db, const PGresult *result);

/* --- run.c --- */
/* Run SQL without parameters on the open connection; RET_RESULT may be NULL. */
enum es_db_result es_dbi_simple(struct es_db *db, const char *sql, int64_t deadline_us,
                                PGresult **ret_result);

/* --- listen.c --- */
enum es_db_result es_dbi_listen_now(struct es_db *db, const char *channel, int64_t deadline_us);

/* --- cleanup --- */
void es_dbi_clear_p(PGresult **result);
