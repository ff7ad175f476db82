/* Rewards and balances. Every statement yields violations only, over a range of ids, so that no
 * table is read as a whole at once. */
#include "worker-ledger/auditor/internal.h"

#include <inttypes.h>

#define REWARDED_PAGE  500
#define LEAVES_AT_ONCE 50000
#define IDS_AT_ONCE    50000

/* --- rewards ------------------------------------------------------------------------------- */
const struct es_db_statement es_audit_rewarded_statement = {
    .name = "audit_rewarded",
    .params = "ii",
    .sql = "SELECT c.first_index, c.size FROM anchor.rewarded r"
           " JOIN anchor.checkpoints c USING (checkpoint_id)"
           " WHERE c.size > $1 ORDER BY c.size LIMIT $2",
};

/* Leaves $1 .. $2-1, whose checkpoints were rewarded: each has its transfer, with this content. */
const struct es_db_statement es_audit_unpaid_statement = {
    .name = "audit_unpaid",
    .params = "ii",
    .sql = "SELECT e.leaf_id AS subject, format('reward of leaf %s', e.leaf_id) AS what,"
           "  format('1 SAT to account %s', e.reward_account) AS expected,"
           "  coalesce(format('%s %s from account %s to %s', t.amount, t.currency,"
           "   t.debit_account, t.credit_account), 'none') AS found,"
           "  e.reward_account AS account, t.credit_account, t.debit_account"
           " FROM anchor.entries e JOIN pay.accounts a ON a.account_id = e.reward_account"
           " LEFT JOIN pay.transfers t ON t.transfer_key = 'reward/' || e.leaf_id"
           " LEFT JOIN pay.accounts p ON p.account_id = t.debit_account"
           " WHERE e.leaf_index >= $1 AND e.leaf_index < $2"
           "  AND a.kind = 'member_reward' AND a.currency = 'SAT'"
           "  AND (t.kind, t.amount, t.currency, t.credit_account, p.kind) IS DISTINCT FROM"
           "   ('reward', 1, 'SAT', e.reward_account, 'reward_pool') LIMIT 1000",
};

const struct es_db_statement es_audit_reward_counts_statement = {
    .name = "audit_reward_counts",
    .params = "ii",
    .sql = "SELECT c.checkpoint_id AS subject, format('number of rewards of checkpoint %s',"
           "  c.checkpoint_id) AS what, n.due::text AS expected, r.transfers::text AS found"
           " FROM anchor.rewarded r JOIN anchor.checkpoints c USING (checkpoint_id)"
           " CROSS JOIN LATERAL (SELECT count(*) AS due FROM anchor.entries e"
           "  JOIN pay.accounts a ON a.account_id = e.reward_account"
           "  WHERE e.leaf_index >= c.first_index AND e.leaf_index < c.size"
           "   AND a.kind = 'member_reward' AND a.currency = 'SAT') n"
           " WHERE c.first_index >= $1 AND c.size <= $2 AND r.transfers <> n.due",
};

const struct es_db_statement es_audit_unrewarded_statement = {
    .name = "audit_unrewarded",
    .params = "",
    .sql = "SELECT t.checkpoint_id AS subject, format('checkpoint %s, whose transaction is final',"
           "  t.checkpoint_id) AS what, 'rewarded' AS expected, 'not rewarded' AS found"
           " FROM anchor.transactions t WHERE t.kind = 'anchor' AND t.state = 'final'"
           "  AND NOT EXISTS (SELECT FROM anchor.rewarded r"
           "   WHERE r.checkpoint_id = t.checkpoint_id) LIMIT 1000",
};

/* Transfers $1+1 .. $2 that reward no leaf, one that names another account, or one whose checkpoint
 * is not on the network. Only the spelling that post_rewards writes names a leaf: another one would
 * be a second reward of the same leaf. */
