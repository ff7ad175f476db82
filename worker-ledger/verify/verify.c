#include "worker-ledger/verify/verify.h"

#include "common/tlog/checkpoint.h"
#include "common/tlog/leaf.h"
#include "common/tlog/merkle.h"
#include "worker-ledger/chain/block-path.h"
#include "worker-ledger/chain/bump.h"
#include "worker-ledger/chain/hash256.h"
#include "worker-ledger/chain/header.h"
#include "worker-ledger/chain/script.h"
#include "worker-ledger/chain/tx.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *es_verify_link_text(enum es_verify_link link)
{
    static const char *const texts[ES_VERIFY_LINK_COUNT] = {
        [ES_VERIFY_FORMAT] = "format",
        [ES_VERIFY_LEAF] = "leaf",
        [ES_VERIFY_INCLUSION] = "inclusion",
        [ES_VERIFY_CHECKPOINT] = "checkpoint",
        [ES_VERIFY_TRANSACTION] = "transaction",
        [ES_VERIFY_BUMP] = "bump",
        [ES_VERIFY_BLOCK] = "block",
        [ES_VERIFY_HEADERS] = "headers",
    };
    return texts[link];
}

const char *es_verify_state_text(enum es_verify_state state)
{
    static const char *const texts[] = {
        [ES_VERIFY_OK] = "ok",
        [ES_VERIFY_BROKEN] = "broken",
        [ES_VERIFY_ABSENT] = "absent",
        [ES_VERIFY_SKIPPED] = "skipped",
    };
    return texts[state];
}

const char *es_verify_outcome_text(enum es_verify_outcome outcome)
{
    static const char *const texts[] = {
        [ES_VERIFY_HOLDS] = "holds",
        [ES_VERIFY_FALSE] = "false",
        [ES_VERIFY_INCOMPLETE] = "incomplete",
    };
    return texts[outcome];
}

/* One verification under way. */
struct run {
    struct es_arena *arena;
    const struct es_verify_options *options;
    const struct es_receipt *receipt;
    struct es_verify_report *report;
    struct es_hash leaf;
    bool checkpoint_readable;
    struct es_checkpoint checkpoint;
    enum es_note_verdict verdict;
    size_t unknown_signatures;
};

static void found(struct run *run, enum es_verify_link link, enum es_verify_state state,
                  const char *format, ...) ES_PRINTF(4, 5);

static void found(struct run *run, enum es_verify_link link, enum es_verify_state state,
                  const char *format, ...)
{
    struct es_verify_finding *finding = &run->report->links[link];
    va_list args;
    finding->state = state;
    va_start(args, format);
    (void)vsnprintf(finding->message, sizeof(finding->message), format, args);
    va_end(args);
}

static bool has_parts_of(const struct run *run, enum es_receipt_status status)
{
    return run->receipt->status >= status;
}

static void check_leaf(struct run *run)
{
    const char *event = run->receipt->event;
    char text[2 * ES_HASH_SIZE + 1];
    run->leaf = es_leaf_hash(run->receipt->salt, event, strlen(event));
    sodium_bin2hex(text, sizeof(text), run->leaf.bytes, sizeof(run->leaf.bytes));
    found(run, ES_VERIFY_LEAF, ES_VERIFY_OK, "event and salt give leaf %s", text);
}

/* The checkpoint is read before the links that lean on it are checked. */
static void open_checkpoint(struct run *run)
{
    const char *note = run->receipt->checkpoint;
    run->verdict =
        es_checkpoint_open(note, strlen(note), run->options->log_keys, run->options->log_key_count,
                           &run->checkpoint, &run->unknown_signatures);
    run->checkpoint_readable = run->verdict != ES_NOTE_MALFORMED;
}

static void check_inclusion(struct run *run)
{
    const struct es_receipt *receipt = run->receipt;
    const struct es_checkpoint *checkpoint = &run->checkpoint;
    if (!run->checkpoint_readable) {
        found(run, ES_VERIFY_INCLUSION, ES_VERIFY_SKIPPED,
              "there is no readable checkpoint to lead the leaf to");
        return;
    }
    if (!es_merkle_check_inclusion(&run->leaf, receipt->leaf_index, checkpoint->size,
                                   receipt->inclusion, receipt->inclusion_length,
                                   &checkpoint->root)) {
        found(run, ES_VERIFY_INCLUSION, ES_VERIFY_BROKEN,
              "the path does not lead from the leaf at index %" PRIu64
              " to the root of the checkpoint: event, salt, index or path were changed",
              receipt->leaf_index);
        return;
    }
    found(run, ES_VERIFY_INCLUSION, ES_VERIFY_OK,
          "the leaf is number %" PRIu64 " of the %" PRIu64 " in the log at the checkpoint",
          receipt->leaf_index, checkpoint->size);
}

