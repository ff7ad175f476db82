/* Unit tests of worker-ledger/wallet: following the best chain, with a reader that says what a test
 * wants and a private PostgreSQL. */
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/tests/role-db.h"
#include "common/tests/sql.h"
#include "common/tests/unit.h"
#include "worker-ledger/db/headers.h"
#include "worker-ledger/db/registry.h"
#include "worker-ledger/providers/internal.h"
#include "worker-ledger/wallet/best-chain.h"

#include <string.h>

#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, NULL, NULL, NULL                                                          \
    }

#define TIP 100

/* Blocks 0 and 1 of the main network: true proof of work, of difficulty 1. */
static const char *const easy_headers[2] = {
    "01000000"
    "0000000000000000000000000000000000000000000000000000000000000000"
    "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a"
    "29ab5f49ffff001d1dac2b7c",
    "01000000"
    "6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000"
    "982051fd1e4ba744bbbe680e1fee14677ba1a3c3540bf7b1cdb606e857233e0e"
    "61bc6649ffff001d01e36299",
};
/* Nobody can make the work of such a header for a test; that of held ones was checked long ago. */
static const char hard_header[] = "00000020"
                                  "0000000000000000000000000000000000000000000000000000000000000000"
                                  "0000000000000000000000000000000000000000000000000000000000000000"
                                  "29ab5f69db1f021800000000";

static PGconn *super;
static struct es_db *db;

/* --- the reader ------------------------------------------------------------------------------ */
static enum es_question say_tip(struct es_provider *provider, struct es_tip *ret_tip)
{
    (void)provider;
    *ret_tip = (struct es_tip){.height = TIP + 1};
    return ES_QUESTION_ANSWERED;
}

static enum es_question say_header(struct es_provider *provider, int64_t height,
                                   struct es_block_header *ret_header)
{
    (void)provider;
    struct es_block_header header = {.height = height};
    if (height < TIP || height > TIP + 1) {
        return ES_QUESTION_ABSENT;
    }
    assert_true(es_parse_hex(easy_headers[height - TIP], header.raw, sizeof(header.raw)));
    header.hash = es_header_hash(header.raw);
    *ret_header = header;
    return ES_QUESTION_ANSWERED;
}

static const struct es_provider_ops reader_ops = {.tip = say_tip, .header_by_height = say_header};

/* --- difficulty ------------------------------------------------------------------------------ */
/* The chain we hold: LOWEST below it, then block 0 as the tip. */
static void hold(const char *lowest)
{
    (void)es_test_sql(super,
                      "TRUNCATE anchor.headers;"
                      " INSERT INTO anchor.headers (block_hash, height, header, best) VALUES"
                      " (sha256('lowest'), %d, '\\x%s', true),"
                      " (sha256(sha256('\\x%s')), %d, '\\x%s', true)",
                      TIP - 1, lowest, easy_headers[0], TIP, easy_headers[0]);
}

static int64_t follow(enum es_network network)
{
    struct es_provider reader = {.ops = &reader_ops};
    struct es_chain_news news;
    struct es_best_chain *chain = es_best_chain_new(network);
    assert_int_equal(es_best_chain_follow(chain, db, &reader, &news), ES_DB_OK);
    es_best_chain_free(chain);
    return news.tip_height;
}

static void headers_that_cost_nothing_are_not_taken(void **state)
{
    (void)state;
    hold(hard_header);
    assert_int_equal(follow(ES_NETWORK_MAIN), TIP);
    assert_int_equal(follow(ES_NETWORK_TEST), TIP + 1); /* where targets jump, nothing is known */
    hold(easy_headers[0]);
    assert_int_equal(follow(ES_NETWORK_MAIN), TIP + 1);
}

static void a_block_that_cost_nothing_proves_nothing(void **state)
{
    (void)state;
    struct es_block_header block = {.height = TIP - 1};
    bool allowed = true;
    assert_true(es_parse_hex(easy_headers[1], block.raw, sizeof(block.raw)));
    hold(hard_header);
    assert_int_equal(es_best_chain_allows(db, ES_NETWORK_MAIN, &block, &allowed), ES_DB_OK);
    assert_false(allowed);
    assert_int_equal(es_best_chain_allows(db, ES_NETWORK_REGTEST, &block, &allowed), ES_DB_OK);
    assert_true(allowed);
    assert_true(es_parse_hex(hard_header, block.raw, sizeof(block.raw)));
    assert_int_equal(es_best_chain_allows(db, ES_NETWORK_MAIN, &block, &allowed), ES_DB_OK);
    assert_true(allowed);
    (void)es_test_sql(super, "TRUNCATE anchor.headers");
    assert_int_equal(es_best_chain_allows(db, ES_NETWORK_MAIN, &block, &allowed), ES_DB_NO_ROW);
}

/* --- set-up ---------------------------------------------------------------------------------- */
static int start(void **state)
{
    (void)state;
    es_random_init();
    struct es_test_server *server = es_test_schema_start();
    super = es_test_connect_as(server, "postgres");
    db = es_test_role_db(server, "eldersafe_ledger", es_ledger_statements,
                         es_ledger_statement_count);
    return 0;
}

static int end(void **state)
{
    (void)state;
    db = es_db_free(db);
    es_test_disconnect(&super);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("FE19 headers that cost nothing are not taken on the main network",
             headers_that_cost_nothing_are_not_taken),
        TEST("FE19 a block that cost nothing proves nothing",
             a_block_that_cost_nothing_proves_nothing),
    };
    return cmocka_run_group_tests(tests, start, end);
}
