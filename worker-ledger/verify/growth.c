#include "worker-ledger/verify/growth.h"

#include "common/tlog/checkpoint.h"
#include "common/tlog/tile-proof.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One verification under way. */
struct run {
    const struct es_verify_options *options;
    const struct es_tile_store *tiles;
    struct es_growth_report *report;
    struct es_checkpoint old;
    struct es_checkpoint new;
    bool tile_differs; /* from what the tile above it says */
};

const char *es_growth_link_text(enum es_growth_link link)
{
    static const char *const texts[ES_GROWTH_LINK_COUNT] = {
        [ES_GROWTH_OLD] = "old",
        [ES_GROWTH_NEW] = "new",
        [ES_GROWTH_TILES] = "tiles",
        [ES_GROWTH_CONSISTENCY] = "consistency",
    };
    return texts[link];
}

static void found(struct run *run, enum es_growth_link link, enum es_verify_state state,
                  const char *format, ...) ES_PRINTF(4, 5);

static void found(struct run *run, enum es_growth_link link, enum es_verify_state state,
                  const char *format, ...)
{
    struct es_verify_finding *finding = &run->report->links[link];
    va_list args;
    finding->state = state;
    va_start(args, format);
    (void)vsnprintf(finding->message, sizeof(finding->message), format, args);
    va_end(args);
}

/* --- checkpoints ----------------------------------------------------------------------------- */
/* False when there is nothing to go on with. Signatures by other keys are allowed beside the log's:
 * witnesses add theirs. */
static bool check_note(struct run *run, enum es_growth_link link, const struct es_growth_note *note,
                       struct es_checkpoint *ret_checkpoint)
{
    const struct es_verify_options *options = run->options;
    enum es_note_verdict verdict = es_checkpoint_open(note->text, note->length, options->log_keys,
                                                      options->log_key_count, ret_checkpoint, NULL);
    if (verdict == ES_NOTE_MALFORMED) {
        found(run, link, ES_VERIFY_BROKEN, "is not a signed note of the form origin, size, root");
        return false;
    }
    if (options->skip_log_key) {
        found(run, link, ES_VERIFY_SKIPPED,
              "%" PRIu64 " leaves; the signature was not checked, so nothing says that %s is the"
              " true log",
              ret_checkpoint->size, ret_checkpoint->origin);
        return true;
    }
    if (verdict != ES_NOTE_GOOD) {
        found(run, link, ES_VERIFY_BROKEN, "the checkpoint of %s %s", ret_checkpoint->origin,
              verdict == ES_NOTE_FORGED ? "bears a false signature: it was changed or forged"
                                        : "is not signed by any log key that was given");
        return false;
    }
    found(run, link, ES_VERIFY_OK, "%s signed a tree of %" PRIu64 " leaves", ret_checkpoint->origin,
          ret_checkpoint->size);
    return true;
}

static bool check_pair(struct run *run)
{
    if (strcmp(run->old.origin, run->new.origin) != 0) {
        found(run, ES_GROWTH_NEW, ES_VERIFY_BROKEN, "is of another log: %s", run->new.origin);
        return false;
    }
    if (run->new.size < run->old.size) {
        found(run, ES_GROWTH_NEW, ES_VERIFY_BROKEN,
              "has %" PRIu64 " leaves, fewer than the old one's %" PRIu64, run->new.size,
              run->old.size);
        return false;
    }
    return true;
}

/* --- tiles ----------------------------------------------------------------------------------- */
/* Reads a tile of the new tree. A full one has to give the hash that the tile above holds, up to
 * those at the right edge, which the root binds. */
