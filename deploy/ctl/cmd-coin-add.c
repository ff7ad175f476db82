#include "common/base/arena.h"
#include "common/base/mem.h"
#include "common/base/text.h"
#include "deploy/ctl/chain-key.h"
#include "deploy/ctl/ctl.h"
#include "worker-ledger/chain/hash256.h"
#include "worker-ledger/chain/tx.h"
#include "worker-ledger/db/coins.h"
#include "worker-ledger/verify/input.h"
#include "worker-ledger/wallet/funding.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX (2 * ES_TX_SIZE_MAX + 2)

static const struct es_db_statement *const statements[] = {&es_coins_learn_statement};

/* ARGUMENT is the transaction as hex, or a file with that text. */
static bool read_raw(const char *argument, struct es_buf *out)
{
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    bool is_file = argument[strspn(argument, "0123456789abcdefABCDEF")] != '\0';
    if (!is_file) {
        es_buf_add_str(&text, argument);
    } else if (!es_input_read(argument, TEXT_MAX, &text)) {
        es_ctl_error("%s: %s", argument, strerror(errno));
        return false;
    }
    ES_CLEANUP(es_free_p) char *copy = es_strdup(es_buf_str(&text));
    const char *hex = es_trim(copy);
    size_t size = strlen(hex) / 2;
    void *bytes = es_buf_reserve(out, size);
    if (size == 0 || !es_parse_hex(hex, bytes, size)) {
        es_ctl_error("coin add: the transaction must be hexadecimal text");
        return false;
    }
    out->length += size;
    return true;
}

static enum es_exit learn(struct es_db *db, const struct es_coin *coins, size_t count)
{
    int64_t added = 0;
    uint64_t satoshis = 0;
    char txid[ES_HASH256_TEXT_SIZE];
    if (es_coins_learn(db, coins, count, &added) != ES_DB_OK) {
        return es_ctl_db_failed(db, "coin add");
    }
    for (size_t i = 0; i < count; i++) {
        satoshis += coins[i].satoshis;
    }
    es_hash256_format(&coins[0].outpoint.txid, txid);
    (void)printf("transaction %s pays us %" PRIu64 " satoshis in %zu outputs: %" PRId64
                 " new coins, %" PRId64 " there already\n",
                 txid, satoshis, count, added, (int64_t)count - added);
    return ES_EXIT_OK;
}

static enum es_exit add(const struct es_ctl_command *self, const char *argument,
                        const char *database, const struct es_key *key)
{
    enum es_exit status;
    struct es_coin *coins = NULL;
    size_t count = 0;
    ES_CLEANUP(es_buf_done) struct es_buf raw = ES_BUF_INIT;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    if (!read_raw(argument, &raw)) {
        return ES_EXIT_FAILED;
    }
    if (!es_funding_find(arena, raw.data, raw.length, es_key_hash(key), &coins, &count)) {
        es_ctl_error("coin add: these bytes are no transaction");
        return ES_EXIT_FAILED;
    }
    if (count == 0) {
        es_ctl_error("coin add: no output of this transaction pays our address");
        return ES_EXIT_FAILED;
    }
    ES_CLEANUP(es_ctl_disconnect)
    struct es_db *db =
        es_ctl_connect(database, self, statements, ES_ARRAY_LEN(statements), &status);
    return db != NULL ? learn(db, coins, count) : status;
}

enum es_exit es_ctl_coin_add(const struct es_ctl_command *self, int argc, char **argv)
{
    const char *transaction = NULL;
    const char *key_file = NULL;
    const char *database = NULL;
    const struct es_ctl_option options[] = {
        {"RAW", NULL, "the transaction as hex, or a file that holds that (-: standard input)",
         &transaction, NULL},
        {"--key", "FILE", "the chain key, instead of $ELDERSAFE_CHAIN_KEY_FILE", &key_file, NULL},
        ES_CTL_DATABASE(&database),
    };
    enum es_exit status;
    if (!es_ctl_parse(self, options, ES_ARRAY_LEN(options), argc, argv, &status)) {
        return status;
    }
    if (!es_ctl_given(self, "RAW", transaction)) {
        return ES_EXIT_USAGE;
    }
    ES_CLEANUP(es_key_free_p) struct es_key *key = es_chain_key_load(key_file, &status);
    return key != NULL ? add(self, transaction, database, key) : status;
}
