/* The log: entries without gaps, the tree grown from them, and at each checkpoint's size its root,
 * its note and the transactions that carry it. */
#include "common/base/mem.h"
#include "common/base/text.h"
#include "worker-ledger/auditor/internal.h"
#include "worker-ledger/auditor/tree.h"
#include "worker-ledger/chain/script.h"
#include "worker-ledger/chain/tx.h"

#include <inttypes.h>
#include <string.h>

#define ENTRIES_PAGE     ((size_t)100 * ES_TILE_WIDTH)
#define CHECKPOINTS_PAGE 500

const struct es_db_statement es_audit_log_row_statement = {
    .name = "audit_log_row",
    .params = "",
    .sql = "SELECT origin, size, coalesce((SELECT max(c.size) FROM anchor.checkpoints c), 0)"
           "  AS sealed FROM anchor.log",
};

const struct es_db_statement es_audit_entries_statement = {
    .name = "audit_entries",
    .params = "ii",
    .sql = "SELECT leaf_index, leaf_id, hash, num_nonnulls(reward_account)::bigint AS rewards"
           " FROM anchor.entries WHERE leaf_index >= $1"
           " ORDER BY leaf_index LIMIT $2",
};

/* Every transaction that ever carried a checkpoint is looked at, whatever became of it. */
const struct es_db_statement es_audit_checkpoints_statement = {
    .name = "audit_checkpoints",
    .params = "ii",
    .sql = "SELECT c.checkpoint_id, c.size, c.first_index, c.root, c.note, t.transaction_id, t.raw"
           " FROM (SELECT * FROM anchor.checkpoints WHERE size > $1 ORDER BY size LIMIT $2) c"
           " LEFT JOIN anchor.transactions t USING (checkpoint_id)"
           " ORDER BY c.size, c.checkpoint_id, t.transaction_id",
};

struct walk {
    struct es_audit *audit;
    struct es_audit_tree tree;
    const char *origin;             /* of the log */
    struct es_db_rows *checkpoints; /* a page of them, or NULL */
    size_t next;                    /* row in it */
    int64_t read_to;                /* size of the last one in it */
    int64_t least;                  /* entries there must be, by row and checkpoints */
    bool all_read;
};

/* --- checkpoints --------------------------------------------------------------------------- */
/* Have the next checkpoint at walk->next, unless there is none left. */
static enum es_db_result fetch_checkpoints(struct walk *walk)
{
    if (walk->all_read ||
        (walk->checkpoints != NULL && walk->next < es_db_row_count(walk->checkpoints))) {
        return ES_DB_OK;
    }
    walk->checkpoints = es_db_rows_free(walk->checkpoints);
    enum es_db_result result =
        es_db_run(walk->audit->db, &es_audit_checkpoints_statement, &walk->checkpoints,
                  walk->read_to, (int64_t)CHECKPOINTS_PAGE);
    if (result == ES_DB_OK) {
        size_t count = es_db_row_count(walk->checkpoints);
        walk->next = 0;
        walk->all_read = count == 0;
        walk->read_to = count > 0 ? es_db_i64(walk->checkpoints, count - 1, "size") : 0;
    }
    return result;
}

static int64_t next_size(const struct walk *walk)
{
    return walk->all_read ? INT64_MAX : es_db_i64(walk->checkpoints, walk->next, "size");
}

/* The statement inside NOTE, whoever signed it. */
static bool read_note(struct es_audit *audit, const char *note, struct es_checkpoint *ret)
{
    struct es_note parsed;
    return es_note_parse(audit->arena, note, strlen(note), &parsed) &&
           es_checkpoint_parse(parsed.text, parsed.text_length, ret);
}

static bool is_signed(const struct es_audit *audit, const char *note)
{
    struct es_checkpoint checkpoint;
    return audit->config->log_key_count == 0 ||
           es_checkpoint_open(note, strlen(note), audit->config->log_keys,
                              audit->config->log_key_count, &checkpoint, NULL) == ES_NOTE_GOOD;
}