static bool read_bound(void *context, const struct es_tile *wanted,
                       struct es_hash ret_hashes[ES_TILE_WIDTH], size_t *ret_width)
{
    struct run *run = context;
    struct es_hash above[ES_TILE_WIDTH];
    struct es_tile parent = {.level = wanted->level + 1, .index = wanted->index / ES_TILE_WIDTH};
    size_t width = 0;
    if (!run->tiles->read(run->tiles->context, wanted, ret_hashes, ret_width) ||
        *ret_width < wanted->width) {
        return false;
    }
    parent.width = es_tile_width(parent.level, parent.index, run->new.size);
    if (wanted->width < ES_TILE_WIDTH || parent.width == 0) {
        return true;
    }
    if (!read_bound(run, &parent, above, &width)) {
        return false;
    }
    struct es_hash root = es_tile_subtree(ret_hashes, ES_TILE_HEIGHT);
    if (!es_hash_equal(&root, &above[wanted->index % ES_TILE_WIDTH])) {
        run->tile_differs = true;
    }
    return true;
}

static void tiles_differ(struct run *run)
{
    found(run, ES_GROWTH_TILES, ES_VERIFY_BROKEN,
          "are not those of the new checkpoint: damaged, or of another log");
}

/* --- the whole ------------------------------------------------------------------------------- */
static void tiles_missing(struct run *run)
{
    found(run, ES_GROWTH_TILES, ES_VERIFY_ABSENT, "a tile of the new tree is not there");
}

static void check_proof(struct run *run, const struct es_tile_store *bound)
{
    struct es_merkle_proof proof;
    if (es_tile_consistency(bound, run->old.size, run->new.size, &proof) != ES_TILE_OK) {
        tiles_missing(run);
        return;
    }
    if (run->tile_differs) {
        tiles_differ(run);
        return;
    }
    found(run, ES_GROWTH_TILES, ES_VERIFY_OK, "lead to the root of the new checkpoint");
    if (es_merkle_check_consistency(run->old.size, &run->old.root, run->new.size, &run->new.root,
                                    proof.hashes, proof.length)) {
        found(run, ES_GROWTH_CONSISTENCY, ES_VERIFY_OK,
              "the first %" PRIu64 " of the %" PRIu64 " leaves are those of the old checkpoint",
              run->old.size, run->new.size);
    } else {
        found(run, ES_GROWTH_CONSISTENCY, ES_VERIFY_BROKEN,
              "the new tree does not begin with the old one: the log told two histories, and the"
              " two checkpoints prove it");
    }
}

static void check_growth(struct run *run)
{
    struct es_tile_store bound = {.context = run, .read = read_bound};
    struct es_hash root;
    if (es_tile_root(&bound, run->new.size, &root) != ES_TILE_OK) {
        tiles_missing(run);
    } else if (!es_hash_equal(&root, &run->new.root) || run->tile_differs) {
        tiles_differ(run);
    } else {
        check_proof(run, &bound);
    }
}

static enum es_verify_outcome outcome_of(const struct es_growth_report *report)
{
    enum es_verify_outcome outcome = ES_VERIFY_HOLDS;
    for (size_t i = 0; i < ES_GROWTH_LINK_COUNT; i++) {
        if (report->links[i].state == ES_VERIFY_BROKEN) {
            return ES_VERIFY_FALSE;
        }
        if (report->links[i].state == ES_VERIFY_ABSENT) {
            outcome = ES_VERIFY_INCOMPLETE;
        }
    }
    return outcome;
}

void es_verify_growth(const struct es_growth_note *old, const struct es_growth_note *new,
                      const struct es_verify_options *options, const struct es_tile_store *tiles,
                      struct es_growth_report *ret_report)
{
    struct run run = {.options = options, .tiles = tiles, .report = ret_report};
    for (size_t i = 0; i < ES_GROWTH_LINK_COUNT; i++) {
        found(&run, (enum es_growth_link)i, ES_VERIFY_SKIPPED, "a link before it is broken");
    }
    bool old_stands = check_note(&run, ES_GROWTH_OLD, old, &run.old);
    bool new_stands = check_note(&run, ES_GROWTH_NEW, new, &run.new);
    if (old_stands && new_stands && check_pair(&run)) {
        check_growth(&run);
    }
    ret_report->outcome = outcome_of(ret_report);
}
