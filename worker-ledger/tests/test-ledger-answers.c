/* Unit tests of worker-ledger/providers: what the providers' answers mean. */
#include "common/base/arena.h"
#include "common/tests/unit.h"
#include "worker-ledger/chain/block-path.h"
#include "worker-ledger/chain/hash256.h"
#include "worker-ledger/providers/arc-answer.h"
#include "worker-ledger/providers/json.h"
#include "worker-ledger/providers/node-answer.h"
#include "worker-ledger/providers/woc-answer.h"
#include "worker-ledger/providers/words.h"

#include <string.h>

#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, NULL, NULL, NULL                                                          \
    }

#define OURS  "1111111111111111111111111111111111111111111111111111111111111111"
#define OTHER "2222222222222222222222222222222222222222222222222222222222222222"

static struct es_hash ours(void)
{
    struct es_hash txid;
    assert_true(es_hash256_parse(OURS, &txid));
    return txid;
}

struct sighting_case {
    long status;
    const char *body;
    enum es_sight sight;
    enum es_refusal refusal;
    const char *reason;
};

static void check_case(const struct sighting_case *expected, const struct es_sighting *sighting)
{
    if (expected->sight != sighting->sight || expected->refusal != sighting->refusal ||
        strcmp(expected->reason, sighting->reason) != 0) {
        fail_msg("%ld %s: %s, %s", expected->status, expected->body, es_sight_name(sighting->sight),
                 sighting->reason);
    }
}

#define STATUS(name) "{\"txid\":\"" OURS "\",\"txStatus\":\"" name "\"}"
#define CODE(number)                                                                               \
    "{\"status\":" #number ",\"title\":\"t\",\"detail\":\"d\",\"txid\":\"" OURS "\"}"