static void check_good_signature(struct run *run)
{
    const char *origin = run->checkpoint.origin;
    /* C2SP lets readers pass over lines by unknown keys; in a receipt no byte goes unchecked. */
    if (run->unknown_signatures > 0) {
        found(run, ES_VERIFY_CHECKPOINT, ES_VERIFY_BROKEN,
              "the checkpoint of %s also bears a signature by a key that was not given", origin);
        return;
    }
    found(run, ES_VERIFY_CHECKPOINT, ES_VERIFY_OK, "the log %s signed the checkpoint", origin);
}

static void check_checkpoint(struct run *run)
{
    if (run->verdict == ES_NOTE_MALFORMED) {
        found(run, ES_VERIFY_CHECKPOINT, ES_VERIFY_BROKEN,
              "the checkpoint is not a signed note of the form origin, size, root");
        return;
    }
    if (run->options->skip_log_key) {
        found(run, ES_VERIFY_CHECKPOINT, ES_VERIFY_SKIPPED,
              "the signature was not checked, so nothing says that %s is the true log",
              run->checkpoint.origin);
        return;
    }
    switch (run->verdict) {
    case ES_NOTE_GOOD:
        check_good_signature(run);
        break;
    case ES_NOTE_UNKNOWN:
        found(run, ES_VERIFY_CHECKPOINT, ES_VERIFY_BROKEN,
              "the checkpoint of %s is not signed by any log key that was given",
              run->checkpoint.origin);
        break;
    case ES_NOTE_FORGED:
        found(
            run, ES_VERIFY_CHECKPOINT, ES_VERIFY_BROKEN,
            "the signature on the checkpoint of %s is false: the checkpoint was changed or forged",
            run->checkpoint.origin);
        break;
    case ES_NOTE_MALFORMED:
        break; /* handled above */
    }
}

/* The commitment stands in output 0; a second one elsewhere would make the transaction ambiguous.
 */
static bool sole_commitment(const struct es_tx *tx, struct es_commitment *ret_commitment)
{
    struct es_commitment other;
    if (!es_script_parse_commitment(&tx->outputs[0].lock, ret_commitment)) {
        return false;
    }
    for (size_t i = 1; i < tx->output_count; i++) {
        if (es_script_parse_commitment(&tx->outputs[i].lock, &other)) {
            return false;
        }
    }
    return true;
}

static void check_transaction(struct run *run)
{
    struct es_tx tx;
    struct es_commitment commitment;
    if (!es_tx_parse(run->arena, run->receipt->transaction, run->receipt->transaction_length,
                     &tx)) {
        found(run, ES_VERIFY_TRANSACTION, ES_VERIFY_BROKEN, "the transaction is malformed");
        return;
    }
    if (!sole_commitment(&tx, &commitment)) {
        found(run, ES_VERIFY_TRANSACTION, ES_VERIFY_BROKEN,
              "the transaction does not commit to exactly one checkpoint in its output 0");
        return;
    }
    if (!run->checkpoint_readable) {
        found(run, ES_VERIFY_TRANSACTION, ES_VERIFY_SKIPPED,
              "there is no readable checkpoint to compare the transaction with");
        return;
    }
    struct es_commitment expected = es_commitment_of(&run->checkpoint);
    if (!es_commitment_equal(&commitment, &expected)) {
        found(run, ES_VERIFY_TRANSACTION, ES_VERIFY_BROKEN,
              "the transaction commits to another checkpoint");
        return;
    }
    char txid[ES_HASH256_TEXT_SIZE];
    struct es_hash id = es_hash256(run->receipt->transaction, run->receipt->transaction_length);
    es_hash256_format(&id, txid);
    found(run, ES_VERIFY_TRANSACTION, ES_VERIFY_OK,
          "transaction %s commits to origin, size and root of the checkpoint", txid);
}

/* Is BUMP exactly the canonical path of one transaction? Nodes nobody needs would be unchecked. */
static bool is_canonical_path(const struct run *run, const struct es_block_path *path)
{
    ES_CLEANUP(es_buf_done) struct es_buf again = ES_BUF_INIT;
    es_block_path_write(path, &again);
    return again.length == run->receipt->bump_length &&
           memcmp(again.data, run->receipt->bump, again.length) == 0;
}