/* TRUTH is what the note has to say. */
static void check_note(struct walk *walk, int64_t id, const char *text,
                       const struct es_checkpoint *truth)
{
    struct es_audit *audit = walk->audit;
    struct es_checkpoint said;
    const char *expected = NULL;
    const char *found = NULL;
    if (!read_note(audit, text, &said)) {
        expected = "a checkpoint note";
        found = "something else";
    } else if (strcmp(said.origin, truth->origin) != 0) {
        expected = truth->origin;
        found = es_arena_strdup(audit->arena, said.origin);
    } else if (said.size != truth->size) {
        expected = es_audit_number(audit, (int64_t)truth->size);
        found = es_audit_number(audit, (int64_t)said.size);
    } else if (!es_hash_equal(&said.root, &truth->root)) {
        expected = es_audit_hex(audit, truth->root.bytes, ES_HASH_SIZE);
        found = es_audit_hex(audit, said.root.bytes, ES_HASH_SIZE);
    } else if (!is_signed(audit, text)) {
        expected = "the log's signature";
        found = "none that holds";
    }
    if (expected != NULL) {
        es_audit_find(audit, ES_AUDIT_NOTE, expected, found, "note of checkpoint %" PRId64, id);
    }
}

/* What checkpoint number walk->next is, as far as it can be known: its root from the entries,
 * unless row and note agree on another one. */
static struct es_checkpoint find_truth(struct walk *walk, const char *note)
{
    struct es_audit *audit = walk->audit;
    const struct es_db_rows *rows = walk->checkpoints;
    struct es_hash stored = es_audit_hash(rows, walk->next, "root");
    struct es_hash root = es_audit_tree_settle(&walk->tree, &stored);
    struct es_checkpoint said;
    struct es_checkpoint truth = {.size = walk->tree.at.frontier.size, .root = root};
    if (!es_copy_str(truth.origin, sizeof(truth.origin), walk->origin)) {
        truth.origin[0] = '\0'; /* no note can have it */
    }
    if (!es_hash_equal(&stored, &root)) {
        es_audit_find(audit, ES_AUDIT_CHECKPOINT, es_audit_hex(audit, root.bytes, ES_HASH_SIZE),
                      es_audit_hex(audit, stored.bytes, ES_HASH_SIZE),
                      "root of checkpoint %" PRId64, es_db_i64(rows, walk->next, "checkpoint_id"));
        if (read_note(audit, note, &said) && es_hash_equal(&said.root, &stored)) {
            truth.root = stored;
        }
    }
    return truth;
}

static void check_commitment(struct walk *walk, size_t row, const struct es_checkpoint *truth)
{
    struct es_audit *audit = walk->audit;
    struct es_commitment expected = es_commitment_of(truth);
    struct es_commitment found;
    struct es_tx tx;
    size_t length = 0;
    const void *raw = es_db_bytea(walk->checkpoints, row, "raw", &length);
    bool committed = es_tx_parse(audit->arena, raw, length, &tx) &&
                     es_script_parse_commitment(&tx.outputs[0].lock, &found);
    if (!committed || !es_commitment_equal(&expected, &found)) {
        int64_t id = es_db_i64(walk->checkpoints, row, "transaction_id");
        es_audit_suspect(audit, ES_SUSPECT_TRANSACTION, id);
        es_audit_find(
            audit, ES_AUDIT_COMMITMENT, es_audit_hex(audit, truth->root.bytes, ES_HASH_SIZE),
            committed ? es_audit_hex(audit, found.root.bytes, ES_HASH_SIZE) : "no commitment",
            "output 0 of transaction %" PRId64, id);
    }
}

