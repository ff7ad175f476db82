/* What `eldersafectl status` shows, read in one transaction's time and by statements that stay
 * short however large the tables are; core.members and core.liveness are counted whole. */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"
#include "common/db/db.h"
#include "common/tlog/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const struct es_db_statement *const es_status_statements[];
extern const size_t es_status_statement_count;

struct es_status_count {
    const char *name;
    int64_t count;
    int64_t limit; /* connections: the most the role may open */
};

struct es_status_counts {
    const struct es_status_count *items;
    size_t count;
};

struct es_status_last {
    bool exists;
    struct es_hash txid;
    const char *state;
    int64_t confirmations; /* 0: not in a block */
};

struct es_status {
    int server_version;
    int64_t schema;
    int64_t members;
    int64_t heard_today; /* members with a signal of today (UTC) or later */
    int64_t log_size;
    int64_t waiting;   /* leaves not sealed yet */
    int64_t waiting_s; /* how long the oldest of them has waited */
    int64_t checkpoints;
    int64_t unanchored; /* checkpoints that need a transaction */
    int64_t unseen_s;   /* age of the oldest whose transaction the network has not seen */
    struct es_status_counts transactions; /* anchoring ones, by state */
    struct es_status_last last;
    int64_t coins; /* free and usable */
    int64_t satoshis;
    int64_t batches_left;  /* transactions that these pay for at the latest fees */
    int64_t outbox_behind; /* events not published yet */
    int64_t outbox_behind_s;
    int64_t parked;
    struct es_status_counts messages;    /* by state */
    struct es_status_counts connections; /* by role */
};

/* Texts and lists of *RET_STATUS live in ARENA. */
enum es_db_result es_status_read(struct es_db *db, struct es_arena *arena,
                                 struct es_status *ret_status) ES_MUST_CHECK;
