/* The aggregate "signals": appending them, in batches, and reading them back. */
#pragma once

#include "common/base/arena.h"
#include "common/db/db.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the lanes must know of a member before a signal can be written. */
struct signal_member {
    int64_t member_id;
    int64_t reward_account;
    const char *zone; /* valid as long as the rows it came from */
};

/* Active members among MEMBER_IDS (COUNT of them), in no particular order; *RET_ROWS holds their
 * zones' text and is released by the caller. */
enum es_db_result signals_find_members(struct es_db *db, const int64_t *member_ids, size_t count,
                                       struct es_arena *arena, struct signal_member **ret_members,
                                       size_t *ret_count,
                                       struct es_db_rows **ret_rows) ES_MUST_CHECK;

/* A batch of signals to append, column by column; entry i of every array belongs together.
 * Ordered by member, so that two processes never wait for each other crosswise. */
struct signal_batch {
    size_t count;
    int64_t *member_ids;
    int32_t *days;
    const char **channels;
    const char **evidences;
    int64_t *received_us;
    struct es_db_bytes *salts;
    struct es_db_bytes *hashes;
    const char **events;
    struct es_db_bytes *actors;
    unsigned char *request_ids; /* 16 bytes each */
    int64_t *reward_accounts;
};

/* What is true of a member's signal of one day, whoever wrote it. */
struct signal_outcome {
    int64_t member_id;
    int32_t day;
    int64_t signal_id;
    int64_t streak;
    int64_t balance; /* internal satoshis */
};

/*
 * Append BATCH in one statement, which is one transaction: signal, leaf and liveness together. Only
 * signals that are the first of their member and day take effect; their outcomes (*RET_COUNT of
 * them, in ARENA) come back. A repeat changes nothing and is not among them.
 */
enum es_db_result signals_append(struct es_db *db, const struct signal_batch *batch,
                                 struct es_arena *arena, struct signal_outcome **ret_outcomes,
                                 size_t *ret_count) ES_MUST_CHECK;

/* The outcomes that already stand for (MEMBER_IDS[i], DAYS[i]). */
enum es_db_result signals_find(struct es_db *db, const int64_t *member_ids, const int32_t *days,
                               size_t count, struct es_arena *arena,
                               struct signal_outcome **ret_outcomes,
                               size_t *ret_count) ES_MUST_CHECK;

/* One line of a member's history. */
struct signal_row {
    int64_t signal_id;
    int32_t day;
    const char *channel;
    const char *evidence;
    int64_t received_us;
    const char *state;         /* pending, sealed, sent, seen, mined, final */
    const unsigned char *txid; /* 32 bytes, internal order; NULL while there is none */
};

/* Signals of MEMBER_ID on days before BEFORE_DAY, newest first, at most LIMIT. Texts are in ARENA.
 */
enum es_db_result signals_history(struct es_db *db, int64_t member_id, int32_t before_day,
                                  int32_t limit, struct es_arena *arena,
                                  struct signal_row **ret_rows, size_t *ret_count) ES_MUST_CHECK;

/* Event and salt (16 bytes) of one signal of MEMBER_ID, in ARENA; ES_DB_NO_ROW when the member has
 * no such signal. */
enum es_db_result signals_event(struct es_db *db, int64_t member_id, int64_t signal_id,
                                struct es_arena *arena, const char **ret_event,
                                const unsigned char **ret_salt) ES_MUST_CHECK;

extern const struct es_db_statement signals_find_members_statement, signals_append_statement,
    signals_find_statement, signals_history_statement, signals_event_statement;
