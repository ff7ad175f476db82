/* Block headers in PostgreSQL: the best chain as we have checked it, and what it left behind. */
#pragma once

#include "common/base/compiler.h"
#include "common/db/db.h"
#include "common/tlog/hash.h"
#include "worker-ledger/anchor/decide.h"
#include "worker-ledger/providers/answers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const struct es_db_statement es_headers_lock_statement;
extern const struct es_db_statement es_headers_range_statement;
extern const struct es_db_statement es_headers_at_statement;
extern const struct es_db_statement es_headers_leave_statement;
extern const struct es_db_statement es_headers_put_statement;
extern const struct es_db_statement es_headers_place_statement;
extern const struct es_db_statement es_headers_contradicted_statement;

/* The ends of the best chain we hold, and how far down it has to reach. */
struct es_header_range {
    bool held; /* false: there is no header yet, and the next four mean nothing */
    int64_t lowest_height;
    struct es_hash lowest_previous; /* what the lowest header names as the block before it */
    struct es_tip tip;
    int64_t needed_height; /* of the lowest block with a mined transaction; -1: none */
};
enum es_db_result es_headers_range(struct es_db *db,
                                   struct es_header_range *ret_range) ES_MUST_CHECK;

/* The best header at HEIGHT; ES_DB_NO_ROW when none is held. */
enum es_db_result es_headers_at(struct es_db *db, int64_t height,
                                struct es_block_header *ret_header) ES_MUST_CHECK;

/* Add COUNT headers that follow each other, the first at a height above FORK_HEIGHT by one. Best
 * headers above FORK_HEIGHT leave the best chain first. ES_DB_NO_ROW when the tip is not EXPECTED
 * any more (NULL: when there is one): somebody else has moved it. *RET_LEFT is how many left. */
enum es_db_result es_headers_extend(struct es_db *db, const struct es_tip *expected,
                                    int64_t fork_height, const struct es_block_header *headers,
                                    size_t count, int64_t *ret_left) ES_MUST_CHECK;

/* Add one header below the lowest one. */
enum es_db_result es_headers_prepend(struct es_db *db,
                                     const struct es_block_header *header) ES_MUST_CHECK;

/* Where the block HASH at HEIGHT stands, and how many confirmations it has there (0 unless it is on
 * the best chain). */
enum es_db_result es_headers_place(struct es_db *db, int64_t height, const struct es_hash *hash,
                                   enum es_block_place *ret_place,
                                   int64_t *ret_confirmations) ES_MUST_CHECK;

/* Final transactions whose block is not on the best chain: there should never be one. */
enum es_db_result es_headers_contradicted(struct es_db *db, int64_t *ret_count) ES_MUST_CHECK;