const struct es_db_statement es_audit_unearned_statement = {
    .name = "audit_unearned",
    .params = "ii",
    .sql =
        "SELECT t.leaf_id AS subject, format('transfer %s', t.transfer_key) AS what,"
        "  format('a leaf of a rewarded checkpoint, to account %s', t.credit_account) AS expected,"
        "  CASE WHEN e.leaf_id IS NULL THEN 'no leaf'"
        "   WHEN e.reward_account IS NULL THEN 'a leaf that rewards nobody'"
        "   WHEN e.reward_account <> t.credit_account"
        "    THEN format('a leaf that rewards account %s', e.reward_account)"
        "   ELSE 'a leaf of another checkpoint' END AS found, t.credit_account, t.debit_account, "
        "e.leaf_id IS NULL AS no_leaf"
        " FROM (SELECT *, CASE WHEN transfer_key ~ '^reward/(0|[1-9][0-9]{0,17})$'"
        "   THEN substr(transfer_key, 8)::bigint ELSE -1 END AS leaf_id FROM pay.transfers"
        "   WHERE transfer_id > $1 AND transfer_id <= $2 AND kind = 'reward') t"
        " LEFT JOIN anchor.entries e ON e.leaf_id = t.leaf_id"
        " LEFT JOIN LATERAL (SELECT c.checkpoint_id FROM anchor.checkpoints c"
        "  WHERE c.size > e.leaf_index ORDER BY c.size LIMIT 1) c ON true"
        " WHERE e.reward_account IS DISTINCT FROM t.credit_account"
        "  OR (NOT EXISTS (SELECT FROM anchor.rewarded r"
        "    WHERE r.checkpoint_id = c.checkpoint_id)"
        "   AND NOT EXISTS (SELECT FROM anchor.transactions x"
        "    WHERE x.checkpoint_id = c.checkpoint_id AND x.state = 'final'))"
        " LIMIT 1000",
};

/* Only signals earn. A search through both tables, made when their numbers differ: the leaves and
 * the signals were counted on the way. */
const struct es_db_statement es_audit_no_signal_statement = {
    .name = "audit_no_signal",
    .params = "",
    .sql = "SELECT e.leaf_id AS subject, format('leaf %s', e.leaf_id) AS what,"
           "  'no reward, as it is no signal' AS expected,"
           "  format('account %s', e.reward_account) AS found"
           " FROM anchor.entries e WHERE e.reward_account IS NOT NULL AND NOT EXISTS"
           "  (SELECT FROM core.signals s WHERE s.signal_id = e.leaf_id) LIMIT 1000",
};

static void suspect_accounts(struct es_audit *audit, const struct es_db_rows *rows, size_t row)
{
    static const char *const columns[] = {"credit_account", "debit_account"};
    for (size_t i = 0; i < ES_ARRAY_LEN(columns); i++) {
        if (!es_db_is_null(rows, row, columns[i])) {
            es_audit_suspect(audit, ES_SUSPECT_ACCOUNT, es_db_i64(rows, row, columns[i]));
        }
    }
}

/* A reward that is missing is missing in two balances: its member's, and the pool's (account 0
 * stands for "the pool, whichever it is"). */
static enum es_db_result check_unpaid(struct es_audit *audit, int64_t first, int64_t end)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_run(audit->db, &es_audit_unpaid_statement, &rows, first, end);
    if (result != ES_DB_OK) {
        return result;
    }
    for (size_t i = 0; i < es_db_row_count(rows); i++) {
        suspect_accounts(audit, rows, i);
        es_audit_suspect(audit, ES_SUSPECT_ACCOUNT, es_db_i64(rows, i, "account"));
        es_audit_suspect(audit, ES_SUSPECT_ACCOUNT, 0);
    }
    es_audit_report_rows(audit, ES_AUDIT_REWARD, ES_SUSPECT_LEAF, rows);
    return ES_DB_OK;
}

static enum es_db_result check_counts(struct es_audit *audit, int64_t first, int64_t end)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_run(audit->db, &es_audit_reward_counts_statement, &rows, first, end);
    bool clean = audit->report.findings[ES_AUDIT_ENTRY] == 0 &&
                 audit->report.findings[ES_AUDIT_CHECKPOINT] == 0 &&
                 audit->suspect_count[ES_SUSPECT_LEAF] == 0;
    for (size_t i = 0; result == ES_DB_OK && clean && i < es_db_row_count(rows); i++) {
        es_audit_find_row(audit, ES_AUDIT_REWARD, rows, i);
    }
    return result;
}

static enum es_db_result check_leaves(struct es_audit *audit, int64_t first, int64_t end)
{
    enum es_db_result result = check_unpaid(audit, first, end);
    return result == ES_DB_OK ? check_counts(audit, first, end) : result;
}

/* Rewarded checkpoints that follow one another are looked at together. */
static enum es_db_result check_rewarded_page(struct es_audit *audit, const struct es_db_rows *rows)
{
    enum es_db_result result = ES_DB_OK;
    size_t count = es_db_row_count(rows);
    int64_t first = 0;
    for (size_t i = 0; i < count && result == ES_DB_OK; i++) {
        int64_t begins = es_db_i64(rows, i, "first_index");
        int64_t ends = es_db_i64(rows, i, "size");
        bool joined = i > 0 && first >= 0 && es_db_i64(rows, i - 1, "size") == begins;
        first = joined ? first : begins;
        bool goes_on = i + 1 < count && es_db_i64(rows, i + 1, "first_index") == ends &&
                       ends - first < LEAVES_AT_ONCE;
        if (!goes_on) {
            result = check_leaves(audit, first, ends);
            first = -1;
        }
    }
    return result;
}

