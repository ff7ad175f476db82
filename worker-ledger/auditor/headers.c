/* Block headers: each with work and its own hash, the best ones without a gap. */
#include "worker-ledger/auditor/internal.h"
#include "worker-ledger/chain/hash256.h"
#include "worker-ledger/chain/header.h"

#include <inttypes.h>

#define HEADERS_PAGE 5000

const struct es_db_statement es_audit_headers_statement = {
    .name = "audit_headers",
    .params = "ii",
    .sql = "SELECT height, block_hash, header FROM anchor.headers WHERE best AND height > $1"
           " ORDER BY height LIMIT $2",
};

struct chain {
    int64_t height; /* -1: nothing yet */
    struct es_hash hash;
};

static const char *hash_text(struct es_audit *audit, const struct es_hash *hash)
{
    char text[ES_HASH256_TEXT_SIZE];
    es_hash256_format(hash, text);
    return es_arena_strdup(audit->arena, text);
}

/* One finding a header; those around it are not doubted for it. */
static void check_header(struct es_audit *audit, const struct es_db_rows *rows, size_t row,
                         struct chain *chain)
{
    size_t length = 0;
    int64_t height = es_db_i64(rows, row, "height");
    struct es_hash stored = es_audit_hash(rows, row, "block_hash");
    const unsigned char *raw = es_db_bytea(rows, row, "header", &length);
    if (length != ES_HEADER_SIZE) {
        es_audit_find(audit, ES_AUDIT_HEADER, "80 bytes", es_audit_number(audit, (int64_t)length),
                      "header of height %" PRId64, height);
        return;
    }
    struct es_hash hash = es_header_hash(raw);
    struct es_hash previous = es_header_parse(raw).previous;
    bool follows = chain->height < 0 || es_hash_equal(&previous, &chain->hash);
    if (chain->height >= 0 && height != chain->height + 1) {
        es_audit_find(audit, ES_AUDIT_HEADER, es_audit_number(audit, chain->height + 1),
                      es_audit_number(audit, height), "next height of the best chain");
        for (int64_t gap = chain->height + 1; gap < height && gap < chain->height + 100; gap++) {
            es_audit_suspect(audit, ES_SUSPECT_HEIGHT, gap);
        }
    } else if (!es_hash_equal(&stored, &hash)) {
        es_audit_find(audit, ES_AUDIT_HEADER, hash_text(audit, &stored), hash_text(audit, &hash),
                      "hash of the header of height %" PRId64, height);
        es_audit_suspect(audit, ES_SUSPECT_HEIGHT, height);
    } else if (!es_header_has_work(raw, audit->config->network)) {
        es_audit_find(audit, ES_AUDIT_HEADER, "proof of work", "none", "header of height %" PRId64,
                      height);
    } else if (!follows) {
        es_audit_find(audit, ES_AUDIT_HEADER, hash_text(audit, &chain->hash),
                      hash_text(audit, &previous), "block before that of height %" PRId64, height);
    }
    *chain = (struct chain){.height = height, .hash = stored};
    audit->report.totals.headers++;
}

enum es_db_result es_audit_headers(struct es_audit *audit)
{
    struct chain chain = {.height = -1};
    enum es_db_result result = ES_DB_OK;
    size_t count = HEADERS_PAGE;
    while (count == HEADERS_PAGE && result == ES_DB_OK) {
        ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
        result = es_db_run(audit->db, &es_audit_headers_statement, &rows, chain.height,
                           (int64_t)HEADERS_PAGE);
        count = result == ES_DB_OK ? es_db_row_count(rows) : 0;
        for (size_t i = 0; i < count; i++) {
            check_header(audit, rows, i, &chain);
        }
        es_arena_reset(audit->arena);
    }
    return result;
}
