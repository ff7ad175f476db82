#include "worker-ledger/wallet/best-chain.h"

#include "common/base/mem.h"
#include "worker-ledger/chain/header.h"
#include "worker-ledger/db/headers.h"

#include <stdlib.h>

#define HEADERS_A_ROUND 20
#define FORK_DEPTH_MAX  1000 /* blocks that a reorganisation may replace at most */
#define FIRST_DEPTH     10   /* how far below the tip we begin */
#define KNOWN_DEPTH     100  /* below the tip: the header that new ones are measured by */

/* Where the reader's chain leaves ours, and its headers above that, as far as they are known: a
 * reader that answers little at a time takes several rounds for it. */
struct branch {
    bool open;
    struct es_hash ours; /* our tip when this began: with another one the rest means nothing */
    int64_t shared;      /* highest height known to be in common; below all we hold: none is */
    int64_t differs;     /* lowest height known not to be */
    int64_t step;        /* of the next look further down; 0: one in common is found */
    bool based;          /* the hash at SHARED is known: */
    struct es_hash base;
    struct es_block_header *headers; /* from SHARED + 1 on */
    size_t count;
};

struct es_best_chain {
    enum es_network network;
    struct branch branch;
};

struct follower {
    struct es_best_chain *chain;
    struct es_db *db;
    struct es_provider *reader;
    struct es_header_range range; /* what we held when the round began */
    struct es_block_header known; /* of those, KNOWN_DEPTH below the tip or the lowest */
    struct es_tip tip;            /* the reader's */
    struct es_chain_news news;
};

struct es_best_chain *es_best_chain_new(enum es_network network)
{
    struct es_best_chain *chain = ES_NEW(struct es_best_chain);
    chain->network = network;
    return chain;
}

static void drop_branch(struct es_best_chain *chain)
{
    free(chain->branch.headers);
    chain->branch = (struct branch){.open = false};
}

struct es_best_chain *es_best_chain_free(struct es_best_chain *chain)
{
    if (chain != NULL) {
        drop_branch(chain);
        free(chain);
    }
    return NULL;
}

/* The reader's header at HEIGHT, with its proof of work checked. */
static bool fetch(const struct follower *follower, int64_t height,
                  struct es_block_header *ret_header)
{
    struct es_block_header header;
    if (es_provider_header_by_height(follower->reader, height, &header) != ES_QUESTION_ANSWERED ||
        !es_header_has_work(header.raw, follower->chain->network)) {
        return false;
    }
    *ret_header = header;
    return true;
}

/* By the tip itself, false headers could become easier and easier from round to round. */
static enum es_db_result load_known(struct es_db *db, const struct es_header_range *range,
                                    struct es_block_header *ret_known)
{
    int64_t height = range->tip.height - KNOWN_DEPTH;
    return es_headers_at(db, height > range->lowest_height ? height : range->lowest_height,
                         ret_known);
}

static bool is_allowed(const struct es_block_header *known, const struct es_block_header *header,
                       enum es_network network)
{
    int64_t apart = header->height - known->height;
    return es_header_target_allowed(known->raw, header->raw, (size_t)(apart < 0 ? -apart : apart),
                                    network);
}

static bool follows(const struct es_block_header *header, const struct es_hash *previous)
{
    struct es_header fields = es_header_parse(header->raw);
    return es_hash_equal(&fields.previous, previous);
}

/* How a run of headers ended. */
enum run_end {
    RUN_WHOLE,        /* all that were asked for, or all there are */
    RUN_UNANSWERED,   /* the reader gave no header that could be used */
    RUN_OTHER_BRANCH, /* one that does not follow the one before */
    RUN_TOO_EASY,     /* one that the network does not allow */
};

/* Up to LIMIT headers from HEIGHT on, as far as each follows the one before (the first: PREVIOUS)
 * and is not easier than the network allows; *RET_COUNT of them. */
static enum run_end fetch_run(const struct follower *follower, int64_t height,
                              struct es_hash previous, struct es_block_header *headers,
                              size_t limit, size_t *ret_count)
{
    enum run_end end = RUN_WHOLE;
    size_t count = 0;
    while (end == RUN_WHOLE && count < limit && height <= follower->tip.height) {
        struct es_block_header *header = &headers[count];
        if (!fetch(follower, height, header)) {
            end = RUN_UNANSWERED;
        } else if (!follows(header, &previous)) {
            end = RUN_OTHER_BRANCH;
        } else if (!is_allowed(&follower->known, header, follower->chain->network)) {
            end = RUN_TOO_EASY;
        } else {
            previous = header->hash;
            count++;
            height++;
        }
    }
    *ret_count = count;
    return end;
}