/* Returns the first thing wrong between the transaction and the header's root, or NULL. */
static const char *bump_fault(struct run *run)
{
    const struct es_receipt *receipt = run->receipt;
    struct es_bump bump;
    struct es_block_path path;
    struct es_header header = es_header_parse(receipt->block.header);
    struct es_hash txid = es_hash256(receipt->transaction, receipt->transaction_length);
    if (!es_bump_parse(run->arena, receipt->bump, receipt->bump_length, &bump)) {
        return "the BUMP is malformed";
    }
    if (!es_block_path_from_bump(&bump, &txid, &path)) {
        return "the BUMP holds no complete path for this transaction";
    }
    if (!is_canonical_path(run, &path)) {
        return "the BUMP is not in the canonical form for one transaction";
    }
    if (!es_block_path_proves(&path, receipt->transaction, receipt->transaction_length,
                              &header.merkle_root)) {
        return "the BUMP does not lead from the transaction to the Merkle root of the header";
    }
    return NULL;
}

static void check_bump(struct run *run)
{
    const char *fault = bump_fault(run);
    found(run, ES_VERIFY_BUMP, fault == NULL ? ES_VERIFY_OK : ES_VERIFY_BROKEN, "%s",
          fault == NULL ? "the transaction is under the Merkle root of the block header" : fault);
}

/* The height in the BUMP is the second witness for the one in the block member. */
static bool bump_height_differs(struct run *run)
{
    struct es_bump bump;
    return es_bump_parse(run->arena, run->receipt->bump, run->receipt->bump_length, &bump) &&
           bump.height != run->receipt->block.height;
}

static void check_block(struct run *run)
{
    const struct es_receipt_block *block = &run->receipt->block;
    struct es_hash hash = es_header_hash(block->header);
    struct es_target target = {{0}};
    if (!es_hash_equal(&hash, &block->hash)) {
        found(run, ES_VERIFY_BLOCK, ES_VERIFY_BROKEN,
              "the header does not hash to the block hash that the receipt names");
        return;
    }
    if (bump_height_differs(run)) {
        found(run, ES_VERIFY_BLOCK, ES_VERIFY_BROKEN,
              "the block height is not the one in the BUMP");
        return;
    }
    if (!es_header_has_work(block->header, run->options->network) ||
        !es_target_from_bits(es_header_parse(block->header).bits, &target)) {
        found(run, ES_VERIFY_BLOCK, ES_VERIFY_BROKEN,
              "the header has no valid proof of work for network %s",
              es_network_rules(run->options->network)->name);
        return;
    }
    char text[ES_HASH256_TEXT_SIZE];
    es_hash256_format(&hash, text);
    found(run, ES_VERIFY_BLOCK, ES_VERIFY_OK,
          "block %s at height %" PRIu64 " on network %s has proof of work (about 2^%u hashes)",
          text, block->height, es_network_rules(run->options->network)->name,
          es_target_work_log2(&target));
}

/* Whether the header FIRST at HEIGHT is the pinned block. */
static bool is_pinned(const struct es_verify_options *options, const unsigned char *first,
                      uint64_t height)
{
    struct es_hash hash = es_header_hash(first);
    return height == options->pin_height && es_hash_equal(&hash, &options->pin_hash);
}

static void check_without_headers(struct run *run)
{
    const struct es_receipt_block *block = &run->receipt->block;
    if (!run->options->has_pin) {
        found(run, ES_VERIFY_HEADERS, ES_VERIFY_ABSENT,
              "the receipt holds no headers and no pinned block was given: "
              "the block stands on its proof of work alone");
        return;
    }
    if (is_pinned(run->options, block->header, block->height)) {
        found(run, ES_VERIFY_HEADERS, ES_VERIFY_OK, "the block is the pinned one");
        return;
    }
    found(run, ES_VERIFY_HEADERS, ES_VERIFY_BROKEN,
          "the receipt holds no headers that lead to the pinned block at height %" PRIu64,
          run->options->pin_height);
}

