/*
 * Answers of providers as values: what is read from their bytes beyond a sighting.
 *
 * All reading is done by pure functions (arc-answer.h, woc-answer.h, node-answer.h): bytes in,
 * struct out, nothing believed that does not parse, nothing logged. Hashes are in internal order.
 */
#pragma once

#include "common/tlog/hash.h"
#include "worker-ledger/chain/header.h"
#include "worker-ledger/chain/tx.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A transaction on its way out. */
struct es_payload {
    struct es_hash txid; /* internal order */
    const unsigned char *raw;
    size_t raw_length;
};

/* The best block a provider knows. */
struct es_tip {
    struct es_hash hash;
    int64_t height;
};

/* A block header as bytes; HASH has been computed from them. */
struct es_block_header {
    unsigned char raw[ES_HEADER_SIZE];
    struct es_hash hash;
    int64_t height;
};

/* A Merkle proof in TSC form, not checked yet. */
struct es_tsc_proof {
    struct es_hash block_hash;
    uint64_t index;
    const char **nodes; /* texts as es_block_path_from_tsc() takes them */
    size_t node_count;
};

/* An unspent output of an address that was asked for. */
struct es_unspent {
    struct es_outpoint outpoint;
    int64_t satoshis;
    bool confirmed; /* in a block */
};

struct es_unspent_list {
    struct es_unspent *items; /* not above ES_UNSPENT_MAX of them */
    size_t count;
    size_t left_out; /* there are more, each no larger than any of these */
};

/* What becomes of a question that is not about a transaction of ours. */
enum es_question {
    ES_QUESTION_ANSWERED,
    ES_QUESTION_ABSENT,      /* answered: there is no such thing */
    ES_QUESTION_UNANSWERED,  /* no usable answer: ask again later */
    ES_QUESTION_UNSUPPORTED, /* this provider cannot be asked that */
};

/* More than any wallet of ours or any page of a provider holds. */
#define ES_UNSPENT_MAX 10000