static enum es_db_result extend(struct follower *follower, int64_t fork_height,
                                const struct es_block_header *headers, size_t count)
{
    const struct es_tip *expected = follower->range.held ? &follower->range.tip : NULL;
    int64_t left = 0;
    enum es_db_result result =
        es_headers_extend(follower->db, expected, fork_height, headers, count, &left);
    if (result == ES_DB_NO_ROW) {
        return ES_DB_OK; /* another process has moved the tip: look again in the next round */
    }
    if (result == ES_DB_OK) {
        follower->news.changed = true;
        follower->news.left = left;
        follower->news.tip_height = headers[count - 1].height;
        follower->news.more = headers[count - 1].height < follower->tip.height;
    }
    return result;
}

/* The first headers we ever hold. */
static enum es_db_result begin(struct follower *follower)
{
    struct es_block_header headers[FIRST_DEPTH + 1];
    int64_t first = follower->tip.height > FIRST_DEPTH ? follower->tip.height - FIRST_DEPTH : 1;
    if (follower->tip.height < first || !fetch(follower, first, &headers[0])) {
        return ES_DB_OK;
    }
    follower->known = headers[0];
    size_t count = 0;
    (void)fetch_run(follower, first + 1, headers[0].hash, &headers[1], FIRST_DEPTH, &count);
    return extend(follower, first - 1, headers, 1 + count);
}

/* --- another branch -------------------------------------------------------------------------- */
static bool is_searching(const struct follower *follower)
{
    const struct branch *branch = &follower->chain->branch;
    return branch->open && es_hash_equal(&branch->ours, &follower->range.tip.hash);
}

static void begin_search(struct follower *follower)
{
    const struct es_header_range *range = &follower->range;
    drop_branch(follower->chain);
    follower->chain->branch = (struct branch){
        .open = true,
        .ours = range->tip.hash,
        .shared = range->lowest_height - 1,
        .differs = range->tip.height,
        .step = 1,
    };
}

/* Downward from our tip in steps of 1, 2, 4, …, as most branches are short, and by halves once a
 * height in common is found: below the fork all is in common and above it nothing. */
static int64_t next_probe(const struct branch *branch)
{
    int64_t probe = branch->step > 0 ? branch->differs - branch->step
                                     : branch->shared + (branch->differs - branch->shared) / 2;
    return probe > branch->shared ? probe : branch->shared + 1;
}

static void note_probe(struct branch *branch, int64_t height, const struct es_hash *ours,
                       const struct es_hash *theirs)
{
    if (es_hash_equal(ours, theirs)) {
        branch->shared = height;
        branch->based = true;
        branch->base = *ours;
        branch->step = 0;
    } else {
        branch->differs = height;
        branch->step *= 2;
    }
}

/* Look for the fork until it is found or the reader stops answering. False in *RET_FOUND also when
 * it lies too deep. */
static enum es_db_result find_fork(struct follower *follower, bool *ret_found)
{
    struct branch *branch = &follower->chain->branch;
    *ret_found = false;
    while (branch->differs - branch->shared > 1) {
        int64_t height = next_probe(branch);
        struct es_block_header ours;
        struct es_block_header theirs;
        enum es_db_result result = es_headers_at(follower->db, height, &ours);
        if (result != ES_DB_OK || !fetch(follower, height, &theirs)) {
            return result;
        }
        note_probe(branch, height, &ours.hash, &theirs.hash);
        if (follower->range.tip.height - branch->differs >= FORK_DEPTH_MAX) {
            drop_branch(follower->chain);
            return ES_DB_OK;
        }
    }
    *ret_found = true;
    return ES_DB_OK;
}

/* Have the hash that the branch stands on. With nothing in common the branch replaces all that we
 * hold, and it is the reader's. */
static bool find_base(struct follower *follower)
{
    struct branch *branch = &follower->chain->branch;
    struct es_block_header below;
    if (!branch->based && fetch(follower, branch->shared, &below)) {
        branch->based = true;
        branch->base = below.hash;
    }
    return branch->based;
}

