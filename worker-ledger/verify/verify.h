/*
 * Checking a receipt offline, link by link: from the event to a block of the chain.
 *
 * Pure: no network, no database, no clock, no file. Used by eldersafe-verify, by eldersafectl and
 * by tests. Every link is judged even when an earlier one is broken, as far as that is possible,
 * and says in a sentence what it found. Nothing a receipt contains is believed; what is believed
 * are the log keys, the network and the pinned block that the caller gives.
 *
 * What a good report means: the event with this salt is leaf LEAF_INDEX of the log whose key was
 * given, under a checkpoint that a transaction of this block commits to. A block is known by its
 * proof of work alone unless a pinned block is given and the receipt carries the headers since, and
 * its height is the receipt's word until then. A pending receipt proves nothing yet; a sealed one
 * rests on the log's signature alone.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"
#include "common/tlog/note.h"
#include "common/tlog/receipt.h"
#include "worker-ledger/chain/network.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order in which they are checked. */
enum es_verify_link {
    ES_VERIFY_FORMAT,      /* the text is a receipt in canonical form */
    ES_VERIFY_LEAF,        /* event and salt give a leaf */
    ES_VERIFY_INCLUSION,   /* the leaf is in the tree of the checkpoint */
    ES_VERIFY_CHECKPOINT,  /* the log signed the checkpoint */
    ES_VERIFY_TRANSACTION, /* the transaction commits to the checkpoint */
    ES_VERIFY_BUMP,        /* the transaction is under the Merkle root of the block header */
    ES_VERIFY_BLOCK,       /* the header is that block, at that height, with proof of work */
    ES_VERIFY_HEADERS,     /* the block follows the pinned one */
};
#define ES_VERIFY_LINK_COUNT 8

enum es_verify_state {
    ES_VERIFY_OK,
    ES_VERIFY_BROKEN,
    ES_VERIFY_ABSENT,  /* the receipt does not hold this part (yet) */
    ES_VERIFY_SKIPPED, /* not asked for, or a broken link before it leaves nothing to check */
};

enum es_verify_outcome {
    ES_VERIFY_HOLDS,      /* every link holds, up to a block */
    ES_VERIFY_FALSE,      /* a link is broken */
    ES_VERIFY_INCOMPLETE, /* holds as far as it goes, but is not yet in a block */
};

struct es_verify_options {
    const struct es_note_key *log_keys; /* any of them may have signed */
    size_t log_key_count;
    bool skip_log_key; /* do not check who signed the checkpoint */
    enum es_network network;
    bool has_pin;
    uint64_t pin_height;
    struct es_hash pin_hash; /* internal order */
};

struct es_verify_finding {
    enum es_verify_state state;
    char message[320]; /* a sentence without final stop; printable ASCII */
};

struct es_verify_report {
    enum es_verify_outcome outcome;
    struct es_verify_finding links[ES_VERIFY_LINK_COUNT];
    const struct es_receipt *receipt; /* in the arena; NULL when the format is broken */
};

/* Check LENGTH bytes of TEXT. The receipt in *RET_REPORT lives in ARENA. */
void es_verify_receipt(struct es_arena *arena, const char *text, size_t length,
                       const struct es_verify_options *options,
                       struct es_verify_report *ret_report);

/* "format", "leaf", ...; "ok", "broken", ...; "holds", "false", "incomplete". */
const char *es_verify_link_text(enum es_verify_link link);
const char *es_verify_state_text(enum es_verify_state state);
const char *es_verify_outcome_text(enum es_verify_outcome outcome);
