#include "common/tlog/hash.h"
#include "deploy/ctl/ctl.h"
#include "worker-ledger/chain/hash256.h"

#include <inttypes.h>
#include <stdio.h>

#define PAGE 1000

const struct es_db_statement es_ctl_coins_statement = {
    .name = "ctl_coins",
    .params = "ibi",
    .sql = "SELECT c.coin_id, c.txid, c.vout, c.satoshis, c.made_by IS NULL AS from_outside,"
           "  CASE WHEN c.spent_by IS NOT NULL THEN 'spent by ' || t.state"
           "   WHEN NOT c.usable THEN 'unusable' ELSE 'free' END AS state"
           " FROM anchor.coins c LEFT JOIN anchor.transactions t ON t.transaction_id = c.spent_by"
           " WHERE c.coin_id > $1 AND ($2 OR c.spent_by IS NULL)"
           " ORDER BY c.coin_id LIMIT $3",
};
static const struct es_db_statement *const statements[] = {&es_ctl_coins_statement};

static void print_coin(const struct es_db_rows *rows, size_t row)
{
    size_t length = 0;
    char txid[ES_HASH256_TEXT_SIZE];
    struct es_hash hash = es_hash_from_bytes(es_db_bytea(rows, row, "txid", &length));
    es_hash256_format(&hash, txid);
    (void)printf("%8" PRId64 "  %12" PRId64 "  %-16s  %-7s  %s:%" PRId64 "\n",
                 es_db_i64(rows, row, "coin_id"), es_db_i64(rows, row, "satoshis"),
                 es_db_text(rows, row, "state"),
                 es_db_bool(rows, row, "from_outside") ? "outside" : "change", txid,
                 es_db_i64(rows, row, "vout"));
}

static enum es_exit print_coins(struct es_db *db, bool all)
{
    int64_t last = 0;
    size_t count = PAGE;
    (void)printf("%8s  %12s  %-16s  %-7s  %s\n", "coin", "satoshis", "state", "from", "output");
    while (count == PAGE) {
        ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
        if (es_db_run(db, &es_ctl_coins_statement, &rows, last, all, (int64_t)PAGE) != ES_DB_OK) {
            return es_ctl_db_failed(db, "coin list");
        }
        count = es_db_row_count(rows);
        for (size_t i = 0; i < count; i++) {
            print_coin(rows, i);
            last = es_db_i64(rows, i, "coin_id");
        }
    }
    return ES_EXIT_OK;
}

enum es_exit es_ctl_coin_list(const struct es_ctl_command *self, int argc, char **argv)
{
    bool all = false;
    const char *database = NULL;
    const struct es_ctl_option options[] = {
        {"--all", NULL, "spent and reserved ones as well", NULL, &all},
        ES_CTL_DATABASE(&database),
    };
    enum es_exit status;
    if (!es_ctl_parse(self, options, ES_ARRAY_LEN(options), argc, argv, &status)) {
        return status;
    }
    ES_CLEANUP(es_ctl_disconnect)
    struct es_db *db =
        es_ctl_connect(database, self, statements, ES_ARRAY_LEN(statements), &status);
    return db != NULL ? print_coins(db, all) : status;
}
