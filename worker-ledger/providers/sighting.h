/*
 * What a provider says about one transaction, in one vocabulary for all providers.
 *
 * The distinction everything rests on (J2.11): REFUSED is definite, the transaction cannot become
 * valid at this provider; UNCLEAR teaches nothing, the transaction may be on its way; BUSY means
 * that the provider certainly did not act. An HTTP status alone never means acceptance.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/tlog/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum es_sight {
    ES_SIGHT_UNCLEAR,
    ES_SIGHT_BUSY,
    ES_SIGHT_UNKNOWN,     /* the provider does not know the transaction */
    ES_SIGHT_TAKEN,       /* the provider has it and passes it on */
    ES_SIGHT_ORPHAN,      /* the network lacks a transaction that it spends */
    ES_SIGHT_SEEN,        /* the network has it */
    ES_SIGHT_CONTESTED,   /* the network has another one that spends the same coin */
    ES_SIGHT_STALE_BLOCK, /* it was in a block that a reorganisation took away */
    ES_SIGHT_MINED,
    ES_SIGHT_REFUSED,
};
#define ES_SIGHT_COUNT ((size_t)ES_SIGHT_REFUSED + 1)

enum es_refusal {
    ES_REFUSAL_NONE,
    ES_REFUSAL_FEE,    /* pays too little: a new transaction has to pay more */
    ES_REFUSAL_COIN,   /* what it spends is missing, spent or wanted by another transaction */
    ES_REFUSAL_FROZEN, /* what it spends is frozen */
    ES_REFUSAL_OTHER,  /* everything else about the transaction itself */
};

/* UNCLEAR because the node keeps no index of transactions (-txindex). */
#define ES_REASON_NO_TXINDEX "no_txindex"

#define ES_SIGHTING_REASON_SIZE 32
#define ES_SIGHTING_DETAIL_SIZE 161

struct es_sighting {
    enum es_sight sight;
    enum es_refusal refusal; /* ES_SIGHT_REFUSED: why */

    /* ES_SIGHT_MINED: the block (internal order), and a BUMP when the provider gave one along. The
     * block's height is taken from its header. */
    bool has_block;
    struct es_hash block_hash;
    const unsigned char *bump; /* in the caller's arena, or NULL; not checked yet */
    size_t bump_length;

    int64_t retry_after_ms;               /* 0: not said */
    char reason[ES_SIGHTING_REASON_SIZE]; /* a stable word for counters: "http_503", "fee" */
    char detail[ES_SIGHTING_DETAIL_SIZE]; /* the provider's own words, printable, cut; for people */
};

/* A sighting with REASON and no detail. */
struct es_sighting es_sighting_make(enum es_sight sight, const char *reason);

/* A refusal of kind REFUSAL; its reason is the kind's word. */
struct es_sighting es_sighting_refused(enum es_refusal refusal);

/* An answer with HTTP STATUS that says nothing else: 429 is BUSY, 401 and 403 are BUSY (nothing was
 * done for a stranger), everything else is UNCLEAR. */
struct es_sighting es_sighting_of_http(long status);

/* A transaction that a provider knows, in the block that it names: MINED; without one (NULL): SEEN.
 * A name that is none is UNCLEAR. */
struct es_sighting es_sighting_in_block(const char *block);

/* Keep what is printable of LENGTH bytes of TEXT as the detail. */
void es_sighting_set_detail(struct es_sighting *sighting, const void *text, size_t length);

const char *es_sight_name(enum es_sight sight);
const char *es_refusal_name(enum es_refusal refusal);
