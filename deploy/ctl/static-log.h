/* The log as static files (what eldersafe-ledger publishes), compared with the database. */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/db/db.h"

#include <stdint.h>

extern const struct es_db_statement es_static_tiles_statement, es_static_checkpoints_statement;

enum es_static_result {
    ES_STATIC_SAME,
    ES_STATIC_DIFFERENT, /* a line in DIFFERENCE */
    ES_STATIC_FAILED,    /* the database: see es_db_error() */
};

/* Compare every tile and checkpoint up to the size of the published checkpoint with the files below
 * DIRECTORY; *RET_FILES is how many were compared. Ends at the first difference. */
enum es_static_result es_static_log_compare(struct es_db *db, const char *directory,
                                            uint64_t *ret_files,
                                            struct es_buf *difference) ES_MUST_CHECK;