static const struct sighting_case arc_cases[] = {
    /* an HTTP 200 is no acceptance */
    {200, STATUS("REJECTED"), ES_SIGHT_REFUSED, ES_REFUSAL_OTHER, "refused_other"},
    {200, STATUS("DOUBLE_SPEND_ATTEMPTED"), ES_SIGHT_CONTESTED, ES_REFUSAL_NONE, "contested"},
    {200, STATUS("MINED_IN_STALE_BLOCK"), ES_SIGHT_STALE_BLOCK, ES_REFUSAL_NONE, "stale_block"},
    {200, STATUS("SEEN_IN_ORPHAN_MEMPOOL"), ES_SIGHT_ORPHAN, ES_REFUSAL_NONE, "orphan"},
    {200, STATUS("SOME_NEW_ORPHAN_STATE"), ES_SIGHT_ORPHAN, ES_REFUSAL_NONE, "orphan"},
    {200, STATUS("QUEUED"), ES_SIGHT_TAKEN, ES_REFUSAL_NONE, "taken"},
    {200, STATUS("ACCEPTED_BY_NETWORK"), ES_SIGHT_TAKEN, ES_REFUSAL_NONE, "taken"},
    {200, STATUS("SEEN_ON_NETWORK"), ES_SIGHT_SEEN, ES_REFUSAL_NONE, "seen"},
    {200, STATUS("UNKNOWN"), ES_SIGHT_UNKNOWN, ES_REFUSAL_NONE, "unknown"},
    {200, STATUS("NEVER_HEARD_OF"), ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "unknown_status"},
    {200, STATUS("MINED"), ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "mined_without_block"},
    {200, "{\"txid\":\"" OTHER "\",\"txStatus\":\"SEEN_ON_NETWORK\"}", ES_SIGHT_UNCLEAR,
     ES_REFUSAL_NONE, "garbage"},
    {200, "{\"txStatus\":\"SEEN_ON_NETWORK\"}", ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "garbage"},
    {200, "", ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "garbage"},
    {200, "{\"txid\": <!DOCTYPE html>", ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "garbage"},
    /* why it was rejected */
    {200, "{\"txid\":\"" OURS "\",\"txStatus\":\"REJECTED\",\"extraInfo\":\"Missing inputs\"}",
     ES_SIGHT_REFUSED, ES_REFUSAL_COIN, "refused_coin"},
    {200,
     "{\"txid\":\"" OURS "\",\"txStatus\":\"REJECTED\",\"extraInfo\":\"lost\","
     "\"competingTxs\":[\"" OTHER "\"]}",
     ES_SIGHT_REFUSED, ES_REFUSAL_COIN, "refused_coin"},
    {200, "{\"txid\":\"" OURS "\",\"txStatus\":\"REJECTED\",\"extraInfo\":\"mempool full\"}",
     ES_SIGHT_REFUSED, ES_REFUSAL_OTHER, "refused_other"},
    /* ARC's own checks */
    {460, CODE(460), ES_SIGHT_REFUSED, ES_REFUSAL_COIN, "refused_coin"},
    {461, CODE(461), ES_SIGHT_REFUSED, ES_REFUSAL_OTHER, "refused_other"},
    {462, CODE(462), ES_SIGHT_REFUSED, ES_REFUSAL_COIN, "refused_coin"},
    {463, CODE(463), ES_SIGHT_REFUSED, ES_REFUSAL_OTHER, "refused_other"},
    {464, CODE(464), ES_SIGHT_REFUSED, ES_REFUSAL_OTHER, "refused_other"},
    {465, CODE(465), ES_SIGHT_REFUSED, ES_REFUSAL_FEE, "refused_fee"},
    {466, CODE(466), ES_SIGHT_REFUSED, ES_REFUSAL_COIN, "refused_coin"},
    {471, CODE(471), ES_SIGHT_REFUSED, ES_REFUSAL_FROZEN, "refused_frozen"},
    {473, CODE(473), ES_SIGHT_REFUSED, ES_REFUSAL_FEE, "refused_fee"},
    {465, "<html>465</html>", ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "http_465"},
    {409, CODE(409), ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "http_409"},
    {400, CODE(400), ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "http_400"},
    {401, CODE(401), ES_SIGHT_BUSY, ES_REFUSAL_NONE, "http_401"},
    {404, CODE(404), ES_SIGHT_UNKNOWN, ES_REFUSAL_NONE, "unknown"},
    {429, "slow down", ES_SIGHT_BUSY, ES_REFUSAL_NONE, "http_429"},
    {500, CODE(465), ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "http_500"},
    {503, "", ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "http_503"},
    /* Arcade */
    {202, STATUS("RECEIVED"), ES_SIGHT_TAKEN, ES_REFUSAL_NONE, "taken"},
    {200, STATUS("SEEN_MULTIPLE_NODES"), ES_SIGHT_SEEN, ES_REFUSAL_NONE, "seen"},
    {200, STATUS("PENDING_RETRY"), ES_SIGHT_TAKEN, ES_REFUSAL_NONE, "taken"},
    {200, STATUS("STUMP_PROCESSING"), ES_SIGHT_SEEN, ES_REFUSAL_NONE, "seen"},
    {400, CODE(465), ES_SIGHT_REFUSED, ES_REFUSAL_FEE, "refused_fee"},
    {400, CODE(467), ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "generic"},
    {400, CODE(476), ES_SIGHT_BUSY, ES_REFUSAL_NONE, "generic"},
    {200, "{\"txid\":\"" OURS "\",\"txStatus\":\"REJECTED\",\"status\":465}", ES_SIGHT_REFUSED,
     ES_REFUSAL_FEE, "refused_fee"},
};

static void arc_and_arcade(void **state)
{
    (void)state;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct es_hash txid = ours();
    for (size_t i = 0; i < ES_ARRAY_LEN(arc_cases); i++) {
        const struct sighting_case *expected = &arc_cases[i];
        struct es_sighting sighting =
            es_arc_read(arena, &txid, expected->status, expected->body, strlen(expected->body));
        check_case(expected, &sighting);
    }
}