/* The branch above the fork, longer than ours by one block, in one go. */
static enum es_db_result take_branch(struct follower *follower)
{
    struct branch *branch = &follower->chain->branch;
    size_t needed = (size_t)(follower->range.tip.height + 1 - branch->shared);
    size_t count = 0;
    if (branch->headers == NULL) {
        branch->headers = es_calloc(needed, sizeof(*branch->headers));
    }
    enum run_end end =
        fetch_run(follower, branch->shared + 1 + (int64_t)branch->count,
                  branch->count > 0 ? branch->headers[branch->count - 1].hash : branch->base,
                  &branch->headers[branch->count], needed - branch->count, &count);
    branch->count += count;
    if (end == RUN_UNANSWERED) {
        return ES_DB_OK; /* goes on in the next round */
    }
    enum es_db_result result = branch->count == needed
                                   ? extend(follower, branch->shared, branch->headers, needed)
                                   : ES_DB_OK; /* it changed while we looked */
    drop_branch(follower->chain);
    return result;
}

static enum es_db_result switch_branch(struct follower *follower)
{
    bool found = false;
    enum es_db_result result = find_fork(follower, &found);
    return result == ES_DB_OK && found && find_base(follower) ? take_branch(follower) : result;
}

/* --- growing --------------------------------------------------------------------------------- */
static enum es_db_result grow(struct follower *follower)
{
    struct es_block_header headers[HEADERS_A_ROUND];
    const struct es_tip *ours = &follower->range.tip;
    size_t count = 0;
    if (follower->tip.height <= ours->height) {
        return ES_DB_OK; /* ours, a competitor that is not longer, or a reader that lags */
    }
    enum es_db_result result = load_known(follower->db, &follower->range, &follower->known);
    if (result != ES_DB_OK || is_searching(follower)) {
        return result == ES_DB_OK ? switch_branch(follower) : result;
    }
    enum run_end end =
        fetch_run(follower, ours->height + 1, ours->hash, headers, HEADERS_A_ROUND, &count);
    if (count > 0) {
        return extend(follower, ours->height, headers, count);
    }
    if (end != RUN_OTHER_BRANCH) {
        return ES_DB_OK;
    }
    begin_search(follower);
    return switch_branch(follower);
}

/* Down to the lowest block that holds a mined transaction of ours. */
static enum es_db_result deepen(struct follower *follower)
{
    struct es_header_range *range = &follower->range;
    enum es_db_result result = ES_DB_OK;
    for (int i = 0; i < HEADERS_A_ROUND && range->held && range->needed_height >= 0 &&
                    range->lowest_height > range->needed_height && result == ES_DB_OK;
         i++) {
        struct es_block_header header;
        if (!fetch(follower, range->lowest_height - 1, &header) ||
            !es_hash_equal(&header.hash, &range->lowest_previous)) {
            break;
        }
        result = es_headers_prepend(follower->db, &header);
        range->lowest_height--;
        range->lowest_previous = es_header_parse(header.raw).previous;
        follower->news.changed = true;
    }
    return result;
}

enum es_db_result es_best_chain_follow(struct es_best_chain *chain, struct es_db *db,
                                       struct es_provider *reader, struct es_chain_news *ret_news)
{
    struct follower follower = {
        .chain = chain, .db = db, .reader = reader, .news = {.tip_height = -1}};
    enum es_db_result result = es_headers_range(db, &follower.range);
    if (result != ES_DB_OK) {
        return result;
    }
    if (follower.range.held) {
        follower.news.tip_height = follower.range.tip.height;
    }
    if (es_provider_tip(reader, &follower.tip) == ES_QUESTION_ANSWERED) {
        result = follower.range.held ? grow(&follower) : begin(&follower);
        if (result == ES_DB_OK) {
            result = deepen(&follower);
        }
    }
    if (result == ES_DB_OK) {
        *ret_news = follower.news;
    }
    return result;
}

enum es_db_result es_best_chain_allows(struct es_db *db, enum es_network network,
                                       const struct es_block_header *header, bool *ret_allowed)
{
    struct es_header_range range;
    struct es_block_header known;
    *ret_allowed = !es_network_rules(network)->steady_target;
    if (*ret_allowed) {
        return ES_DB_OK;
    }
    enum es_db_result result = es_headers_range(db, &range);
    if (result == ES_DB_OK) {
        result = range.held ? load_known(db, &range, &known) : ES_DB_NO_ROW;
    }
    if (result == ES_DB_OK) {
        *ret_allowed = is_allowed(&known, header, network);
    }
    return result;
}