static enum es_db_result check_rewarded(struct es_audit *audit)
{
    int64_t size = (int64_t)audit->since->log.frontier.size;
    size_t count = REWARDED_PAGE;
    enum es_db_result result = ES_DB_OK;
    while (count == REWARDED_PAGE && result == ES_DB_OK) {
        ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
        result =
            es_db_run(audit->db, &es_audit_rewarded_statement, &rows, size, (int64_t)REWARDED_PAGE);
        count = result == ES_DB_OK ? es_db_row_count(rows) : 0;
        if (count > 0) {
            size = es_db_i64(rows, count - 1, "size");
            result = check_rewarded_page(audit, rows);
        }
        es_arena_reset(audit->arena);
    }
    return result;
}

static enum es_db_result check_unrewarded(struct es_audit *audit)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_run(audit->db, &es_audit_unrewarded_statement, &rows);
    for (size_t i = 0; result == ES_DB_OK && i < es_db_row_count(rows); i++) {
        es_audit_find_row(audit, ES_AUDIT_REWARD, rows, i);
    }
    return result;
}

static enum es_db_result check_unearned(struct es_audit *audit, int64_t after, int64_t to)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_run(audit->db, &es_audit_unearned_statement, &rows, after, to);
    for (size_t i = 0; result == ES_DB_OK && i < es_db_row_count(rows); i++) {
        int64_t leaf_id = es_db_i64(rows, i, "subject");
        suspect_accounts(audit, rows, i);
        if (es_db_bool(rows, i, "no_leaf") && audit->lost_rewards > 0) {
            audit->lost_rewards--; /* the hole in the log was told of */
        } else if (!es_audit_is_suspect(audit, ES_SUSPECT_LEAF, leaf_id)) {
            es_audit_find_row(audit, ES_AUDIT_REWARD, rows, i);
        }
    }
    return result;
}

/* Where something was found already, a signal may be missing for that reason. */
static enum es_db_result check_earned(struct es_audit *audit)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    bool all_seen = audit->since->signal_day == 0 && audit->since->log.frontier.size == 0;
    if (!all_seen || audit->rewarding == audit->earning || es_audit_findings(&audit->report) > 0) {
        return ES_DB_OK;
    }
    enum es_db_result result = es_db_run(audit->db, &es_audit_planner_statement, NULL, "on");
    if (result == ES_DB_OK) {
        result = es_db_run(audit->db, &es_audit_no_signal_statement, &rows);
    }
    if (result == ES_DB_OK) {
        es_audit_report_rows(audit, ES_AUDIT_REWARD, ES_SUSPECT_LEAF, rows);
    }
    return result;
}

/* --- transfers and balances ---------------------------------------------------------------- */
const struct es_db_statement es_audit_money_ids_statement = {
    .name = "audit_money_ids",
    .params = "",
    .sql = "SELECT coalesce((SELECT max(transfer_id) FROM pay.transfers), 0) AS transfers,"
           "  coalesce((SELECT max(account_id) FROM pay.accounts), 0) AS accounts",
};

const struct es_db_statement es_audit_currencies_statement = {
    .name = "audit_currencies",
    .params = "ii",
    .sql = "SELECT t.transfer_id AS subject, format('transfer %s', t.transfer_id) AS what,"
           "  'accounts in ' || t.currency AS expected,"
           "  format('from %s to %s', d.currency, c.currency) AS found"
           " FROM pay.transfers t JOIN pay.accounts d ON d.account_id = t.debit_account"
           " JOIN pay.accounts c ON c.account_id = t.credit_account"
           " WHERE t.transfer_id > $1 AND t.transfer_id <= $2"
           "  AND (d.currency, c.currency) <> (t.currency, t.currency) LIMIT 1000",
};

/* Sums of a range of accounts at once: one look-up each would make the pool's transfers, which are
 * half of all, look like the usual case to the planner. Account 0 among the suspects is the pool.
 */