static void arc_says_which_block(void **state)
{
    (void)state;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    static const char body[] =
        "{\"txid\":\"" OURS "\",\"txStatus\":\"MINED\",\"blockHash\":\"" OTHER
        "\",\"blockHeight\":7,\"merklePath\":\"0aFF\"}";
    struct es_hash txid = ours();
    struct es_hash block;
    assert_true(es_hash256_parse(OTHER, &block));
    struct es_sighting sighting = es_arc_read(arena, &txid, 200, body, strlen(body));
    assert_int_equal(sighting.sight, ES_SIGHT_MINED);
    assert_true(sighting.has_block && es_hash_equal(&sighting.block_hash, &block));
    assert_int_equal(sighting.bump_length, 2);
    assert_memory_equal(sighting.bump, "\x0A\xFF", 2);
}

static void arc_policy_rounds_up(void **state)
{
    (void)state;
    static const struct {
        const char *fee;
        int64_t rate; /* -1: refused */
    } cases[] = {{"{\"satoshis\":100,\"bytes\":1000}", 100}, {"{\"satoshis\":1,\"bytes\":3}", 334},
                 {"{\"satoshis\":0,\"bytes\":1000}", 0},     {"{\"satoshis\":1,\"bytes\":0}", -1},
                 {"{\"satoshis\":-1,\"bytes\":1000}", -1},   {"{\"satoshis\":0.5,\"bytes\":9}", -1},
                 {"{\"satoshis\":1e3,\"bytes\":9}", -1},     {"null", -1}};
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        char body[128];
        int64_t rate = -1;
        int length = snprintf(body, sizeof(body), "{\"policy\":{\"miningFee\":%s}}", cases[i].fee);
        assert_int_equal(es_arc_read_policy(body, (size_t)length, &rate), cases[i].rate >= 0);
        assert_int_equal(rate, cases[i].rate);
    }
}

static const struct sighting_case woc_submissions[] = {
    {200, "\"" OURS "\"\n", ES_SIGHT_TAKEN, ES_REFUSAL_NONE, "taken"},
    {200, OURS, ES_SIGHT_TAKEN, ES_REFUSAL_NONE, "taken"},
    {200, "\"" OTHER "\"", ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "garbage"},
    {200, OURS "00", ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "garbage"},
    {200, "", ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "garbage"},
    {400, "unexpected response code 500: 66: mempool min fee not met", ES_SIGHT_REFUSED,
     ES_REFUSAL_FEE, "refused_fee"},
    {400, "unexpected response code 500: 258: txn-mempool-conflict", ES_SIGHT_REFUSED,
     ES_REFUSAL_COIN, "refused_coin"},
    {400, "unexpected response code 500: Missing inputs", ES_SIGHT_REFUSED, ES_REFUSAL_COIN,
     "refused_coin"},
    {400, "unexpected response code 500: Transaction already in the mempool", ES_SIGHT_TAKEN,
     ES_REFUSAL_NONE, "known"},
    {400, "unexpected response code 500: 257: txn-already-known", ES_SIGHT_TAKEN, ES_REFUSAL_NONE,
     "known"},
    {400, "unexpected response code 500: 16: mandatory-script-verify-flag-failed (no)",
     ES_SIGHT_REFUSED, ES_REFUSAL_OTHER, "refused_other"},
    {400, "unexpected response code 500: 259: mempool full", ES_SIGHT_BUSY, ES_REFUSAL_NONE,
     "mempool_full"},
    {400, "unexpected response code 500: too-long-mempool-chain", ES_SIGHT_BUSY, ES_REFUSAL_NONE,
     "long_chain"},
    {400, "something else", ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "http_400"},
    {429, "Too Many Requests; txn-mempool-conflict", ES_SIGHT_BUSY, ES_REFUSAL_NONE, "http_429"},
    {502, "66: mempool min fee not met", ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "http_502"},
};

