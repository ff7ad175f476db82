/* Our transactions, from their bytes: id, fee, the coins they spend and make, and the proof of
 * those in a block. */
#include "common/base/clock.h"
#include "worker-ledger/auditor/internal.h"
#include "worker-ledger/chain/block-path.h"
#include "worker-ledger/chain/bump.h"
#include "worker-ledger/chain/hash256.h"
#include "worker-ledger/chain/header.h"
#include "worker-ledger/chain/tx.h"

#include <inttypes.h>
#include <string.h>

#define TRANSACTIONS_PAGE 200
#define COMMIT_SLACK_US   (3600 * ES_US_PER_S) /* a change may commit later than it is dated */

const struct es_db_statement es_audit_transactions_statement = {
    .name = "audit_transactions",
    .params = "izi",
    .sql = "SELECT t.transaction_id, t.txid, t.raw, t.fee, t.state, t.block_hash, t.block_height,"
           "  t.block_header, t.bump, coalesce(h.best AND h.height = t.block_height, false)"
           "   AS on_best"
           " FROM anchor.transactions t LEFT JOIN anchor.headers h USING (block_hash)"
           " WHERE t.transaction_id > $1 AND t.state_since >= $2"
           " ORDER BY t.transaction_id LIMIT $3",
};

const struct es_db_statement es_audit_coins_statement = {
    .name = "audit_coins",
    .params = "I",
    .sql = "SELECT coin_id, txid, vout, satoshis, coalesce(made_by, 0) AS made_by,"
           "  coalesce(spent_by, 0) AS spent_by"
           " FROM anchor.coins WHERE spent_by = ANY ($1) OR made_by = ANY ($1)",
};

const struct es_db_statement es_audit_coin_statement = {
    .name = "audit_coin",
    .params = "xi",
    .sql = "SELECT coin_id, coalesce(spent_by, 0) AS spent_by FROM anchor.coins"
           " WHERE txid = $1 AND vout = $2",
};

struct coin {
    int64_t id;
    struct es_outpoint outpoint;
    int64_t satoshis;
    int64_t made_by;
    int64_t spent_by;
    bool seen; /* its spending or making transaction has been found to name it */
};

struct coins {
    struct coin *items;
    size_t count;
};

/* One transaction at hand. */
struct subject {
    int64_t id;
    bool alive; /* not rejected, not stale */
    const struct es_db_rows *rows;
    size_t row;
    struct es_tx tx;
    struct es_hash txid; /* of its bytes */
};

static const char *outpoint_text(struct es_audit *audit, const struct es_outpoint *outpoint)
{
    char txid[ES_HASH256_TEXT_SIZE];
    es_hash256_format(&outpoint->txid, txid);
    return es_arena_printf(audit->arena, "%s:%" PRIu32, txid, outpoint->vout);
}

/* --- spending ------------------------------------------------------------------------------ */
static struct coin *find_spent(const struct coins *coins, int64_t spent_by,
                               const struct es_outpoint *outpoint)
{
    for (size_t i = 0; i < coins->count; i++) {
        struct coin *coin = &coins->items[i];
        if (coin->spent_by == spent_by && es_outpoint_equal(&coin->outpoint, outpoint)) {
            return coin;
        }
    }
    return NULL;
}

/* SUBJECT's bytes spend OUTPOINT, but no row says so. */
static enum es_db_result tell_of_input(struct es_audit *audit, const struct subject *subject,
                                       const struct es_outpoint *outpoint)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_run(audit->db, &es_audit_coin_statement, &rows, outpoint->txid.bytes,
                  (size_t)ES_HASH_SIZE, (int64_t)outpoint->vout);
    if (result != ES_DB_OK) {
        return result;
    }
    bool known = es_db_row_count(rows) > 0;
    int64_t coin_id = known ? es_db_i64(rows, 0, "coin_id") : 0;
    int64_t spent_by = known ? es_db_i64(rows, 0, "spent_by") : 0;
    if (known && es_audit_is_suspect(audit, ES_SUSPECT_COIN, coin_id)) {
        return ES_DB_OK;
    }
    es_audit_find(audit, ES_AUDIT_COIN,
                  es_arena_printf(audit->arena, "spent by transaction %" PRId64, subject->id),
                  !known ? "no such coin"
                  : spent_by == 0
                      ? "free"
                      : es_arena_printf(audit->arena, "spent by transaction %" PRId64, spent_by),
                  "coin %s", outpoint_text(audit, outpoint));
    if (known) {
        es_audit_suspect(audit, ES_SUSPECT_COIN, coin_id);
    }
    return ES_DB_OK;
}

