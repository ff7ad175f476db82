/*
 * Receipt v1: everything a member, a relative or a notary needs to check one event years later
 * without us, as a struct and as its one canonical JSON text.
 *
 * The text has the members below in this order, no optional white space, lower-case hexadecimal,
 * and 64-bit numbers as decimal strings; strings are escaped as ECMAScript's JSON.stringify does.
 * A parser takes that text and nothing else (plus one optional newline at the end), so no byte of a
 * receipt can change unnoticed. What the parts prove is judged by worker-ledger/verify; here they
 * are only carried, and the bytes of the transaction and of its BUMP are opaque.
 *
 *     receipt     1, the version
 *     status      how far it got; decides which members follow
 *     event       the event's JSON text, byte for byte, as a string
 *     salt        16 bytes
 *     leaf_index  number of the leaf, from 0            (from "sealed" on)
 *     inclusion   array of hashes, leaf side first      (from "sealed" on)
 *     checkpoint  the signed note                       (from "sealed" on)
 *     transaction raw bytes                             (from "sent" on)
 *     bump        BRC-74 path from txid to block        (from "mined" on)
 *     block       {height, hash, header}                (from "mined" on)
 *     headers     80-byte headers from a pinned block to this one, both included (optional then)
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/tlog/hash.h"
#include "common/tlog/leaf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ES_RECEIPT_TEXT_MAX        ((size_t)16 * 1024 * 1024)
#define ES_RECEIPT_EVENT_MAX       ((size_t)64 * 1024)
#define ES_RECEIPT_TRANSACTION_MAX ((size_t)1024 * 1024)
#define ES_RECEIPT_BUMP_MAX        ((size_t)64 * 1024)
#define ES_RECEIPT_HEADER_SIZE     80
#define ES_RECEIPT_HEADERS_MAX     80000 /* so that no receipt exceeds ES_RECEIPT_TEXT_MAX */

enum es_receipt_status {
    ES_RECEIPT_PENDING, /* accepted, not yet in the log */
    ES_RECEIPT_SEALED,  /* in the log, under a signed checkpoint */
    ES_RECEIPT_SENT,    /* the checkpoint's transaction was given to the network */
    ES_RECEIPT_SEEN,    /* the network has it */
    ES_RECEIPT_MINED,   /* it is in a block */
    ES_RECEIPT_FINAL,   /* and enough blocks follow (the issuer's word, as is every status) */
};

struct es_receipt_block {
    uint64_t height;
    struct es_hash hash; /* internal order; the text shows it reversed, as explorers do */
    unsigned char header[ES_RECEIPT_HEADER_SIZE];
};

/* Members that the status does not call for are ignored by the writer and zero after parsing. */
struct es_receipt {
    enum es_receipt_status status;
    const char *event; /* UTF-8, NUL-terminated */
    unsigned char salt[ES_LEAF_SALT_SIZE];
    uint64_t leaf_index;
    const struct es_hash *inclusion;
    size_t inclusion_length;
    const char *checkpoint; /* NUL-terminated */
    const unsigned char *transaction;
    size_t transaction_length;
    const unsigned char *bump;
    size_t bump_length;
    struct es_receipt_block block;
    const unsigned char *headers; /* HEADER_COUNT times 80 bytes; 0: the member is absent */
    size_t header_count;
};

/* "pending", "sealed", ... */
const char *es_receipt_status_text(enum es_receipt_status status);
bool es_receipt_status_parse(const char *text, enum es_receipt_status *ret_status) ES_MUST_CHECK;

/* Append the canonical text, without a final newline, to OUT. False, and OUT untouched, when
 * RECEIPT breaks a rule of the format (a part is missing, too long, or not UTF-8). */
bool es_receipt_write(const struct es_receipt *receipt, struct es_buf *out) ES_MUST_CHECK;

/*
 * Parse LENGTH bytes of TEXT. The result lives in ARENA; NULL when TEXT is not a canonical receipt,
 * and then *RET_WHY is a sentence about the first thing found wrong (static, never NULL).
 */
const struct es_receipt *es_receipt_parse(struct es_arena *arena, const char *text, size_t length,
                                          const char **ret_why) ES_MUST_CHECK;