/* The checkpoint at walk->next, whose size is the tree's, and the rows of its transactions. */
static void check_checkpoint(struct walk *walk)
{
    struct es_audit *audit = walk->audit;
    const struct es_db_rows *rows = walk->checkpoints;
    int64_t id = es_db_i64(rows, walk->next, "checkpoint_id");
    const char *note = es_db_text(rows, walk->next, "note");
    int64_t first_index = es_db_i64(rows, walk->next, "first_index");
    struct es_checkpoint truth = find_truth(walk, note);
    audit->report.totals.checkpoints++;
    check_note(walk, id, note, &truth);
    if (first_index != walk->tree.at.checkpoint) {
        es_audit_find(audit, ES_AUDIT_CHECKPOINT, es_audit_number(audit, walk->tree.at.checkpoint),
                      es_audit_number(audit, first_index), "first index of checkpoint %" PRId64,
                      id);
    }
    walk->tree.at.checkpoint = (int64_t)truth.size;
    while (walk->next < es_db_row_count(rows) &&
           es_db_i64(rows, walk->next, "checkpoint_id") == id) {
        if (!es_db_is_null(rows, walk->next, "transaction_id")) {
            check_commitment(walk, walk->next, &truth);
        }
        walk->next++;
    }
}

/* --- entries ------------------------------------------------------------------------------- */
/* True when a page of COUNT entries is the last one, and there should be more. */
static bool ends_early(struct walk *walk, size_t count)
{
    struct es_audit *audit = walk->audit;
    int64_t entries = (int64_t)(walk->tree.at.frontier.size + count);
    if (count == ENTRIES_PAGE || entries >= walk->least) {
        return false;
    }
    audit->lost_entries = walk->least - entries;
    audit->lost_rewards = audit->lost_entries;
    es_audit_find(audit, ES_AUDIT_ENTRY, es_audit_number(audit, walk->least),
                  es_audit_number(audit, entries), "number of entries in the log");
    return true;
}

/* The leaves of ROWS into PAGE as far as they follow one another; false at a gap. */
static bool read_entries(struct walk *walk, const struct es_db_rows *rows,
                         struct es_audit_page *page, int64_t *leaf_ids)
{
    struct es_audit *audit = walk->audit;
    uint64_t size = walk->tree.at.frontier.size;
    int index_column = es_db_column(rows, "leaf_index", 'i');
    int id_column = es_db_column(rows, "leaf_id", 'i');
    int rewards_column = es_db_column(rows, "rewards", 'i');
    for (size_t i = 0; i < es_db_row_count(rows); i++) {
        int64_t index = es_db_i64_at(rows, i, index_column);
        if (index != (int64_t)(size + i)) {
            audit->lost_entries = index - (int64_t)(size + i);
            audit->lost_rewards = audit->lost_entries;
            es_audit_find(audit, ES_AUDIT_ENTRY, es_audit_number(audit, (int64_t)(size + i)),
                          es_audit_number(audit, index), "next leaf index of the log");
            return false;
        }
        page->entries[i] = es_audit_hash(rows, i, "hash");
        leaf_ids[i] = es_db_i64_at(rows, i, id_column);
        audit->rewarding += es_db_i64_at(rows, i, rewards_column);
        page->count = i + 1;
    }
    return !ends_early(walk, page->count);
}

static enum es_db_result append_page(struct walk *walk, const struct es_audit_page *page)
{
    enum es_db_result result =
        es_audit_tree_compare(&walk->tree, walk->tree.at.frontier.size, page);
    for (size_t i = 0; i < page->count && result == ES_DB_OK; i++) {
        es_audit_tree_append(&walk->tree, page, i);
        walk->audit->report.totals.entries++;
        while (result == ES_DB_OK && next_size(walk) <= (int64_t)walk->tree.at.frontier.size) {
            check_checkpoint(walk);
            result = fetch_checkpoints(walk);
        }
    }
    return result;
}

/* Read and append one page; *RET_MORE is false after the last one. A gap is the end: what follows
 * it cannot be recomputed. */
static enum es_db_result walk_page(struct walk *walk, struct es_audit_page *page, int64_t *leaf_ids,
                                   bool *ret_more, bool *ret_whole)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    es_arena_reset(walk->audit->arena);
    walk->audit->next->log = walk->tree.at;
    page->count = 0;
    enum es_db_result result = es_audit_go_on(walk->audit);
    if (result == ES_DB_OK) {
        result = es_db_run(walk->audit->db, &es_audit_entries_statement, &rows,
                           (int64_t)walk->tree.at.frontier.size, (int64_t)ENTRIES_PAGE);
    }
    if (result == ES_DB_OK) {
        *ret_whole = read_entries(walk, rows, page, leaf_ids);
        *ret_more = *ret_whole && es_db_row_count(rows) == ENTRIES_PAGE;
        result = *ret_whole ? append_page(walk, page) : ES_DB_OK;
    }
    return result;
}

