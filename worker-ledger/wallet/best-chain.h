/*
 * Following the best chain by its headers: what is mined counts its confirmations on them.
 *
 * Headers are taken one by one upward from the highest we hold, each checked for proof of work, for
 * naming the one before, and for being about as hard to make as those we hold. A reorganisation
 * shows as a header that does not fit: then the last common one is looked for downward from our
 * tip, in growing steps and then by halves, and the new branch is taken over once it is longer than
 * ours (first seen wins until then, as nodes have it). What was learnt of it is kept from round to
 * round, so that a reader that answers little at a time is enough. The chain we hold has no gaps
 * and begins where it was first needed; it is extended downward when a transaction was mined
 * further back.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/db/db.h"
#include "worker-ledger/chain/network.h"
#include "worker-ledger/providers/provider.h"

#include <stdbool.h>
#include <stdint.h>

struct es_chain_news {
    int64_t tip_height; /* -1: not known */
    bool changed;       /* there are new headers */
    bool more;          /* and more to fetch: call again soon */
    int64_t left;       /* headers that a reorganisation took off the best chain */
};

/* What is kept between the rounds of one thread. */
struct es_best_chain;
struct es_best_chain *es_best_chain_new(enum es_network network) ES_MUST_CHECK;
struct es_best_chain *es_best_chain_free(struct es_best_chain *chain);

/* One round: ask READER for news and take a bounded number of headers. A reader that does not
 * answer, or answers what does not hold, changes nothing. */
enum es_db_result es_best_chain_follow(struct es_best_chain *chain, struct es_db *db,
                                       struct es_provider *reader,
                                       struct es_chain_news *ret_news) ES_MUST_CHECK;

/* Whether HEADER, wherever it comes from, is about as hard to make as those we hold (always so on a
 * network without steady targets). ES_DB_NO_ROW while we hold none. */
enum es_db_result es_best_chain_allows(struct es_db *db, enum es_network network,
                                       const struct es_block_header *header,
                                       bool *ret_allowed) ES_MUST_CHECK;
