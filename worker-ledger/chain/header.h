/*
 * Block headers: fields, id, proof of work, and lists of headers that follow each other.
 *
 * Sources: bitcoin-sv src/primitives/block.h (layout), src/arith_uint256.cpp (compact targets),
 * src/pow.cpp (proof of work and retargeting).
 */
#pragma once

#include "common/base/compiler.h"
#include "common/tlog/hash.h"
#include "worker-ledger/chain/network.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ES_HEADER_SIZE 80

struct es_header {
    uint32_t version;
    struct es_hash previous; /* internal order, as all hashes here */
    struct es_hash merkle_root;
    uint32_t time; /* seconds since 1970 */
    uint32_t bits; /* target in compact form */
    uint32_t nonce;
};

struct es_header es_header_parse(const unsigned char raw[ES_HEADER_SIZE]);

/* Id of the block. */
struct es_hash es_header_hash(const unsigned char raw[ES_HEADER_SIZE]);

/* A target as a number of 256 bits, high byte first. */
struct es_target {
    unsigned char bytes[ES_HASH_SIZE];
};

/* From the compact form; false when it is negative, zero or too large. */
bool es_target_from_bits(uint32_t bits, struct es_target *ret_target) ES_MUST_CHECK;

/* Number of hashes one has to try on average for this target, as a power of two (rounded down). */
unsigned es_target_work_log2(const struct es_target *target);

/* True when the id is at or below the header's target, and that one is allowed on NETWORK. */
bool es_header_has_work(const unsigned char raw[ES_HEADER_SIZE],
                        enum es_network network) ES_MUST_CHECK;

/*
 * Whether the rules of a network with steady targets let a block NUMBER blocks after one with
 * target FIRST have target LATER. A new target is at most 2 times the average of the last 144
 * blocks (bitcoin-sv src/pow.cpp, GetNextCashWorkRequired), which compounds to a factor of
 * about 3.5 in 144 blocks; allowed are 4 for every 144 begun, times 16 for what lies before FIRST,
 * compared by width in bits. This keeps a forger from continuing a true header with blocks that
 * cost nothing; it does not replace the full rule.
 */
bool es_target_may_follow(const struct es_target *first, const struct es_target *later,
                          size_t number) ES_MUST_CHECK;

/* The same for two headers NUMBER blocks apart (0 counts as 1), KNOWN of which is known to be true:
 * whether RAW may be as well. Always true on a network without steady targets. */
bool es_header_target_allowed(const unsigned char known[ES_HEADER_SIZE],
                              const unsigned char raw[ES_HEADER_SIZE], size_t number,
                              enum es_network network) ES_MUST_CHECK;

enum es_header_list_result {
    ES_HEADER_LIST_OK,
    ES_HEADER_LIST_WORK,   /* a header without proof of work */
    ES_HEADER_LIST_LINK,   /* a header that does not name the one before it */
    ES_HEADER_LIST_TARGET, /* difficulty fell faster than the rules of the network allow */
};

/*
 * Check COUNT (at least 1) headers of 80 bytes each, oldest first: proof of work, link to the one
 * before, and (where the network has steady targets) es_target_may_follow() from the first. On a
 * result other than OK the number of the first offending header is stored in *RET_AT.
 */
enum es_header_list_result es_header_list_check(const unsigned char *raws, size_t count,
                                                enum es_network network,
                                                size_t *ret_at) ES_MUST_CHECK;