static void whatsonchain_submissions(void **state)
{
    (void)state;
    struct es_hash txid = ours();
    for (size_t i = 0; i < ES_ARRAY_LEN(woc_submissions); i++) {
        const struct sighting_case *expected = &woc_submissions[i];
        struct es_sighting sighting =
            es_woc_read_submit(&txid, expected->status, expected->body, strlen(expected->body));
        check_case(expected, &sighting);
    }
}

static const struct sighting_case woc_statuses[] = {
    {404, "Not Found", ES_SIGHT_UNKNOWN, ES_REFUSAL_NONE, "unknown"},
    {200, "{\"txid\":\"" OURS "\",\"vout\":[{\"value\":1e-8}]}", ES_SIGHT_SEEN, ES_REFUSAL_NONE,
     "seen"},
    {200, "{\"txid\":\"" OURS "\",\"blockhash\":\"\"}", ES_SIGHT_SEEN, ES_REFUSAL_NONE, "seen"},
    {200, "{\"txid\":\"" OURS "\",\"blockhash\":\"" OTHER "\"}", ES_SIGHT_MINED, ES_REFUSAL_NONE,
     "mined"},
    {200, "{\"txid\":\"" OURS "\",\"blockhash\":\"22\"}", ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE,
     "mined_without_block"},
    {200, "{\"txid\":\"" OTHER "\"}", ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "garbage"},
    {200, "null", ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "garbage"},
    {500, "", ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "http_500"},
};

static void whatsonchain_statuses(void **state)
{
    (void)state;
    struct es_hash txid = ours();
    for (size_t i = 0; i < ES_ARRAY_LEN(woc_statuses); i++) {
        const struct sighting_case *expected = &woc_statuses[i];
        struct es_sighting sighting =
            es_woc_read_status(&txid, expected->status, expected->body, strlen(expected->body));
        check_case(expected, &sighting);
    }
}

/* The genesis header of the main chain as WhatsOnChain prints it. */
#define GENESIS "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
#define GENESIS_BODY(hash, time)                                                                   \
    "{\"hash\":\"" hash "\",\"height\":0,\"version\":1,\"merkleroot\":"                            \
    "\"4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b\",\"time\":" time          \
    ",\"nonce\":2083236893,\"bits\":\"1d00ffff\",\"difficulty\":1.0,\"previousblockhash\":\"\"}"

static void a_header_is_put_together_and_hashed(void **state)
{
    (void)state;
    static const char good[] = GENESIS_BODY(GENESIS, "1231006505");
    static const char other_time[] = GENESIS_BODY(GENESIS, "1231006506");
    static const char other_hash[] = GENESIS_BODY(OTHER, "1231006505");
    struct es_block_header header;
    struct es_hash hash;
    assert_true(es_hash256_parse(GENESIS, &hash));
    assert_int_equal(es_woc_read_header(200, good, strlen(good), &header), ES_QUESTION_ANSWERED);
    assert_true(es_hash_equal(&header.hash, &hash));
    assert_int_equal(header.height, 0);
    assert_int_equal(es_woc_read_header(200, other_time, strlen(other_time), &header),
                     ES_QUESTION_UNANSWERED);
    assert_int_equal(es_woc_read_header(200, other_hash, strlen(other_hash), &header),
                     ES_QUESTION_UNANSWERED);
    assert_int_equal(es_woc_read_header(404, "Not Found", 9, &header), ES_QUESTION_ABSENT);
}

