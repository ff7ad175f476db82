#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/wait.h"
#include "common/db/internal.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_BASE_MS        50
#define BACKOFF_CAP_MS         1000
#define DEFAULT_CONNECT_MS     1000
#define SET_UP_MS              10000
#define MILLISECONDS_TEXT_SIZE 24

/* The server gives up at 9/10 of our deadline, so that as a rule it cancels the statement and the
 * connection lives on. */
#define SERVER_SHARE    9
#define SERVER_SHARE_OF 10

/* --- the object ---------------------------------------------------------------------------- */
static char *copy_or_empty(const char *text)
{
    return es_strdup(text != NULL ? text : "");
}

static bool name_is_taken(const struct es_db *db, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(db->entries[i].statement->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void read_registry(struct es_db *db, const struct es_db_statement *const *statements,
                          size_t count)
{
    db->entries = es_calloc(count, sizeof(*db->entries));
    for (size_t i = 0; i < count; i++) {
        if (name_is_taken(db, i, statements[i]->name)) {
            es_buf_printf(&db->registry_error, "statement %s is there twice", statements[i]->name);
            return;
        }
        if (!es_dbi_read_params(statements[i], &db->entries[i])) {
            es_buf_printf(&db->registry_error, "statement %s: malformed parameter list \"%s\"",
                          statements[i]->name, statements[i]->params);
            return;
        }
        db->entry_count = i + 1;
    }
}

struct es_db *es_db_new(const struct es_db_config *config,
                        const struct es_db_statement *const *statements, size_t count)
{
    struct es_db *db = ES_NEW(struct es_db);
    db->config = *config;
    db->config.conninfo = copy_or_empty(config->conninfo);
    db->config.application_name = copy_or_empty(config->application_name);
    if (db->config.connect_timeout_ms <= 0) {
        db->config.connect_timeout_ms = DEFAULT_CONNECT_MS;
    }
    read_registry(db, statements, count);
    return db;
}

struct es_db *es_db_free(struct es_db *db)
{
    if (db == NULL) {
        return NULL;
    }
    es_dbi_drop(db);
    for (size_t i = 0; i < db->entry_count; i++) {
        free(db->entries[i].params);
        free(db->entries[i].oids);
    }
    for (size_t i = 0; i < db->channel_count; i++) {
        free(db->channels[i]);
    }
    free(db->entries);
    es_buf_done(&db->registry_error);
    es_buf_done(&db->encoded);
    es_dbi_failure_done(&db->failure);
    es_free_p(&db->config.conninfo);
    es_free_p(&db->config.application_name);
    free(db);
    return NULL;
}

void es_dbi_drop(struct es_db *db)
{
    PQfinish(db->conn); /* the socket is non-blocking: this waits for nobody */
    db->conn = NULL;
    db->prepared = false;
}

int64_t es_dbi_deadline_us(const struct es_db *db)
{
    int64_t timeout_ms = db->config.statement_timeout_ms;
    return timeout_ms > 0 ? es_clock_mono_us() + timeout_ms * ES_US_PER_MS : ES_NO_DEADLINE;
}

bool es_db_connected(const struct es_db *db)
{
    return db->conn != NULL;
}

bool es_db_idle(const struct es_db *db)
{
    return db->conn == NULL || PQtransactionStatus(db->conn) == PQTRANS_IDLE;
}

int es_db_server_version(const struct es_db *db)
{
    return db->conn != NULL ? PQserverVersion(db->conn) : 0;
}

/* --- opening ------------------------------------------------------------------------------- */
static void ignore_notice(void *context, const PGresult *notice)
{
    (void)context;
    (void)notice; /* libpq would print it between our JSON lines */
}

static PGconn *start_connecting(const struct es_db *db)
{
    const char *const keywords[] = {"dbname", "application_name", "client_encoding", NULL};
    const char *const values[] = {db->config.conninfo, db->config.application_name, "UTF8", NULL};
    PGconn *conn = PQconnectStartParams(keywords, values, 1);
    if (conn != NULL) {
        (void)PQsetNoticeReceiver(conn, ignore_notice, NULL);
    }
    return conn;
}

static PostgresPollingStatusType poll_until_connected(PGconn *conn, int64_t deadline_us)
{
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    while (state == PGRES_POLLING_READING || state == PGRES_POLLING_WRITING) {
        short events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        if (es_wait_fd(PQsocket(conn), events, deadline_us) == 0) {
            return PGRES_POLLING_FAILED;
        }
        state = PQconnectPoll(conn); /* may try another address on another socket */
    }
    return state;
}

static enum es_db_result open_connection(struct es_db *db, int64_t deadline_us)
{
    db->conn = start_connecting(db);
    if (db->conn == NULL || PQstatus(db->conn) == CONNECTION_BAD ||
        poll_until_connected(db->conn, deadline_us) != PGRES_POLLING_OK ||
        PQsetnonblocking(db->conn, 1) != 0) {
        const char *message = PQerrorMessage(db->conn);
        (void)es_dbi_fail(db, ES_DB_UNAVAILABLE,
                          message[0] != '\0' ? message : "the server did not answer in time");
        es_dbi_drop(db);
        return ES_DB_UNAVAILABLE;
    }
    return ES_DB_OK;
}

/* --- settings and statements, in one round trip -------------------------------------------- */
static bool send_settings(const struct es_db *db)
{
    static const char sql[] =
        "SELECT set_config('statement_timeout', $1, false),"
        " set_config('idle_in_transaction_session_timeout', $2, false),"
        " set_config('plan_cache_mode', $3, false), set_config('enable_seqscan', $4, false),"
        " set_config('timezone', 'UTC', false),"
        " set_config('search_path', 'pg_catalog', false)";
    char timeout[MILLISECONDS_TEXT_SIZE];
    char idle_timeout[MILLISECONDS_TEXT_SIZE];
    int64_t timeout_ms = db->config.statement_timeout_ms;
    int64_t server_ms = timeout_ms * SERVER_SHARE / SERVER_SHARE_OF;
    if (timeout_ms > 0 && server_ms == 0) {
        server_ms = 1; /* 0 would mean none */
    }
    (void)snprintf(timeout, sizeof(timeout), "%" PRId64, server_ms > 0 ? server_ms : 0);
    (void)snprintf(idle_timeout, sizeof(idle_timeout), "%" PRId64,
                   db->config.idle_in_transaction_timeout_ms);
    const char *plans = db->config.generic_plans ? "force_generic_plan" : "auto";
    const char *whole_tables = db->config.generic_plans ? "off" : "on";
    const char *const values[] = {timeout, idle_timeout, plans, whole_tables};
    return PQsendQueryParams(db->conn, sql, ES_ARRAY_LEN(values), NULL, values, NULL, NULL, 1);
}

static bool send_all(const struct es_db *db, bool statements)
{
    bool sent = PQenterPipelineMode(db->conn) && send_settings(db);
    for (size_t i = 0; sent && statements && i < db->entry_count; i++) {
        const struct es_db_entry *entry = &db->entries[i];
        sent = PQsendPrepare(db->conn, entry->statement->name, entry->statement->sql,
                             (int)entry->param_count, entry->oids);
    }
    return sent && PQpipelineSync(db->conn);
}

/* The result of query NUMBER of the pipeline (0: the settings, then the statements). */
static enum es_db_result take_one(struct es_db *db, size_t number, int64_t deadline_us)
{
    ES_CLEANUP(es_dbi_clear_p) PGresult *result = NULL;
    ES_CLEANUP(es_dbi_clear_p) PGresult *end = NULL;
    if (!es_dbi_next_result(db->conn, deadline_us, &result) ||
        (result != NULL && !es_dbi_next_result(db->conn, deadline_us, &end))) {
        return es_dbi_fail(db, ES_DB_UNAVAILABLE, "the server did not answer in time");
    }
    enum es_db_result outcome = es_dbi_judge(db, result);
    if (outcome != ES_DB_OK && outcome != ES_DB_UNAVAILABLE && number > 0) {
        ES_CLEANUP(es_buf_done) struct es_buf message = ES_BUF_INIT;
        es_buf_printf(&message, "statement %s: %s", db->entries[number - 1].statement->name,
                      es_db_error(db));
        es_buf_clear(&db->failure.message);
        es_buf_add(&db->failure.message, message.data, message.length);
    }
    return outcome;
}

static enum es_db_result take_sync(struct es_db *db, int64_t deadline_us)
{
    ES_CLEANUP(es_dbi_clear_p) PGresult *sync = NULL;
    if (!es_dbi_next_result(db->conn, deadline_us, &sync) ||
        PQresultStatus(sync) != PGRES_PIPELINE_SYNC || !PQexitPipelineMode(db->conn)) {
        return es_dbi_fail(db, ES_DB_UNAVAILABLE, "the connection was lost while it was set up");
    }
    return ES_DB_OK;
}

/* A connection that could not be set up is of no use: any failure drops it. */
static enum es_db_result set_up(struct es_db *db, bool statements, int64_t deadline_us)
{
    if (!send_all(db, statements) || !es_dbi_flush(db->conn, deadline_us)) {
        (void)es_dbi_fail(db, ES_DB_UNAVAILABLE, "the connection was lost while it was set up");
        es_dbi_drop(db);
        return ES_DB_UNAVAILABLE;
    }
    enum es_db_result result = ES_DB_OK;
    size_t queries = 1 + (statements ? db->entry_count : 0);
    for (size_t i = 0; result == ES_DB_OK && i < queries; i++) {
        result = take_one(db, i, deadline_us);
    }
    if (result == ES_DB_OK) {
        result = take_sync(db, deadline_us);
    }
    if (result != ES_DB_OK) {
        es_dbi_drop(db);
        return result;
    }
    db->prepared = statements;
    return ES_DB_OK;
}

static enum es_db_result listen_again(struct es_db *db, int64_t deadline_us)
{
    for (size_t i = 0; i < db->channel_count; i++) {
        enum es_db_result result = es_dbi_listen_now(db, db->channels[i], deadline_us);
        if (result != ES_DB_OK) {
            return result;
        }
        db->missed_notifies = true;
    }
    return ES_DB_OK;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Connecting has a limit of its own; preparing a large registry on a cold server may take longer
 * than a server may take to answer at all. */
static enum es_db_result try_to_connect(struct es_db *db, bool statements, int64_t deadline_us)
{
    int64_t now_us = es_clock_mono_us();
    int64_t open_until_us = now_us + db->config.connect_timeout_ms * ES_US_PER_MS;
    int64_t set_up_until_us = earlier(now_us + SET_UP_MS * ES_US_PER_MS, deadline_us);
    enum es_db_result result = open_connection(db, earlier(open_until_us, deadline_us));
    if (result == ES_DB_OK) {
        result = set_up(db, statements, set_up_until_us);
    }
    if (result == ES_DB_OK) {
        result = listen_again(db, set_up_until_us);
    }
    if (result == ES_DB_OK) {
        db->failures = 0;
        return ES_DB_OK;
    }
    db->failures++;
    int64_t pause_ms = es_backoff_ms(BACKOFF_BASE_MS, BACKOFF_CAP_MS, db->failures);
    db->retry_at_us = es_clock_mono_us() + pause_ms * ES_US_PER_MS;
    return result;
}

/* True when the server has closed this idle connection: then nothing was sent yet and another one
 * can be made without anybody noticing. Takes in what came meanwhile (notifications). */
static bool was_closed(PGconn *conn)
{
    short ready = 0;
    while ((ready = es_wait_fd(PQsocket(conn), POLLIN | POLLRDHUP, 0)) != 0) {
        if ((ready & (POLLRDHUP | POLLHUP | POLLERR)) != 0 || !PQconsumeInput(conn)) {
            return true;
        }
        (void)PQisBusy(conn); /* parses it */
    }
    return PQstatus(conn) == CONNECTION_BAD;
}

enum es_db_result es_dbi_ready(struct es_db *db, bool statements, int64_t deadline_us)
{
    if (db->in_transaction) {
        return db->conn != NULL ? ES_DB_OK
                                : es_dbi_fail(db, ES_DB_UNAVAILABLE,
                                              "the connection was lost inside the transaction");
    }
    if (db->registry_error.length > 0) {
        return es_dbi_fail(db, ES_DB_BUG, es_buf_str(&db->registry_error));
    }
    if (db->conn != NULL && was_closed(db->conn)) {
        es_dbi_drop(db);
    }
    if (db->conn != NULL) {
        return db->prepared || !statements ? ES_DB_OK : set_up(db, true, deadline_us);
    }
    if (db->failures > 0 && es_clock_mono_us() < db->retry_at_us) {
        return es_dbi_fail(db, ES_DB_UNAVAILABLE, "not connected; the next attempt is due shortly");
    }
    return try_to_connect(db, statements, deadline_us);
}
