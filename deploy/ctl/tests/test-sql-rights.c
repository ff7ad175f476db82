/* Isolation, tried out: each role does what it must not be able to do, and is refused (FE17). */
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/tests/servers.h"
#include "common/tests/sql.h"
#include "common/tests/unit.h"

#include <stdlib.h>
#include <string.h>

#define DENIED "42501"

static struct es_test_server *server;

static PGconn *connect_as(const char *role)
{
    ES_CLEANUP(es_free_p) char *conninfo = es_test_postgres_conninfo(server, role, "postgres");
    return es_test_connect(conninfo);
}

static void assert_denied(const char *role, const char *const *attempts, size_t count)
{
    PGconn *conn = connect_as(role);
    for (size_t i = 0; i < count; i++) {
        const char *sqlstate = es_test_sql_error(conn, "%s", attempts[i]);
        if (strcmp(sqlstate, DENIED) != 0) {
            fail_msg("%s: %s: \"%s\" instead of denied", role, attempts[i], sqlstate);
        }
    }
    es_test_disconnect(&conn);
}

static void the_ledger_cannot_read_the_core_nor_move_money_by_hand(void **state)
{
    (void)state;
    static const char *const attempts[] = {
        "SELECT * FROM core.members",
        "SELECT * FROM core.signals",
        "SELECT * FROM core.status",
        "SELECT * FROM core.audit",
        "SELECT * FROM vault.contacts",
        "SELECT core.prune(now())",
        "UPDATE pay.accounts SET balance = 0",
        "INSERT INTO pay.transfers (transfer_key, amount) VALUES ('x', 1)",
        "SELECT pay.post_transfer('x', 'reward', 1, 2, 1, 'SAT')",
        "INSERT INTO anchor.rewarded (checkpoint_id, transfers) VALUES (1, 0)",
        "UPDATE anchor.entries SET hash = hash",
        "DELETE FROM anchor.checkpoints",
        "TRUNCATE anchor.transitions",
        "SELECT payload FROM bus.outbox",
    };
    assert_denied("eldersafe_ledger", attempts, ES_ARRAY_LEN(attempts));
}

static void the_core_cannot_change_what_is_written_nor_open_the_vault(void **state)
{
    (void)state;
    static const char *const attempts[] = {
        "SELECT sealed FROM vault.contacts",
        "INSERT INTO vault.contacts VALUES (1, 'email', '\\x00')",
        "UPDATE anchor.checkpoints SET note = note",
        "DELETE FROM anchor.checkpoints",
        "UPDATE anchor.transactions SET state = 'final'",
        "SELECT raw FROM anchor.transactions",
        "SELECT * FROM anchor.coins",
        "DELETE FROM anchor.leaves",
        "UPDATE core.signals SET channel = 'sms'",
        "DELETE FROM core.signals",
        "TRUNCATE core.signals",
        "DELETE FROM core.audit_log",
        "SELECT * FROM core.audit_log",
        "SELECT token_hash FROM core.logins",
        "UPDATE core.logins SET used_at = NULL",
        "UPDATE core.members SET contract_state = 'active'",
        "INSERT INTO core.members (public_id) VALUES ('\\x00')",
        "UPDATE core.sessions SET member_id = 1",
        "DELETE FROM core.revocations",
        "UPDATE pay.accounts SET balance = 1000000",
        "SELECT pay.post_rewards(1)",
        "SELECT core.add_members('{}', '{}', '{}', '{}', '{}', 'x', gen_random_uuid())",
        "SELECT * FROM bus.inbox",
        "CREATE TABLE core.mine ()",
        "CREATE TABLE public.mine ()",
        "SET ROLE eldersafe_owner",
    };
    assert_denied("eldersafe_core", attempts, ES_ARRAY_LEN(attempts));
}

static void the_notifier_knows_addresses_and_nothing_else(void **state)
{
    (void)state;
    static const char *const attempts[] = {
        "SELECT * FROM core.members",
        "SELECT * FROM core.signals",
        "SELECT * FROM anchor.leaves",
        "SELECT * FROM pay.balances",
        "UPDATE vault.contacts SET sealed = sealed",
        "INSERT INTO vault.contacts VALUES (1, 'email', '\\x00')",
        "UPDATE vault.messages SET member_id = 1",
        "INSERT INTO bus.outbox (topic, payload) VALUES ('a.b', '{}')",
    };
    assert_denied("eldersafe_notify", attempts, ES_ARRAY_LEN(attempts));
}

