#include "common/base/arena.h"
#include "common/base/version.h"
#include "common/json/json.h"
#include "deploy/ctl/ctl.h"
#include "deploy/ctl/status.h"
#include "worker-ledger/chain/hash256.h"

#include <inttypes.h>
#include <stdio.h>

#define SERVER_MAJOR 10000

/* --- for people ---------------------------------------------------------------------------- */
static void line(const char *what, const char *format, ...) ES_PRINTF(2, 3);

static void line(const char *what, const char *format, ...)
{
    va_list args;
    (void)printf("%-14s", what);
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)putchar('\n');
}

/* "2 seen, 1 final", or NONE. */
static const char *list_counts(struct es_arena *arena, const struct es_status_counts *counts,
                               const char *none)
{
    const char *list = "";
    for (size_t i = 0; i < counts->count; i++) {
        const struct es_status_count *item = &counts->items[i];
        list = es_arena_printf(arena, "%s%s%" PRId64 " %s", list, i > 0 ? ", " : "", item->count,
                               item->name);
    }
    return counts->count > 0 ? list : none;
}

static const char *list_connections(struct es_arena *arena, const struct es_status_counts *counts)
{
    const char *list = "";
    for (size_t i = 0; i < counts->count; i++) {
        const struct es_status_count *item = &counts->items[i];
        list = es_arena_printf(arena, "%s%s%s %" PRId64 "/%" PRId64, list, i > 0 ? ", " : "",
                               item->name, item->count, item->limit);
    }
    return list;
}

static void print_last(const struct es_status_last *last)
{
    char txid[ES_HASH256_TEXT_SIZE];
    if (!last->exists) {
        line("last anchor", "none yet");
        return;
    }
    es_hash256_format(&last->txid, txid);
    line("last anchor", "%s, %s, %" PRId64 " confirmations", txid, last->state,
         last->confirmations);
}

static void print_table(struct es_arena *arena, const struct es_status *status)
{
    line("version", "eldersafe " ES_VERSION ", PostgreSQL %d.%d, schema %" PRId64,
         status->server_version / SERVER_MAJOR, status->server_version % SERVER_MAJOR,
         status->schema);
    line("members", "%" PRId64 " active, %" PRId64 " heard from today (UTC)", status->members,
         status->heard_today);
    line("log", "%" PRId64 " leaves, %" PRId64 " wait to be sealed, the oldest for %" PRId64 " s",
         status->log_size, status->waiting, status->waiting_s);
    line("checkpoints",
         "%" PRId64 ", %" PRId64
         " of them need a transaction; the network has not seen the oldest for %" PRId64 " s",
         status->checkpoints, status->unanchored, status->unseen_s);
    line("transactions", "%s", list_counts(arena, &status->transactions, "none yet"));
    print_last(&status->last);
    line("coins",
         "%" PRId64 " free, %" PRId64 " satoshis, enough for about %" PRId64 " checkpoints",
         status->coins, status->satoshis, status->batches_left);
    line("outbox", "%" PRId64 " events behind, the oldest by %" PRId64 " s; %" PRId64 " parked",
         status->outbox_behind, status->outbox_behind_s, status->parked);
    line("messages", "%s", list_counts(arena, &status->messages, "none yet"));
    line("connections", "%s", list_connections(arena, &status->connections));
}

/* --- for programs -------------------------------------------------------------------------- */
static void put_counts(struct es_json_writer *json, const char *key,
                       const struct es_status_counts *counts)
{
    es_json_key(json, key);
    es_json_begin_object(json);
    for (size_t i = 0; i < counts->count; i++) {
        es_json_put_int(json, counts->items[i].name, counts->items[i].count);
    }
    es_json_end_object(json);
}

static void put_last(struct es_json_writer *json, const struct es_status_last *last)
{
    char txid[ES_HASH256_TEXT_SIZE];
    es_json_key(json, "last_anchor");
    if (!last->exists) {
        es_json_null(json);
        return;
    }
    es_hash256_format(&last->txid, txid);
    es_json_begin_object(json);
    es_json_put_text(json, "txid", txid);
    es_json_put_text(json, "state", last->state);
    es_json_put_int(json, "confirmations", last->confirmations);
    es_json_end_object(json);
}

static void print_json(const struct es_status *status)
{
    ES_CLEANUP(es_buf_done) struct es_buf out = ES_BUF_INIT;
    struct es_json_writer json = es_json_writer_make(&out);
    const struct {
        const char *key;
        int64_t value;
    } numbers[] = {
        {"server_version", status->server_version},
        {"schema", status->schema},
        {"members", status->members},
        {"heard_today", status->heard_today},
        {"log_size", status->log_size},
        {"waiting", status->waiting},
        {"waiting_s", status->waiting_s},
        {"checkpoints", status->checkpoints},
        {"unanchored", status->unanchored},
        {"unseen_s", status->unseen_s},
        {"coins", status->coins},
        {"satoshis", status->satoshis},
        {"batches_left", status->batches_left},
        {"outbox_behind", status->outbox_behind},
        {"outbox_behind_s", status->outbox_behind_s},
        {"parked", status->parked},
    };
    es_json_begin_object(&json);
    es_json_put_text(&json, "version", ES_VERSION);
    for (size_t i = 0; i < ES_ARRAY_LEN(numbers); i++) {
        es_json_put_int(&json, numbers[i].key, numbers[i].value);
    }
    put_last(&json, &status->last);
    put_counts(&json, "transactions", &status->transactions);
    put_counts(&json, "messages", &status->messages);
    put_counts(&json, "connections", &status->connections);
    es_json_end_object(&json);
    (void)printf("%s\n", es_buf_str(&out));
}

enum es_exit es_ctl_status(const struct es_ctl_command *self, int argc, char **argv)
{
    bool json = false;
    const char *database = NULL;
    const struct es_ctl_option options[] = {
        {"--json", NULL, "one line of JSON instead of the table", NULL, &json},
        ES_CTL_DATABASE(&database),
    };
    enum es_exit status;
    if (!es_ctl_parse(self, options, ES_ARRAY_LEN(options), argc, argv, &status)) {
        return status;
    }
    ES_CLEANUP(es_ctl_disconnect)
    struct es_db *db =
        es_ctl_connect(database, self, es_status_statements, es_status_statement_count, &status);
    if (db == NULL) {
        return status;
    }
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct es_status state;
    if (es_status_read(db, arena, &state) != ES_DB_OK) {
        return es_ctl_db_failed(db, "status");
    }
    if (json) {
        print_json(&state);
    } else {
        print_table(arena, &state);
    }
    return ES_EXIT_OK;
}