/* *RET_IN is what the inputs bring, or -1 when that is not known. */
static enum es_db_result check_inputs(struct es_audit *audit, const struct subject *subject,
                                      const struct coins *coins, int64_t *ret_in)
{
    int64_t sum = 0;
    bool known = true;
    enum es_db_result result = ES_DB_OK;
    for (size_t i = 0; i < subject->tx.input_count && result == ES_DB_OK; i++) {
        const struct es_outpoint *outpoint = &subject->tx.inputs[i].previous;
        struct coin *coin = find_spent(coins, subject->id, outpoint);
        if (coin == NULL) {
            known = false;
            result = subject->alive ? tell_of_input(audit, subject, outpoint) : ES_DB_OK;
            continue;
        }
        coin->seen = subject->alive;
        sum += coin->satoshis;
        known &= !es_audit_is_suspect(audit, ES_SUSPECT_COIN, coin->id);
    }
    *ret_in = known && subject->alive ? sum : -1;
    return result;
}

/* Rows that name SUBJECT as their spender, though it does not spend them. */
static void check_holders(struct es_audit *audit, const struct subject *subject,
                          const struct coins *coins)
{
    for (size_t i = 0; i < coins->count; i++) {
        const struct coin *coin = &coins->items[i];
        if (coin->spent_by == subject->id && !coin->seen &&
            !es_audit_is_suspect(audit, ES_SUSPECT_COIN, coin->id)) {
            es_audit_find(
                audit, ES_AUDIT_COIN,
                subject->alive ? "spent by a transaction whose bytes spend it"
                               : "free, as that transaction was given up",
                es_arena_printf(audit->arena, "spent by transaction %" PRId64, subject->id),
                "coin %" PRId64, coin->id);
            es_audit_suspect(audit, ES_SUSPECT_COIN, coin->id);
        }
    }
}

/* --- making -------------------------------------------------------------------------------- */
static const char *describe_change(struct es_audit *audit, const struct es_outpoint *outpoint,
                                   int64_t satoshis)
{
    return es_arena_printf(audit->arena, "%" PRId64 " satoshis in %s", satoshis,
                           outpoint_text(audit, outpoint));
}

static struct coin *find_made(const struct coins *coins, int64_t made_by, int64_t vout)
{
    for (size_t i = 0; i < coins->count; i++) {
        struct coin *coin = &coins->items[i];
        if (coin->made_by == made_by && coin->outpoint.vout == vout) {
            return coin;
        }
    }
    return NULL;
}

static void check_output(struct es_audit *audit, const struct subject *subject,
                         const struct coins *coins, uint32_t vout)
{
    struct es_outpoint outpoint = {.txid = subject->txid, .vout = vout};
    int64_t satoshis = (int64_t)subject->tx.outputs[vout].satoshis;
    const struct coin *coin = find_made(coins, subject->id, vout);
    if (coin != NULL && es_outpoint_equal(&coin->outpoint, &outpoint) &&
        coin->satoshis == satoshis) {
        return;
    }
    es_audit_find(audit, ES_AUDIT_CHANGE, describe_change(audit, &outpoint, satoshis),
                  coin == NULL ? "no coin"
                               : describe_change(audit, &coin->outpoint, coin->satoshis),
                  "change %" PRIu32 " of transaction %" PRId64, vout, subject->id);
    if (coin != NULL) {
        es_audit_suspect(audit, ES_SUSPECT_COIN, coin->id);
    }
}

/* Every output with a value is ours, and a coin. *RET_OUT is their sum. */
static void check_outputs(struct es_audit *audit, const struct subject *subject,
                          const struct coins *coins, int64_t *ret_out)
{
    int64_t sum = 0;
    size_t change = 0;
    size_t made = 0;
    for (size_t i = 0; i < subject->tx.output_count; i++) {
        if (subject->tx.outputs[i].satoshis > 0) {
            sum += (int64_t)subject->tx.outputs[i].satoshis;
            change++;
            check_output(audit, subject, coins, (uint32_t)i);
        }
    }
    for (size_t i = 0; i < coins->count; i++) {
        made += coins->items[i].made_by == subject->id;
    }
    if (made > change) {
        es_audit_find(audit, ES_AUDIT_CHANGE, es_audit_number(audit, (int64_t)change),
                      es_audit_number(audit, (int64_t)made),
                      "number of coins made by transaction %" PRId64, subject->id);
    }
    *ret_out = sum;
}