static void proofs_of_whatsonchain_and_of_a_node(void **state)
{
    (void)state;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    static const char proof[] =
        "{\"index\":2,\"txOrId\":\"" OURS "\",\"target\":\"" OTHER "\",\"nodes\":[\"*\"]}";
    char body[512];
    struct es_hash txid = ours();
    struct es_tsc_proof read;
    int length = snprintf(body, sizeof(body), "[%s]", proof);
    assert_int_equal(es_woc_read_proof(arena, &txid, 200, body, (size_t)length, &read),
                     ES_QUESTION_ANSWERED);
    assert_int_equal(read.index, 2);
    assert_int_equal(read.node_count, 1);
    assert_string_equal(read.nodes[0], "*");
    assert_int_equal(es_woc_read_proof(arena, &txid, 200, "null", 4, &read), ES_QUESTION_ABSENT);
    assert_int_equal(es_woc_read_proof(arena, &txid, 200, "[]", 2, &read), ES_QUESTION_ABSENT);
    assert_int_equal(es_woc_read_proof(arena, &txid, 200, "{}", 2, &read), ES_QUESTION_UNANSWERED);
    length = snprintf(body, sizeof(body), "{\"result\":%s,\"error\":null,\"id\":1}", proof);
    assert_int_equal(es_node_read_proof(arena, &txid, 200, body, (size_t)length, &read),
                     ES_QUESTION_ANSWERED);
    length = snprintf(body, sizeof(body),
                      "{\"result\":null,\"error\":{\"code\":-5,\"message\":\"no\"},\"id\":1}");
    assert_int_equal(es_node_read_proof(arena, &txid, 500, body, (size_t)length, &read),
                     ES_QUESTION_ABSENT);
}

/* Three transactions in a block, the last one ours: it is its own neighbour. */
static void a_copy_that_is_spelled_out_is_a_copy(void **state)
{
    (void)state;
    static const char *const starred[] = {"*", OTHER};
    static const char *const spelled[] = {OURS, OTHER};
    struct es_hash txid = ours();
    struct es_block_path star;
    struct es_block_path spell;
    struct es_hash star_root;
    struct es_hash spell_root;
    assert_true(es_block_path_from_tsc(7, &txid, 2, starred, 2, &star));
    assert_true(es_block_path_from_tsc(7, &txid, 2, spelled, 2, &spell));
    assert_true(es_block_path_root(&star, &star_root));
    assert_true(es_block_path_root(&spell, &spell_root));
    assert_true(es_hash_equal(&star_root, &spell_root));
    assert_true(es_block_path_from_tsc(7, &txid, 3, spelled, 2, &spell));
    assert_false(es_block_path_root(&spell, &spell_root)); /* no copy stands on the left */
}

#define ERROR(code, message)                                                                       \
    "{\"result\":null,\"error\":{\"code\":" code ",\"message\":\"" message "\"},\"id\":\"e\"}"

static const struct sighting_case node_submissions[] = {
    {200, "{\"result\":\"" OURS "\",\"error\":null,\"id\":\"e\"}", ES_SIGHT_TAKEN, ES_REFUSAL_NONE,
     "taken"},
    {200, "{\"result\":\"" OTHER "\",\"error\":null,\"id\":\"e\"}", ES_SIGHT_UNCLEAR,
     ES_REFUSAL_NONE, "garbage"},
    {500, "{\"result\":\"" OURS "\",\"error\":null,\"id\":\"e\"}", ES_SIGHT_UNCLEAR,
     ES_REFUSAL_NONE, "http_500"},
    {500, ERROR("-27", "Transaction already in the mempool"), ES_SIGHT_TAKEN, ES_REFUSAL_NONE,
     "known"},
    {500, ERROR("-26", "257: txn-already-known"), ES_SIGHT_TAKEN, ES_REFUSAL_NONE, "known"},
    {500, ERROR("-25", "Missing inputs"), ES_SIGHT_REFUSED, ES_REFUSAL_COIN, "refused_coin"},
    {500, ERROR("-26", "258: txn-mempool-conflict"), ES_SIGHT_REFUSED, ES_REFUSAL_COIN,
     "refused_coin"},
    {500, ERROR("-26", "66: mempool min fee not met"), ES_SIGHT_REFUSED, ES_REFUSAL_FEE,
     "refused_fee"},
    {500, ERROR("-26", "64: something new"), ES_SIGHT_REFUSED, ES_REFUSAL_OTHER, "refused_other"},
    {500, ERROR("-26", "259: mempool full"), ES_SIGHT_BUSY, ES_REFUSAL_NONE, "mempool_full"},
    {500, ERROR("-22", "TX decode failed"), ES_SIGHT_REFUSED, ES_REFUSAL_OTHER, "refused_other"},
    {500, ERROR("-28", "Loading block index..."), ES_SIGHT_BUSY, ES_REFUSAL_NONE, "node_not_ready"},
    {500, ERROR("-31", "no peers"), ES_SIGHT_BUSY, ES_REFUSAL_NONE, "node_not_ready"},
    {500, ERROR("-1", "oops"), ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "rpc_-1"},
    {404, ERROR("-32601", "Method not found"), ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "rpc_-32601"},
    {500, ERROR("0", "no code at all"), ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "http_500"},
    {401, "", ES_SIGHT_BUSY, ES_REFUSAL_NONE, "http_401"},
    {503, "Work queue depth exceeded", ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "http_503"},
    {200, "{}", ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "garbage"},
};

