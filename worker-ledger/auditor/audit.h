/*
 * The audit: everything that must always be true (DESIGN section 11), recomputed from the rows by
 * SQL and code of its own. It shares hashing with the processes it checks, and nothing else: not
 * one of their statements.
 *
 * One run is one read-only snapshot, read in pages, so that memory does not grow with the tables.
 * A finding is one line: the check, ids, what was expected and what was found; never anything
 * personal. One wrong row makes one finding: what merely follows from it is left out, as far as
 * the cause is known.
 *
 * Not thread-safe: one audit belongs to one thread.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/db/db.h"
#include "common/tlog/note.h"
#include "worker-ledger/chain/network.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order in which they are looked at. */
enum es_audit_check {
    ES_AUDIT_APPEND_ONLY, /* triggers of append-only tables are there, always on */
    ES_AUDIT_PARTITIONS,  /* signals of this month and the next have a place */
    ES_AUDIT_ENTRY,       /* the log has no gaps and is as long as its row says */
    ES_AUDIT_TILE,        /* every tile follows from the entries */
    ES_AUDIT_CHECKPOINT,  /* every checkpoint's root and range follow from the entries */
    ES_AUDIT_NOTE,        /* every note states its checkpoint, signed by the log */
    ES_AUDIT_COMMITMENT,  /* every anchoring transaction commits to its checkpoint */
    ES_AUDIT_LEAF,        /* each signal has one leaf, which commits to its event and salt */
    ES_AUDIT_EVENT,       /* each event says what its signal's row says */
    ES_AUDIT_TRAIL,       /* each audit entry has one leaf, which commits to what its row says */
    ES_AUDIT_LIVENESS,    /* last day and streak follow from the signals */
    ES_AUDIT_TRANSACTION, /* id and fee follow from the bytes */
    ES_AUDIT_COIN,        /* no coin is spent twice; rows agree with the bytes that spend them */
    ES_AUDIT_CHANGE,      /* the coins a transaction makes are its outputs */
    ES_AUDIT_HEADER,      /* block headers have work and make one chain */
    ES_AUDIT_BUMP,        /* the proof of a mined transaction leads to its block's root */
    ES_AUDIT_STATE,       /* transitions are allowed ones, and make a chain up to the state */
    ES_AUDIT_DEADLINE,    /* whatever is not at its end is looked at again */
    ES_AUDIT_REWARD,      /* one reward for each rewarded leaf, and none else */
    ES_AUDIT_BALANCE,     /* balances are sums of transfers; each currency adds up to zero */
    ES_AUDIT_BUS,         /* events taken in and events given up agree */
};
#define ES_AUDIT_CHECK_COUNT ((size_t)ES_AUDIT_BUS + 1)

/* "append_only", "partitions", … */
const char *es_audit_check_name(enum es_audit_check check);

struct es_finding {
    enum es_audit_check check;
    const char *what; /* of which row: "checkpoint 17" */
    const char *expected;
    const char *found;
};

/* Called for each finding; the texts live as long as the call. */
typedef void es_finding_fn(void *context, const struct es_finding *finding);

struct es_audit_config {
    enum es_network network;            /* whose rules a block's proof of work is judged by */
    const struct es_note_key *log_keys; /* who may sign checkpoints; COUNT 0: not checked */
    size_t log_key_count;
    es_finding_fn *found;
    void *context;
    bool (*stopping)(void); /* asked before each page: true ends the run. NULL: never */
};

/* How much was looked at. */
struct es_audit_totals {
    uint64_t signals;
    uint64_t entries;
    uint64_t tiles;
    uint64_t checkpoints;
    uint64_t transactions;
    uint64_t headers;
    uint64_t transfers;
    uint64_t accounts;
};

struct es_audit_report {
    uint64_t findings[ES_AUDIT_CHECK_COUNT];
    struct es_audit_totals totals;
};

uint64_t es_audit_findings(const struct es_audit_report *report);

/* What the last run has seen, so that the next one looks at the rest only. Zeroed: nothing yet. */
struct es_audit_marks;
struct es_audit_marks *es_audit_marks_new(void) ES_MUST_CHECK;
struct es_audit_marks *es_audit_marks_free(struct es_audit_marks *marks);

/* Every statement of the audit, for es_db_new(). */
extern const struct es_db_statement *const es_audit_statements[];
extern const size_t es_audit_statement_count;

/*
 * Run all checks. With MARKS of an earlier run whose findings were none, only what came since is
 * looked at (signals of the last days, entries, transactions that moved, transfers); MARKS NULL, or
 * new ones: everything. MARKS move on when the run found nothing. Other results than ES_DB_OK: it
 * could not be run to its end.
 */
enum es_db_result es_audit_run(struct es_db *db, const struct es_audit_config *config,
                               struct es_audit_marks *marks,
                               struct es_audit_report *ret_report) ES_MUST_CHECK;

/* The checks of the log alone: entry, tile, checkpoint, note, commitment. */
extern const struct es_db_statement *const es_audit_log_statements[];
extern const size_t es_audit_log_statement_count;
enum es_db_result es_audit_run_log(struct es_db *db, const struct es_audit_config *config,
                                   struct es_audit_report *ret_report) ES_MUST_CHECK;