/* --- the block ----------------------------------------------------------------------------- */
static const char *find_fault_of_proof(struct es_audit *audit, const struct subject *subject,
                                       const unsigned char *header)
{
    size_t bump_length = 0;
    size_t raw_length = 0;
    struct es_bump bump;
    struct es_block_path path;
    const void *bytes = es_db_bytea(subject->rows, subject->row, "bump", &bump_length);
    const void *raw = es_db_bytea(subject->rows, subject->row, "raw", &raw_length);
    struct es_hash root = es_header_parse(header).merkle_root;
    if (!es_bump_parse(audit->arena, bytes, bump_length, &bump) ||
        !es_block_path_from_bump(&bump, &subject->txid, &path)) {
        return "no path of this transaction";
    }
    if ((int64_t)path.height != es_db_i64(subject->rows, subject->row, "block_height")) {
        return "a path in a block of another height";
    }
    return es_block_path_proves(&path, raw, raw_length, &root) ? NULL : "a path to another root";
}

static bool is_in_block(const struct subject *subject)
{
    const char *state = es_db_text(subject->rows, subject->row, "state");
    return strcmp(state, "mined") == 0 || strcmp(state, "final") == 0;
}

static bool has_block(const struct subject *subject)
{
    static const char *const columns[] = {"block_hash", "block_height", "block_header", "bump"};
    for (size_t i = 0; i < ES_ARRAY_LEN(columns); i++) {
        if (es_db_is_null(subject->rows, subject->row, columns[i])) {
            return false;
        }
    }
    return true;
}

/* A mined transaction may be about to leave the best chain; a final one may not. */
static void check_block(struct es_audit *audit, const struct subject *subject)
{
    size_t length = 0;
    const struct es_db_rows *rows = subject->rows;
    const unsigned char *header =
        has_block(subject) ? es_db_bytea(rows, subject->row, "block_header", &length) : NULL;
    if (length != ES_HEADER_SIZE) {
        es_audit_find(audit, ES_AUDIT_HEADER, "a block, its header and a proof", "not all of it",
                      "block of transaction %" PRId64, subject->id);
        return;
    }
    struct es_hash stored = es_audit_hash(rows, subject->row, "block_hash");
    struct es_hash hash = es_header_hash(header);
    int64_t height = es_db_i64(rows, subject->row, "block_height");
    bool is_final = strcmp(es_db_text(rows, subject->row, "state"), "final") == 0;
    if (!es_hash_equal(&stored, &hash)) {
        es_audit_find(audit, ES_AUDIT_HEADER, "the header of its block", "another one",
                      "header of transaction %" PRId64, subject->id);
        return;
    }
    if (!es_header_has_work(header, audit->config->network)) {
        es_audit_find(audit, ES_AUDIT_HEADER, "proof of work", "none",
                      "header of transaction %" PRId64, subject->id);
        return;
    }
    const char *fault = find_fault_of_proof(audit, subject, header);
    if (fault != NULL) {
        es_audit_find(audit, ES_AUDIT_BUMP, "a path to the root of its block", fault,
                      "proof of transaction %" PRId64, subject->id);
    } else if (is_final && !es_db_bool(rows, subject->row, "on_best") &&
               !es_audit_is_suspect(audit, ES_SUSPECT_HEIGHT, height)) {
        es_audit_find(audit, ES_AUDIT_HEADER, "a block of the best chain at this height",
                      "none such", "block of final transaction %" PRId64 " at height %" PRId64,
                      subject->id, height);
    }
}

/* --- one transaction ----------------------------------------------------------------------- */
static bool read_subject(struct es_audit *audit, const struct es_db_rows *rows, size_t row,
                         struct subject *subject)
{
    size_t length = 0;
    const char *state = es_db_text(rows, row, "state");
    const void *raw = es_db_bytea(rows, row, "raw", &length);
    struct es_hash stored = es_audit_hash(rows, row, "txid");
    *subject = (struct subject){
        .id = es_db_i64(rows, row, "transaction_id"),
        .alive = strcmp(state, "rejected") != 0 && strcmp(state, "stale") != 0,
        .rows = rows,
        .row = row,
        .txid = es_hash256(raw, length),
    };
    bool parsed = es_tx_parse(audit->arena, raw, length, &subject->tx);
    if (es_audit_is_suspect(audit, ES_SUSPECT_TRANSACTION, subject->id)) {
        return false;
    }
    if (!parsed || !es_hash_equal(&stored, &subject->txid)) {
        char expected[ES_HASH256_TEXT_SIZE];
        char found[ES_HASH256_TEXT_SIZE];
        es_hash256_format(&subject->txid, expected);
        es_hash256_format(&stored, found);
        es_audit_find(audit, ES_AUDIT_TRANSACTION, parsed ? expected : "a transaction",
                      parsed ? found : "other bytes", "id of transaction %" PRId64, subject->id);
        es_audit_suspect(audit, ES_SUSPECT_TRANSACTION, subject->id);
        return false;
    }
    return true;
}

