/* What the log and the chain know of a leaf: read through functions granted by schema anchor. */
#pragma once

#include "common/base/arena.h"
#include "common/db/db.h"
#include "common/tlog/receipt.h"
#include "common/tlog/tile.h"

/* Fill the log's and the chain's part of *RECEIPT (status, leaf_index, checkpoint, transaction,
 * bump, block; not event, salt and inclusion) for LEAF_ID, in ARENA; *RET_SIZE is the size of the
 * tree its checkpoint covers, 0 while it is pending. */
enum es_db_result receipts_read(struct es_db *db, int64_t leaf_id, struct es_arena *arena,
                                struct es_receipt *receipt, uint64_t *ret_size) ES_MUST_CHECK;

/* The tiles for the inclusion proof of leaf INDEX in the tree of SIZE leaves, read at once; a
 * read-only store of them, in ARENA. */
enum es_db_result receipts_tiles(struct es_db *db, uint64_t index, uint64_t size,
                                 struct es_arena *arena,
                                 struct es_tile_store *ret_store) ES_MUST_CHECK;

#define RECEIPT_HEADERS_MAX 2016 /* most headers that one receipt carries: two weeks, 160 KB */

/* Headers from height FROM to the block BLOCK_HASH, ascending, 80 bytes each, in ARENA; *RET_COUNT
 * is 0 when the chain we hold does not reach back that far, or they were more than
 * RECEIPT_HEADERS_MAX. */
enum es_db_result receipts_headers(struct es_db *db, int64_t from, const unsigned char *block_hash,
                                   struct es_arena *arena, const unsigned char **ret_headers,
                                   size_t *ret_count) ES_MUST_CHECK;

extern const struct es_db_statement receipts_read_statement, receipts_tiles_statement,
    receipts_headers_statement;