static void node_submissions_by_code(void **state)
{
    (void)state;
    struct es_hash txid = ours();
    for (size_t i = 0; i < ES_ARRAY_LEN(node_submissions); i++) {
        const struct sighting_case *expected = &node_submissions[i];
        struct es_sighting sighting =
            es_node_read_submit(&txid, expected->status, expected->body, strlen(expected->body));
        check_case(expected, &sighting);
    }
}

static const struct sighting_case node_statuses[] = {
    {500, ERROR("-5", "No such mempool or blockchain transaction"), ES_SIGHT_UNKNOWN,
     ES_REFUSAL_NONE, "unknown"},
    {500,
     ERROR("-5", "No such mempool transaction. Use -txindex to enable blockchain transaction "
                 "queries. Use gettransaction for wallet transactions."),
     ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, ES_REASON_NO_TXINDEX},
    {500, ERROR("-28", "Loading"), ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE, "rpc_-28"},
    {200, "{\"result\":{\"txid\":\"" OURS "\",\"vout\":[{\"value\":0.001}]},\"error\":null}",
     ES_SIGHT_SEEN, ES_REFUSAL_NONE, "seen"},
    {200, "{\"result\":{\"txid\":\"" OURS "\",\"blockhash\":\"" OTHER "\"},\"error\":null}",
     ES_SIGHT_MINED, ES_REFUSAL_NONE, "mined"},
    {200, "{\"result\":{\"txid\":\"" OTHER "\"},\"error\":null}", ES_SIGHT_UNCLEAR, ES_REFUSAL_NONE,
     "garbage"},
};

static void node_statuses_by_code(void **state)
{
    (void)state;
    struct es_hash txid = ours();
    for (size_t i = 0; i < ES_ARRAY_LEN(node_statuses); i++) {
        const struct sighting_case *expected = &node_statuses[i];
        struct es_sighting sighting =
            es_node_read_status(&txid, expected->status, expected->body, strlen(expected->body));
        check_case(expected, &sighting);
    }
}

static void amounts_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t satoshis; /* -1: refused */
    } cases[] = {
        {"0.00000001", 1},
        {"0.00100000", 100000},
        {"0.1", 10000000},
        {"1", 100000000},
        {"1.0", 100000000},
        {"20999999.99999999", INT64_C(2099999999999999)},
        {"21000000.00000001", -1},
        {"0.000000001", -1},
        {"1e-8", -1},
        {"-1", -1},
        {"", -1},
        {".5", -1},
        {"1.", -1},
        {"1,5", -1},
        {"999999999", -1},
        {"0x1", -1},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        int64_t satoshis = -1;
        assert_int_equal(es_bsv_parse(cases[i].text, &satoshis), cases[i].satoshis >= 0);
        assert_int_equal(satoshis, cases[i].satoshis);
    }
}

