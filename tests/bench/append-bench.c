/*
 * PostgreSQL alone with our own statement: appends one signal of today for each member, BATCH at a
 * time over one connection, as a lane of eldersafe-core does it, with nobody asking.
 *
 *     append-bench CONNINFO MEMBERS BATCH SECONDS
 *
 * For members 1 to MEMBERS or SECONDS of appending, whichever ends first. Prints one JSON line:
 * signals that were made durable and the seconds it took.
 */
#include "common/base/clock.h"
#include "common/base/day.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "tier1-core/db/registry.h"
#include "tier1-core/db/signals.h"
#include "tier1-core/domain/signal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS      60000
#define ARGUMENTS       5
#define MOST_IN_A_BATCH 4096
#define REQUEST_ID_SIZE 16
#define ACTOR_SIZE      16

/* The columns of one batch, used again and again. */
struct columns {
    int64_t member_ids[MOST_IN_A_BATCH];
    int32_t days[MOST_IN_A_BATCH];
    const char *channels[MOST_IN_A_BATCH];
    const char *evidences[MOST_IN_A_BATCH];
    int64_t received_us[MOST_IN_A_BATCH];
    struct es_db_bytes salts[MOST_IN_A_BATCH];
    struct es_db_bytes hashes[MOST_IN_A_BATCH];
    const char *events[MOST_IN_A_BATCH];
    struct es_db_bytes actors[MOST_IN_A_BATCH];
    unsigned char request_ids[MOST_IN_A_BATCH * REQUEST_ID_SIZE];
    int64_t reward_accounts[MOST_IN_A_BATCH];
    unsigned char salt_bytes[MOST_IN_A_BATCH][ES_LEAF_SALT_SIZE];
    struct es_hash leaves[MOST_IN_A_BATCH];
    char texts[MOST_IN_A_BATCH][SIGNAL_EVENT_SIZE];
};

static ES_NORETURN void give_up(const char *what, const char *why)
{
    (void)fprintf(stderr, "append-bench: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static struct es_db *open_database(const char *conninfo)
{
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    struct es_db_config config = {.conninfo = conninfo,
                                  .application_name = "append-bench",
                                  .statement_timeout_ms = TIMEOUT_MS,
                                  .generic_plans = true};
    struct es_db *db = es_db_new(&config, core_statements, core_statement_count);
    if (es_db_connect(db, &error) != ES_DB_OK) {
        give_up("database", es_buf_str(&error));
    }
    return db;
}

static struct signal_batch batch_over(struct columns *columns)
{
    return (struct signal_batch){
        .member_ids = columns->member_ids,
        .days = columns->days,
        .channels = columns->channels,
        .evidences = columns->evidences,
        .received_us = columns->received_us,
        .salts = columns->salts,
        .hashes = columns->hashes,
        .events = columns->events,
        .actors = columns->actors,
        .request_ids = columns->request_ids,
        .reward_accounts = columns->reward_accounts,
    };
}

static void fill_row(struct columns *columns, size_t at, const struct signal_member *member,
                     const struct es_zone *zone)
{
    unsigned char subject[SIGNAL_SUBJECT_SIZE];
    int64_t now_us = es_clock_now_us();
    es_random_bytes(subject, sizeof(subject));
    es_random_bytes(columns->salt_bytes[at], ES_LEAF_SALT_SIZE);
    es_random_bytes(columns->request_ids + at * REQUEST_ID_SIZE, REQUEST_ID_SIZE);
    struct signal_facts facts = {subject, SIGNAL_APP, now_us, now_us};
    int32_t day = es_day_of(zone, 0, now_us);
    size_t length = signal_event(&facts, day, columns->texts[at]);
    columns->leaves[at] = es_leaf_hash(columns->salt_bytes[at], columns->texts[at], length);
    columns->member_ids[at] = member->member_id;
    columns->days[at] = day;
    columns->channels[at] = signal_channel_name(facts.channel);
    columns->evidences[at] = SIGNAL_EVIDENCE_STRONG;
    columns->received_us[at] = now_us;
    columns->salts[at] = (struct es_db_bytes){columns->salt_bytes[at], ES_LEAF_SALT_SIZE};
    columns->hashes[at] = (struct es_db_bytes){columns->leaves[at].bytes, sizeof(struct es_hash)};
    columns->events[at] = columns->texts[at];
    columns->actors[at] = (struct es_db_bytes){columns->salt_bytes[at], ACTOR_SIZE};
    columns->reward_accounts[at] = member->reward_account;
}

/* The rows of members FIRST to FIRST + BATCH - 1; returns how many of them there are. */
static size_t fill(struct columns *columns, struct es_db *db, struct es_arena *arena,
                   struct es_zones *zones, int64_t first, int64_t batch)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    struct signal_member *members = NULL;
    size_t count = 0;
    for (int64_t i = 0; i < batch; i++) {
        columns->member_ids[i] = first + i;
    }
    if (signals_find_members(db, columns->member_ids, (size_t)batch, arena, &members, &count,
                             &rows) != ES_DB_OK) {
        give_up("members", es_db_error(db));
    }
    for (size_t i = 0; i < count; i++) {
        fill_row(columns, i, &members[i], es_zones_get(zones, members[i].zone));
    }
    return count;
}

int main(int argc, char **argv)
{
    static struct columns columns;
    int64_t members = 0;
    int64_t batch_size = 0;
    int64_t seconds = 0;
    if (argc != ARGUMENTS || !es_parse_i64(argv[2], &members) ||
        !es_parse_i64(argv[3], &batch_size) || !es_parse_i64(argv[4], &seconds) || batch_size < 1 ||
        batch_size > MOST_IN_A_BATCH) {
        give_up("usage", "append-bench CONNINFO MEMBERS BATCH SECONDS");
    }
    es_random_init();
    struct es_db *db = open_database(argv[1]);
    struct es_arena *arena = es_arena_new(0);
    struct es_zones *zones = es_zones_new(NULL);
    struct signal_batch batch = batch_over(&columns);
    int64_t signals = 0;
    int64_t took_us = 0;
    for (int64_t first = 1; first <= members && took_us < seconds * ES_US_PER_S;
         first += batch_size) {
        struct signal_outcome *outcomes = NULL;
        size_t count = 0;
        batch.count = fill(&columns, db, arena, zones, first, batch_size);
        int64_t begun_us = es_clock_mono_us();
        if (signals_append(db, &batch, arena, &outcomes, &count) != ES_DB_OK) {
            give_up("append", es_db_error(db));
        }
        took_us += es_clock_mono_us() - begun_us;
        signals += (int64_t)count;
        es_arena_reset(arena);
    }
    printf("{\"signals\":%" PRId64 ",\"seconds\":%.6f}\n", signals,
           (double)took_us / (double)ES_US_PER_S);
    (void)es_zones_free(zones);
    (void)es_arena_free(arena);
    (void)es_db_free(db);
    return EXIT_SUCCESS;
}
