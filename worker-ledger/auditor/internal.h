/* Inside worker-ledger/auditor only: one run, and what its checks share. */
#pragma once

#include "common/base/arena.h"
#include "common/tlog/frontier.h"
#include "common/tlog/tile.h"
#include "worker-ledger/auditor/audit.h"

#define ES_AUDIT_SUSPECTS 1024 /* of each kind; further ones may be reported twice */

/* What a finding has been made about already, so that what follows from it is not another one. */
enum es_suspect {
    ES_SUSPECT_LEAF, /* leaf_id */
    ES_SUSPECT_ACCOUNT,
    ES_SUSPECT_TRANSACTION,
    ES_SUSPECT_COIN,
    ES_SUSPECT_HEIGHT,
};
#define ES_SUSPECT_COUNT ((size_t)ES_SUSPECT_HEIGHT + 1)

/* The nodes of one level of the tree that are not in a full tile yet. */
struct es_audit_level {
    struct es_hash hashes[ES_TILE_WIDTH];
    size_t width;
    uint64_t index; /* of the tile they belong to */
};

/* A place in the log at which a tile of leaves begins, and what is known there. */
struct es_audit_place {
    struct es_frontier frontier; /* of the entries before it */
    struct es_audit_level levels[ES_TILE_LEVELS];
    uint64_t tiles;     /* before it */
    int64_t checkpoint; /* size of the last one before it */
};

struct es_audit_marks {
    struct es_audit_place log;
    int32_t signal_day; /* signals of earlier days have been seen; 0: none */
    int64_t trail_leaf; /* audit entries with leaves up to it have been seen */
    int64_t transfer_id;
    int64_t changed_us; /* transactions that changed before were seen */
};

struct es_audit {
    struct es_db *db;
    const struct es_audit_config *config;
    const struct es_audit_marks *since; /* what need not be looked at again */
    struct es_audit_marks *next;        /* what will have been looked at */
    struct es_arena *arena;             /* of the page at hand */
    struct es_audit_report report;
    int64_t lost_entries; /* holes in the log that were reported, and signals not yet put down */
    int64_t lost_rewards; /* to them; the same for rewards */
    int64_t rewarding;    /* entries seen that name an account */
    int64_t earning;      /* signals seen whose entry does */
    int64_t suspects[ES_SUSPECT_COUNT][ES_AUDIT_SUSPECTS];
    size_t suspect_count[ES_SUSPECT_COUNT];
};

/* One finding; WHAT is a format for the following arguments. */
void es_audit_find(struct es_audit *audit, enum es_audit_check check, const char *expected,
                   const char *found, const char *what, ...) ES_PRINTF(5, 6);

/* One finding: what ROW says in its columns what, expected and found. */
void es_audit_find_row(struct es_audit *audit, enum es_audit_check check,
                       const struct es_db_rows *rows, size_t row);

/* ES_DB_OK, or what ends the run: the process is to stop. Asked before each page. */
enum es_db_result es_audit_go_on(const struct es_audit *audit) ES_MUST_CHECK;

void es_audit_suspect(struct es_audit *audit, enum es_suspect kind, int64_t id);
bool es_audit_is_suspect(const struct es_audit *audit, enum es_suspect kind, int64_t id);

/* "3f2a…" and "17" as texts in the arena of the page. */
const char *es_audit_hex(struct es_audit *audit, const void *bytes, size_t length);
const char *es_audit_number(struct es_audit *audit, int64_t number);

/* The columns of a bytea as a hash; all zero when it is not 32 bytes long. */
struct es_hash es_audit_hash(const struct es_db_rows *rows, size_t row, const char *column);

/* Report each row of a statement that yields violations: what, expected, found (texts) and subject
 * (bigint, of kind SUSPECT, for leaving out what follows from another finding). */
void es_audit_report_rows(struct es_audit *audit, enum es_audit_check check,
                          enum es_suspect suspect, const struct es_db_rows *rows);

/* The checks; each may make several kinds of findings. */
enum es_db_result es_audit_schema(struct es_audit *audit) ES_MUST_CHECK;
enum es_db_result es_audit_log(struct es_audit *audit) ES_MUST_CHECK;
enum es_db_result es_audit_signals(struct es_audit *audit) ES_MUST_CHECK;
enum es_db_result es_audit_trail(struct es_audit *audit) ES_MUST_CHECK;
enum es_db_result es_audit_headers(struct es_audit *audit) ES_MUST_CHECK;
enum es_db_result es_audit_transactions(struct es_audit *audit) ES_MUST_CHECK;
enum es_db_result es_audit_states(struct es_audit *audit) ES_MUST_CHECK;
enum es_db_result es_audit_money(struct es_audit *audit) ES_MUST_CHECK;
enum es_db_result es_audit_bus(struct es_audit *audit) ES_MUST_CHECK;

/* Their statements. */
extern const struct es_db_statement es_audit_snapshot_statement, es_audit_planner_statement,
    es_audit_triggers_statement, es_audit_months_statement, es_audit_log_row_statement,
    es_audit_entries_statement, es_audit_tiles_statement, es_audit_tile_count_statement,
    es_audit_checkpoints_statement, es_audit_signals_statement, es_audit_silent_statement,
    es_audit_headers_statement, es_audit_transactions_statement, es_audit_coins_statement,
    es_audit_coin_statement, es_audit_transitions_statement, es_audit_deadlines_statement,
    es_audit_unanchored_statement, es_audit_rewarded_statement, es_audit_unpaid_statement,
    es_audit_unrewarded_statement, es_audit_reward_counts_statement, es_audit_money_ids_statement,
    es_audit_unearned_statement, es_audit_no_signal_statement, es_audit_currencies_statement,
    es_audit_balances_statement, es_audit_sums_statement, es_audit_inbox_statement,
    es_audit_failures_statement, es_audit_messages_statement, es_audit_trail_rows_statement,
    es_audit_trail_leaves_statement, es_audit_trail_end_statement;