const struct es_db_statement es_audit_balances_statement = {
    .name = "audit_balances",
    .params = "ii",
    .sql = "SELECT a.account_id AS subject, format('balance of account %s', a.account_id) AS what,"
           "  m.sum::text AS expected, a.balance::text AS found, a.kind = 'reward_pool' AS is_pool"
           " FROM pay.accounts a LEFT JOIN (SELECT t.credit_account AS id, sum(t.amount) AS sum"
           "   FROM pay.transfers t WHERE t.credit_account > $1 AND t.credit_account <= $2"
           "   GROUP BY t.credit_account) c ON c.id = a.account_id"
           " LEFT JOIN (SELECT t.debit_account AS id, sum(t.amount) AS sum"
           "   FROM pay.transfers t WHERE t.debit_account > $1 AND t.debit_account <= $2"
           "   GROUP BY t.debit_account) d ON d.id = a.account_id"
           " CROSS JOIN LATERAL (SELECT coalesce(c.sum, 0) - coalesce(d.sum, 0) AS sum) m"
           " WHERE a.account_id > $1 AND a.account_id <= $2 AND a.balance <> m.sum LIMIT 1000",
};

const struct es_db_statement es_audit_sums_statement = {
    .name = "audit_sums",
    .params = "",
    .sql = "SELECT currency, sum(balance)::text AS sum FROM pay.accounts GROUP BY currency"
           " HAVING sum(balance) <> 0",
};

static enum es_db_result check_currencies(struct es_audit *audit, int64_t after, int64_t to)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result =
        es_db_run(audit->db, &es_audit_currencies_statement, &rows, after, to);
    for (size_t i = 0; result == ES_DB_OK && i < es_db_row_count(rows); i++) {
        es_audit_find_row(audit, ES_AUDIT_BALANCE, rows, i);
    }
    return result;
}

static enum es_db_result check_balances(struct es_audit *audit, int64_t after, int64_t to)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    enum es_db_result result = es_db_run(audit->db, &es_audit_balances_statement, &rows, after, to);
    for (size_t i = 0; result == ES_DB_OK && i < es_db_row_count(rows); i++) {
        if (es_db_bool(rows, i, "is_pool") && es_audit_is_suspect(audit, ES_SUSPECT_ACCOUNT, 0)) {
            es_audit_suspect(audit, ES_SUSPECT_ACCOUNT, es_db_i64(rows, i, "subject"));
        }
    }
    if (result == ES_DB_OK) {
        es_audit_report_rows(audit, ES_AUDIT_BALANCE, ES_SUSPECT_ACCOUNT, rows);
    }
    return result;
}

/* After the single balances: where one of those is wrong the sum is as well. */
static enum es_db_result check_sums(struct es_audit *audit)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    bool explained = audit->report.findings[ES_AUDIT_BALANCE] > 0 ||
                     audit->suspect_count[ES_SUSPECT_ACCOUNT] > 0;
    enum es_db_result result = es_db_run(audit->db, &es_audit_sums_statement, &rows);
    for (size_t i = 0; result == ES_DB_OK && !explained && i < es_db_row_count(rows); i++) {
        es_audit_find(audit, ES_AUDIT_BALANCE, "0", es_db_text(rows, i, "sum"),
                      "sum over all accounts in %s", es_db_text(rows, i, "currency"));
    }
    return result;
}

typedef enum es_db_result range_fn(struct es_audit *audit, int64_t after, int64_t to);

static enum es_db_result each_range(struct es_audit *audit, range_fn *look, int64_t after,
                                    int64_t last)
{
    enum es_db_result result = ES_DB_OK;
    while (after < last && result == ES_DB_OK) {
        int64_t to = last - after < IDS_AT_ONCE ? last : after + IDS_AT_ONCE;
        result = es_audit_go_on(audit);
        result = result == ES_DB_OK ? look(audit, after, to) : result;
        after = to;
        es_arena_reset(audit->arena);
    }
    return result;
}

enum es_db_result es_audit_money(struct es_audit *audit)
{
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *ids = NULL;
    int64_t since = audit->since->transfer_id;
    enum es_db_result result = es_db_one(audit->db, &es_audit_money_ids_statement, &ids);
    if (result != ES_DB_OK) {
        return result;
    }
    int64_t transfers = es_db_i64(ids, 0, "transfers");
    int64_t accounts = es_db_i64(ids, 0, "accounts");
    audit->next->transfer_id = transfers;
    audit->report.totals.transfers = (uint64_t)(transfers - since);
    audit->report.totals.accounts = (uint64_t)accounts;
    result = check_rewarded(audit);
    result = result != ES_DB_OK ? result : check_unrewarded(audit);
    result = result != ES_DB_OK ? result : each_range(audit, check_unearned, since, transfers);
    result = result != ES_DB_OK ? result : each_range(audit, check_currencies, since, transfers);
    result =
        result != ES_DB_OK ? result : es_db_run(audit->db, &es_audit_planner_statement, NULL, "on");
    result = result != ES_DB_OK ? result : each_range(audit, check_balances, 0, accounts);
    result = result != ES_DB_OK ? result : check_sums(audit);
    return result != ES_DB_OK ? result : check_earned(audit);
}