static enum es_db_result walk_entries(struct walk *walk, bool *ret_whole)
{
    ES_CLEANUP(es_free_p) struct es_hash *entries = es_calloc(ENTRIES_PAGE, sizeof(*entries));
    ES_CLEANUP(es_free_p) struct es_hash *tiles = es_calloc(ENTRIES_PAGE, sizeof(*tiles));
    ES_CLEANUP(es_free_p) int64_t *leaf_ids = es_calloc(ENTRIES_PAGE, sizeof(*leaf_ids));
    struct es_audit_page page = {.entries = entries, .tiles = tiles, .leaf_ids = leaf_ids};
    enum es_db_result result = fetch_checkpoints(walk);
    for (bool more = true; more && result == ES_DB_OK;) {
        result = walk_page(walk, &page, leaf_ids, &more, ret_whole);
    }
    return result;
}

/* The log's row has the name that those who check notes know it by. */
static void check_origin(struct walk *walk, const char *stored)
{
    struct es_audit *audit = walk->audit;
    if (strcmp(walk->origin, stored) != 0) {
        es_audit_find(audit, ES_AUDIT_NOTE, walk->origin, es_arena_strdup(audit->arena, stored),
                      "origin of the log in its row");
    }
}

/* --- the whole ----------------------------------------------------------------------------- */
/* Everything was appended: is it as much as the log's row and the last checkpoint say? */
static void check_sizes(struct walk *walk, int64_t size)
{
    struct es_audit *audit = walk->audit;
    int64_t entries = (int64_t)walk->tree.at.frontier.size;
    if (entries != size) {
        es_audit_find(audit, ES_AUDIT_ENTRY, es_audit_number(audit, entries),
                      es_audit_number(audit, size), "size of the log in its row");
    }
    if (!walk->all_read) {
        es_audit_find(audit, ES_AUDIT_CHECKPOINT, es_audit_number(audit, entries),
                      es_audit_number(audit, next_size(walk)), "size of checkpoint %" PRId64,
                      es_db_i64(walk->checkpoints, walk->next, "checkpoint_id"));
    } else if (walk->tree.at.checkpoint != entries) {
        es_audit_find(audit, ES_AUDIT_CHECKPOINT, es_audit_number(audit, entries),
                      es_audit_number(audit, walk->tree.at.checkpoint),
                      "size of the last checkpoint");
    }
}

enum es_db_result es_audit_log(struct es_audit *audit)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *log = NULL;
    ES_CLEANUP(es_free_p) struct walk *walk = ES_NEW(struct walk);
    bool whole = false;
    enum es_db_result result = es_db_run(audit->db, &es_audit_log_row_statement, &log);
    if (result != ES_DB_OK || es_db_row_count(log) == 0) {
        return result; /* no ledger was ever here */
    }
    walk->audit = audit;
    walk->origin = audit->config->log_key_count > 0 ? audit->config->log_keys[0].name
                                                    : es_db_text(log, 0, "origin");
    int64_t size = es_db_i64(log, 0, "size");
    int64_t sealed = es_db_i64(log, 0, "sealed");
    walk->least = size < sealed ? size : sealed;
    check_origin(walk, es_db_text(log, 0, "origin"));
    walk->tree.audit = audit;
    walk->tree.at = audit->since->log;
    walk->read_to = (int64_t)walk->tree.at.frontier.size;
    result = walk_entries(walk, &whole);
    if (result == ES_DB_OK && whole) {
        check_sizes(walk, size);
        result = es_audit_tree_finish(&walk->tree);
    }
    walk->checkpoints = es_db_rows_free(walk->checkpoints);
    return result;
}
