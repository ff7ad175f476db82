#include "worker-ledger/wallet/best-chain.h"

#include "common/base/arena.h"
#include "worker-ledger/chain/header.h"
#include "worker-ledger/db/headers.h"

#define HEADERS_A_ROUND 20
#define FORK_DEPTH_MAX  1000 /* blocks that a reorganisation may replace at most */
#define FIRST_DEPTH     10   /* how far below the tip we begin */
#define KNOWN_DEPTH     100  /* below the tip: the header that new ones are measured by */

struct follower {
    struct es_db *db;
    struct es_provider *reader;
    enum es_network network;
    struct es_header_range range; /* what we held when the round began */
    struct es_block_header known; /* of those, KNOWN_DEPTH below the tip or the lowest */
    struct es_tip tip;            /* the reader's */
    struct es_chain_news news;
};

/* The reader's header at HEIGHT, with its proof of work checked. */
static bool fetch(const struct follower *follower, int64_t height,
                  struct es_block_header *ret_header)
{
    struct es_block_header header;
    if (es_provider_header_by_height(follower->reader, height, &header) != ES_QUESTION_ANSWERED ||
        !es_header_has_work(header.raw, follower->network)) {
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

/* Up to LIMIT headers from HEIGHT on, as far as each follows the one before (the first: PREVIOUS)
 * and is not easier than the network allows. How many. */
static size_t fetch_run(const struct follower *follower, int64_t height, struct es_hash previous,
                        struct es_block_header *headers, size_t limit)
{
    size_t count = 0;
    while (count < limit && height <= follower->tip.height) {
        if (!fetch(follower, height, &headers[count]) || !follows(&headers[count], &previous) ||
            !is_allowed(&follower->known, &headers[count], follower->network)) {
            break;
        }
        previous = headers[count++].hash;
        height++;
    }
    return count;
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
    size_t count = 1 + fetch_run(follower, first + 1, headers[0].hash, &headers[1], FIRST_DEPTH);
    return extend(follower, first - 1, headers, count);
}

/* Whether the reader has at HEIGHT what we have there. False in *RET_ASKED when that cannot be
 * told. */
static bool shared(const struct follower *follower, int64_t height, struct es_hash *ret_ours,
                   bool *ret_asked, enum es_db_result *ret_result)
{
    struct es_block_header ours = {.height = height};
    struct es_block_header theirs;
    *ret_result = es_headers_at(follower->db, height, &ours);
    *ret_asked = *ret_result == ES_DB_OK && fetch(follower, height, &theirs);
    *ret_ours = ours.hash;
    return *ret_asked && es_hash_equal(&ours.hash, &theirs.hash);
}

/* Where the reader's chain leaves ours. */
struct fork {
    bool found;
    int64_t height;      /* of the last block in common; below the lowest we hold: none is */
    struct es_hash hash; /* of that block; not set when there is none */
};

/* Below the fork all is shared and above it nothing, so halving finds it. */
static enum es_db_result find_fork(const struct follower *follower, struct fork *ret_fork)
{
    const struct es_header_range *range = &follower->range;
    int64_t low = range->lowest_height - 1; /* shared, or below all that we hold */
    int64_t high = range->tip.height + 1;   /* not shared */
    struct fork fork = {.height = low};
    enum es_db_result result = ES_DB_OK;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        struct es_hash ours;
        bool asked = false;
        if (shared(follower, middle, &ours, &asked, &result)) {
            low = middle;
            fork.height = middle;
            fork.hash = ours;
        } else {
            high = middle;
        }
        if (!asked) {
            return result;
        }
    }
    fork.found = range->tip.height - fork.height <= FORK_DEPTH_MAX;
    *ret_fork = fork;
    return ES_DB_OK;
}

/* The branch above the fork, longer than ours by one block, in one go. */
static enum es_db_result switch_branch(struct follower *follower)
{
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct fork fork = {.found = false};
    enum es_db_result result = find_fork(follower, &fork);
    if (result != ES_DB_OK || !fork.found) {
        return result;
    }
    if (fork.height < follower->range.lowest_height) {
        struct es_block_header below; /* nothing in common: theirs replaces all that we hold */
        if (!fetch(follower, fork.height, &below)) {
            return ES_DB_OK;
        }
        fork.hash = below.hash;
    }
    size_t needed = (size_t)(follower->range.tip.height + 1 - fork.height);
    struct es_block_header *headers = es_arena_alloc(arena, needed * sizeof(*headers));
    if (fetch_run(follower, fork.height + 1, fork.hash, headers, needed) < needed) {
        return ES_DB_OK; /* it changed while we looked */
    }
    return extend(follower, fork.height, headers, needed);
}

static enum es_db_result grow(struct follower *follower)
{
    struct es_block_header headers[HEADERS_A_ROUND];
    const struct es_tip *ours = &follower->range.tip;
    if (follower->tip.height <= ours->height) {
        return ES_DB_OK; /* ours, a competitor that is not longer, or a reader that lags */
    }
    enum es_db_result result = load_known(follower->db, &follower->range, &follower->known);
    if (result != ES_DB_OK) {
        return result;
    }
    size_t count = fetch_run(follower, ours->height + 1, ours->hash, headers, HEADERS_A_ROUND);
    return count > 0 ? extend(follower, ours->height, headers, count) : switch_branch(follower);
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

enum es_db_result es_best_chain_follow(struct es_db *db, struct es_provider *reader,
                                       enum es_network network, struct es_chain_news *ret_news)
{
    struct follower follower = {
        .db = db, .reader = reader, .network = network, .news = {.tip_height = -1}};
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