static void the_auditor_reads_and_sees_no_secret(void **state)
{
    (void)state;
    static const char *const attempts[] = {
        "SELECT sealed FROM vault.contacts",
        "SELECT * FROM vault.messages",
        "SELECT token_hash FROM core.logins",
        "SELECT code_hash FROM core.logins",
        "SELECT token_hash FROM core.sessions",
        "SELECT token_hash FROM core.revocations",
        "SELECT body FROM core.idempotency",
        "SELECT core.begin_login('', '', '', '', '', '', '1 day', gen_random_uuid(), 1)",
    };
    assert_denied("eldersafe_auditor", attempts, ES_ARRAY_LEN(attempts));
    PGconn *auditor = connect_as("eldersafe_auditor");
    (void)es_test_sql(auditor,
                      "SELECT count(*) FROM core.members m, core.signals s, core.audit a,"
                      " pay.transfers t, pay.accounts c, anchor.entries e, anchor.coins o");
    (void)es_test_sql(auditor, "SELECT member_id, updated_at FROM vault.contacts");
    assert_string_equal(es_test_sql_error(auditor, "CREATE TEMP TABLE x ()"),
                        "25006"); /* read only */
    es_test_disconnect(&auditor);
}

static void the_operator_sees_no_secret_either(void **state)
{
    (void)state;
    static const char *const attempts[] = {
        "SELECT sealed FROM vault.contacts", "SELECT sealed FROM vault.messages",
        "SELECT * FROM core.logins",         "SELECT token_hash FROM core.sessions",
        "DELETE FROM core.members",          "UPDATE core.members SET contract_state = 'active'",
        "DELETE FROM core.sessions",         "UPDATE anchor.checkpoints SET note = note",
    };
    assert_denied("eldersafe_admin", attempts, ES_ARRAY_LEN(attempts));
}

static void nobody_else_can_even_connect(void **state)
{
    (void)state;
    PGconn *super = connect_as("postgres");
    (void)es_test_sql(super, "CREATE ROLE stranger LOGIN");
    ES_CLEANUP(es_free_p)
    char *conninfo = es_test_postgres_conninfo(server, "stranger", "postgres");
    PGconn *stranger = PQconnectdb(conninfo);
    assert_int_equal(PQstatus(stranger), CONNECTION_BAD);
    assert_non_null(strstr(PQerrorMessage(stranger), "permission denied for database"));
    PQfinish(stranger);
    es_test_disconnect(&super);
}

static void every_role_is_held_to_its_connections_and_its_time(void **state)
{
    (void)state;
    PGconn *super = connect_as("postgres");
    assert_string_equal(
        es_test_sql(super, "SELECT string_agg(rolname, ',') FROM pg_roles"
                           " WHERE rolname LIKE 'eldersafe\\_%%' AND (rolsuper OR rolcanlogin AND"
                           " (rolconnlimit < 1 OR NOT coalesce(rolconfig::text, '') LIKE"
                           " '%%idle_in_transaction_session_timeout=10s%%'))"),
        "");
    ES_CLEANUP(es_free_p)
    char *conninfo = es_test_postgres_conninfo(server, "eldersafe_migrate", "postgres");
    PGconn *first = es_test_connect(conninfo);
    PGconn *second = es_test_connect(conninfo);
    PGconn *third = PQconnectdb(conninfo);
    assert_int_equal(PQstatus(third), CONNECTION_BAD);
    PQfinish(third);
    es_test_disconnect(&first);
    es_test_disconnect(&second);
    es_test_disconnect(&super);
}

static int start(void **state)
{
    (void)state;
    es_random_init();
    server = es_test_schema_start();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ledger_cannot_read_the_core_nor_move_money_by_hand),
        cmocka_unit_test(the_core_cannot_change_what_is_written_nor_open_the_vault),
        cmocka_unit_test(the_notifier_knows_addresses_and_nothing_else),
        cmocka_unit_test(the_auditor_reads_and_sees_no_secret),
        cmocka_unit_test(the_operator_sees_no_secret_either),
        cmocka_unit_test(nobody_else_can_even_connect),
        cmocka_unit_test(every_role_is_held_to_its_connections_and_its_time),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