/* 0.1 + 0.2 is not 0.3 in binary; the text is. The largest amounts do not fit a double at all. */
static void no_digit_is_lost_on_the_way_through_json(void **state)
{
    (void)state;
    static const char body[] =
        "{\"a\":20999999.97690001,\"b\":\"x 1.5 \\\" 2.5\",\"c\":[-1.50,2e3],"
        "\"d\":7,\"e\":123456789012345678901234567890}";
    ES_CLEANUP(es_provider_json_free_p) json_t *value = es_provider_json(body, strlen(body));
    int64_t satoshis = 0;
    int64_t number = 0;
    assert_non_null(value);
    assert_true(es_provider_json_bsv(value, "a", &satoshis));
    assert_int_equal(satoshis, INT64_C(2099999997690001));
    assert_string_equal(es_provider_json_text(value, "b"), "x 1.5 \" 2.5");
    const json_t *list = json_object_get(value, "c");
    assert_string_equal(json_string_value(json_array_get(list, 0)), "-1.50");
    assert_string_equal(json_string_value(json_array_get(list, 1)), "2e3");
    assert_true(es_provider_json_int(value, "d", &number) && number == 7);
    assert_true(es_provider_json_bsv(value, "d", &satoshis) && satoshis == 700000000);
    assert_string_equal(es_provider_json_text(value, "e"), "123456789012345678901234567890");
}

static void what_is_not_json_is_refused(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",         "{",  "{} {}", "{\"a\":1,\"a\":2}",   "\"\\ud800\"",
        "\"\xFF\"", "[1", "-",     "{\"a\":\"unfinished}"};
    for (size_t i = 0; i < ES_ARRAY_LEN(refused); i++) {
        ES_CLEANUP(es_provider_json_free_p)
        json_t *value = es_provider_json(refused[i], strlen(refused[i]));
        assert_null(value);
    }
}

static void coins_are_listed_without_those_already_spent(void **state)
{
    (void)state;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    static const char woc[] =
        "{\"result\":[{\"height\":9,\"tx_pos\":1,\"tx_hash\":\"" OURS "\",\"value\":5},"
        "{\"tx_pos\":2,\"tx_hash\":\"" OURS "\",\"value\":6},"
        "{\"height\":9,\"tx_pos\":3,\"tx_hash\":\"" OURS "\",\"value\":7,"
        "\"isSpentInMempoolTx\":true}],\"error\":\"\"}";
    static const char bad[] =
        "{\"result\":[{\"height\":9,\"tx_pos\":1,\"tx_hash\":\"" OURS "\",\"value\":5.5}]}";
    static const char node[] =
        "{\"result\":[{\"txid\":\"" OURS "\",\"vout\":4,\"amount\":0.00000008,"
        "\"confirmations\":0}],\"error\":null}";
    struct es_unspent_list list;
    assert_int_equal(es_woc_read_unspent(arena, 200, woc, strlen(woc), &list),
                     ES_QUESTION_ANSWERED);
    assert_int_equal(list.count, 2);
    assert_true(list.items[0].confirmed && !list.items[1].confirmed);
    assert_int_equal(list.items[1].satoshis, 6);
    assert_int_equal(es_woc_read_unspent(arena, 200, bad, strlen(bad), &list),
                     ES_QUESTION_UNANSWERED);
    assert_int_equal(es_node_read_unspent(arena, 200, node, strlen(node), &list),
                     ES_QUESTION_ANSWERED);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.items[0].satoshis, 8);
    assert_int_equal(list.items[0].outpoint.vout, 4);
    assert_false(list.items[0].confirmed);
}

#define DUST 10000