static enum es_db_result check_transaction(struct es_audit *audit, const struct es_db_rows *rows,
                                           size_t row, const struct coins *coins)
{
    struct subject subject;
    int64_t in = 0;
    int64_t out = 0;
    audit->report.totals.transactions++;
    if (!read_subject(audit, rows, row, &subject)) {
        return ES_DB_OK;
    }
    enum es_db_result result = check_inputs(audit, &subject, coins, &in);
    check_holders(audit, &subject, coins);
    check_outputs(audit, &subject, coins, &out);
    int64_t fee = es_db_i64(rows, row, "fee");
    if (in >= 0 && in - out != fee) {
        es_audit_find(audit, ES_AUDIT_TRANSACTION, es_audit_number(audit, in - out),
                      es_audit_number(audit, fee), "fee of transaction %" PRId64, subject.id);
    }
    if (is_in_block(&subject)) {
        check_block(audit, &subject);
    }
    return result;
}

/* --- all of them --------------------------------------------------------------------------- */
static enum es_db_result read_coins(struct es_audit *audit, const struct es_db_rows *transactions,
                                    struct coins *ret_coins)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    size_t id_count = es_db_row_count(transactions);
    int64_t *ids = es_arena_alloc(audit->arena, id_count * sizeof(*ids));
    for (size_t i = 0; i < id_count; i++) {
        ids[i] = es_db_i64(transactions, i, "transaction_id");
    }
    enum es_db_result result = es_db_run(audit->db, &es_audit_coins_statement, &rows,
                                         &(struct es_db_array){.items = ids, .count = id_count});
    if (result != ES_DB_OK) {
        return result;
    }
    size_t count = es_db_row_count(rows);
    struct coin *items = es_arena_alloc(audit->arena, count * sizeof(*items));
    for (size_t i = 0; i < count; i++) {
        items[i] = (struct coin){
            .id = es_db_i64(rows, i, "coin_id"),
            .outpoint = {.txid = es_audit_hash(rows, i, "txid"),
                         .vout = (uint32_t)es_db_i64(rows, i, "vout")},
            .satoshis = es_db_i64(rows, i, "satoshis"),
            .made_by = es_db_i64(rows, i, "made_by"),
            .spent_by = es_db_i64(rows, i, "spent_by"),
        };
    }
    *ret_coins = (struct coins){.items = items, .count = count};
    return ES_DB_OK;
}

static enum es_db_result check_page(struct es_audit *audit, const struct es_db_rows *rows,
                                    int64_t *last)
{
    struct coins coins = {0};
    enum es_db_result result = read_coins(audit, rows, &coins);
    for (size_t i = 0; i < es_db_row_count(rows) && result == ES_DB_OK; i++) {
        result = check_transaction(audit, rows, i, &coins);
        *last = es_db_i64(rows, i, "transaction_id");
    }
    return result;
}

enum es_db_result es_audit_transactions(struct es_audit *audit)
{
    int64_t last = 0;
    size_t count = TRANSACTIONS_PAGE;
    enum es_db_result result = ES_DB_OK;
    audit->next->changed_us = es_clock_now_us() - COMMIT_SLACK_US;
    while (count == TRANSACTIONS_PAGE && result == ES_DB_OK) {
        ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
        es_arena_reset(audit->arena);
        result = es_audit_go_on(audit);
        if (result == ES_DB_OK) {
            result = es_db_run(audit->db, &es_audit_transactions_statement, &rows, last,
                               audit->since->changed_us, (int64_t)TRANSACTIONS_PAGE);
        }
        count = result == ES_DB_OK ? es_db_row_count(rows) : 0;
        if (count > 0) {
            result = check_page(audit, rows, &last);
        }
    }
    return result;
}