/* Returns the first thing wrong with the list of headers itself, or NULL. */
static const char *list_fault(const struct run *run)
{
    static const char *const texts[] = {
        [ES_HEADER_LIST_OK] = NULL,
        [ES_HEADER_LIST_WORK] = "a header has no valid proof of work",
        [ES_HEADER_LIST_LINK] = "a header does not follow the one before it",
        [ES_HEADER_LIST_TARGET] = "the difficulty falls faster than the network allows",
    };
    const struct es_receipt *receipt = run->receipt;
    size_t last = receipt->header_count - 1;
    size_t at = 0;
    if (memcmp(receipt->headers + last * ES_HEADER_SIZE, receipt->block.header, ES_HEADER_SIZE) !=
        0) {
        return "the last header is not that of the block";
    }
    if (receipt->block.height < last) {
        return "there are more headers than the height of the block allows";
    }
    return texts[es_header_list_check(receipt->headers, receipt->header_count,
                                      run->options->network, &at)];
}

static void check_headers(struct run *run)
{
    const struct es_receipt *receipt = run->receipt;
    if (receipt->header_count == 0) {
        check_without_headers(run);
        return;
    }
    const char *fault = list_fault(run);
    if (fault != NULL) {
        found(run, ES_VERIFY_HEADERS, ES_VERIFY_BROKEN, "%s", fault);
        return;
    }
    uint64_t first_height = receipt->block.height - (receipt->header_count - 1);
    if (run->options->has_pin && !is_pinned(run->options, receipt->headers, first_height)) {
        found(run, ES_VERIFY_HEADERS, ES_VERIFY_BROKEN,
              "the first header is not the pinned block at height %" PRIu64,
              run->options->pin_height);
        return;
    }
    found(run, ES_VERIFY_HEADERS, ES_VERIFY_OK,
          "%zu headers lead from %s block at height %" PRIu64 " to the block",
          receipt->header_count, run->options->has_pin ? "the pinned" : "a (not pinned)",
          first_height);
}

struct check {
    enum es_verify_link link;
    enum es_receipt_status from; /* the status that brings the part into a receipt */
    void (*run)(struct run *run);
};

static const struct check checks[] = {
    {ES_VERIFY_LEAF, ES_RECEIPT_PENDING, check_leaf},
    {ES_VERIFY_INCLUSION, ES_RECEIPT_SEALED, check_inclusion},
    {ES_VERIFY_CHECKPOINT, ES_RECEIPT_SEALED, check_checkpoint},
    {ES_VERIFY_TRANSACTION, ES_RECEIPT_SENT, check_transaction},
    {ES_VERIFY_BUMP, ES_RECEIPT_MINED, check_bump},
    {ES_VERIFY_BLOCK, ES_RECEIPT_MINED, check_block},
    {ES_VERIFY_HEADERS, ES_RECEIPT_MINED, check_headers},
};

static enum es_verify_outcome outcome_of(const struct es_verify_report *report)
{
    for (size_t i = 0; i < ES_VERIFY_LINK_COUNT; i++) {
        if (report->links[i].state == ES_VERIFY_BROKEN) {
            return ES_VERIFY_FALSE;
        }
    }
    return report->links[ES_VERIFY_BLOCK].state == ES_VERIFY_OK ? ES_VERIFY_HOLDS
                                                                : ES_VERIFY_INCOMPLETE;
}

static void check_parts(struct run *run)
{
    if (has_parts_of(run, ES_RECEIPT_SEALED)) {
        open_checkpoint(run);
    }
    for (size_t i = 0; i < ES_ARRAY_LEN(checks); i++) {
        if (has_parts_of(run, checks[i].from)) {
            checks[i].run(run);
        } else {
            found(run, checks[i].link, ES_VERIFY_ABSENT, "the receipt is only %s",
                  es_receipt_status_text(run->receipt->status));
        }
    }
}

void es_verify_receipt(struct es_arena *arena, const char *text, size_t length,
                       const struct es_verify_options *options, struct es_verify_report *ret_report)
{
    const char *why = NULL;
    struct run run = {.arena = arena, .options = options, .report = ret_report};
    *ret_report = (struct es_verify_report){.receipt = NULL};
    run.receipt = es_receipt_parse(arena, text, length, &why);
    ret_report->receipt = run.receipt;
    if (run.receipt != NULL) {
        found(&run, ES_VERIFY_FORMAT, ES_VERIFY_OK, "the text is a receipt in canonical form");
        check_parts(&run);
    } else {
        found(&run, ES_VERIFY_FORMAT, ES_VERIFY_BROKEN, "this is not a valid receipt: %s", why);
        for (size_t i = 0; i < ES_ARRAY_LEN(checks); i++) {
            found(&run, checks[i].link, ES_VERIFY_SKIPPED, "the receipt could not be read");
        }
    }
    ret_report->outcome = outcome_of(ret_report);
}