/* Anybody can pay us a satoshi ten thousand times; or nothing. */
static void a_list_full_of_dust_still_shows_the_money(void **state)
{
    (void)state;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    ES_CLEANUP(es_buf_done) struct es_buf woc = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf node = ES_BUF_INIT;
    struct es_unspent_list list;
    es_buf_add_str(&woc, "{\"result\":[");
    es_buf_add_str(&node, "{\"error\":null,\"result\":[");
    for (int i = 0; i <= DUST; i++) {
        int value = i == DUST ? 5000 : i == 0 ? 0 : 1;
        es_buf_printf(&woc, "%s{\"height\":9,\"tx_pos\":%d,\"tx_hash\":\"" OURS "\",\"value\":%d}",
                      i > 0 ? "," : "", i, value);
        es_buf_printf(&node,
                      "%s{\"txid\":\"" OURS "\",\"vout\":%d,\"amount\":0.%08d,"
                      "\"confirmations\":3}",
                      i > 0 ? "," : "", i, value);
    }
    es_buf_printf(&woc, ",{\"height\":9,\"tx_pos\":%d,\"tx_hash\":\"" OURS "\",\"value\":1}]}",
                  DUST + 1);
    es_buf_printf(&node,
                  ",{\"txid\":\"" OURS "\",\"vout\":%d,\"amount\":0.00000001,"
                  "\"confirmations\":3}]}",
                  DUST + 1);
    assert_int_equal(es_woc_read_unspent(arena, 200, es_buf_str(&woc), woc.length, &list),
                     ES_QUESTION_ANSWERED);
    assert_int_equal(list.count, ES_UNSPENT_MAX);
    assert_int_equal(list.left_out, 1);
    assert_int_equal(list.items[0].satoshis, 5000);
    assert_int_equal(list.items[0].outpoint.vout, DUST);
    assert_int_equal(es_node_read_unspent(arena, 200, es_buf_str(&node), node.length, &list),
                     ES_QUESTION_ANSWERED);
    assert_int_equal(list.count, ES_UNSPENT_MAX);
    assert_int_equal(list.left_out, 1);
    assert_int_equal(list.items[0].satoshis, 5000);
}

static void details_are_printable_and_short(void **state)
{
    (void)state;
    char text[400];
    memset(text, 'a', sizeof(text));
    memcpy(text, "x\n\x1b[31m\xC3\xA6", 9);
    struct es_sighting sighting = es_sighting_make(ES_SIGHT_UNCLEAR, "r");
    es_sighting_set_detail(&sighting, text, sizeof(text));
    assert_int_equal(strlen(sighting.detail), ES_SIGHTING_DETAIL_SIZE - 1);
    assert_memory_equal(sighting.detail, "x[31maaa", 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("E103 J2.8 ARC and Arcade, by status and code", arc_and_arcade),
        TEST("FE19 ARC says which block", arc_says_which_block),
        TEST("J2.10 the policy's rate is rounded up", arc_policy_rounds_up),
        TEST("E104 what WhatsOnChain answers to a transaction", whatsonchain_submissions),
        TEST("E104 what WhatsOnChain knows of a transaction", whatsonchain_statuses),
        TEST("a header is put together and hashed", a_header_is_put_together_and_hashed),
        TEST("FE19 proofs of WhatsOnChain and of a node", proofs_of_whatsonchain_and_of_a_node),
        TEST("FE19 a copy that is spelled out is a copy", a_copy_that_is_spelled_out_is_a_copy),
        TEST("E105 what a node answers to a transaction", node_submissions_by_code),
        TEST("E105 what a node knows of a transaction", node_statuses_by_code),
        TEST("amounts are exact", amounts_are_exact),
        TEST("no digit is lost on the way through JSON", no_digit_is_lost_on_the_way_through_json),
        TEST("what is not JSON is refused", what_is_not_json_is_refused),
        TEST("coins are listed without those already spent",
             coins_are_listed_without_those_already_spent),
        TEST("J2.12 a list full of dust still shows the money",
             a_list_full_of_dust_still_shows_the_money),
        TEST("details are printable and short", details_are_printable_and_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
