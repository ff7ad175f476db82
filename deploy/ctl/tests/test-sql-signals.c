/* The SQL functions around signals, the audit and forgetting. */
#include "common/base/random.h"
#include "common/tests/crowd.h"
#include "common/tests/servers.h"
#include "common/tests/sql.h"
#include "common/tests/unit.h"

#include <stdlib.h>
#include <string.h>

static PGconn *super;
static PGconn *core;
static char *core_conninfo;

static void add_signal(const char *member, const char *day)
{
    (void)es_test_sql(
        super,
        "INSERT INTO core.signals (member_id, signal_day, signal_id, channel, evidence, "
        "received_at,"
        " salt, event, actor, request_id) VALUES (%s, %s, nextval('anchor.leaf_ids'), 'app',"
        " 'strong', now(), decode(repeat('5a', 16), 'hex'), '{}', decode(repeat('ac', 16), 'hex'),"
        " gen_random_uuid())",
        member, day);
}

static int64_t partitions(void)
{
    return es_test_number(
        super, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'core.signals'::regclass");
}

/* --- partitions ---------------------------------------------------------------------------- */
static void partitions_are_made_ahead_once(void **state)
{
    (void)state;
    assert_int_equal(partitions(), 5); /* last month, this one, three ahead: made by migrate */
    assert_string_equal(es_test_sql(core, "SELECT core.make_signal_partitions(3)"), "0");
    assert_string_equal(es_test_sql(core, "SELECT core.make_signal_partitions(14)"), "11");
    assert_int_equal(partitions(), 16);
    assert_string_equal(es_test_sql_error(core, "SELECT core.make_signal_partitions(-1)"), "ES422");
    assert_string_equal(es_test_sql_error(core, "SELECT core.make_signal_partitions(1000)"),
                        "ES422");
}

static void make_partitions(PGconn *conn, size_t number, void *context)
{
    int64_t *made = context;
    made[number] = es_test_number(conn, "SELECT core.make_signal_partitions(20)");
}

static void partitions_made_by_many_at_once_are_made_once(void **state)
{
    (void)state;
    int64_t made[4] = {0};
    es_test_crowd(ES_ARRAY_LEN(made), core_conninfo, make_partitions, made);
    assert_int_equal(made[0] + made[1] + made[2] + made[3], 6);
    assert_int_equal(partitions(), 22);
}

static void signals_go_on_while_partitions_are_made(void **state)
{
    (void)state;
    PGconn *maker = es_test_connect(core_conninfo);
    (void)es_test_sql(maker, "BEGIN");
    (void)es_test_sql(maker, "SELECT core.make_signal_partitions(21)"); /* and holds its locks */
    (void)es_test_sql(super, "SET lock_timeout = '1s'");
    add_signal("4711", "current_date");
    (void)es_test_sql(maker, "ROLLBACK");
    es_test_disconnect(&maker);
}

static void a_signal_is_one_row_of_member_day_and_slot_E87(void **state)
{
    (void)state;
    add_signal("1", "current_date");
    assert_string_equal(
        es_test_sql(
            core, "INSERT INTO core.signals (member_id, signal_day, signal_id, channel, evidence,"
                  " received_at, salt, event, actor, request_id) VALUES (1, current_date, 1, 'app',"
                  " 'strong', now(), decode(repeat('5a', 16), 'hex'), '{}',"
                  " decode(repeat('ac', 16), 'hex'), gen_random_uuid())"
                  " ON CONFLICT (member_id, signal_day, slot) DO NOTHING RETURNING 1"),
        "");
}

/* Nobody changes what was signalled: not through the table, not through its partition, and not
 * with ordinary triggers switched off. */
static void signals_cannot_be_changed_by_anybody(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "UPDATE %s SET channel = 'sms'",
        "DELETE FROM %s",
        "TRUNCATE %s",
        "SET session_replication_role = replica; UPDATE %s SET channel = 'sms'",
        "SET session_replication_role = replica; DELETE FROM %s",
        "SET session_replication_role = replica; TRUNCATE %s"};
    char partition[64];
    (void)snprintf(partition, sizeof(partition), "core.signals_%s",
                   es_test_sql(super, "SELECT to_char(now(), 'YYYY_MM')"));
    const char *const tables[] = {"core.signals", partition};
    for (size_t i = 0; i < ES_ARRAY_LEN(changes); i++) {
        for (size_t k = 0; k < ES_ARRAY_LEN(tables); k++) {
            char sql[256];
            const char *percent = strstr(changes[i], "%s");
            (void)snprintf(sql, sizeof(sql), "%.*s%s%s", (int)(percent - changes[i]), changes[i],
                           tables[k], percent + 2);
            assert_string_equal(es_test_sql_error(super, "%s", sql), "23001");
        }
    }
    (void)es_test_sql(super, "RESET session_replication_role");
}

static void a_run_is_counted_back_to_its_first_gap(void **state)
{
    (void)state;
    add_signal("2", "current_date - 1");
    add_signal("2", "current_date - 2");
    add_signal("2", "current_date - 3");
    add_signal("2", "current_date - 5");
    assert_string_equal(es_test_sql(core, "SELECT core.run_before(2, current_date)"), "3");
    assert_string_equal(es_test_sql(core, "SELECT core.run_before(2, current_date - 3)"), "0");
    assert_string_equal(es_test_sql(core, "SELECT core.run_before(2, current_date - 4)"), "1");
    assert_string_equal(es_test_sql(core, "SELECT core.run_before(3, current_date)"), "0");
}

/* --- audit --------------------------------------------------------------------------------- */
static void every_signal_is_its_own_audit_entry_E88(void **state)
{
    (void)state;
    add_signal("7", "current_date");
    (void)es_test_sql(
        core, "INSERT INTO core.audit_log (member_id, event_type, actor, request_id, data)"
              " VALUES (7, 'login', 'member:abc', gen_random_uuid(), '{\"session\": \"1\"}')");
    assert_string_equal(
        es_test_sql(
            super,
            "SELECT string_agg(event_type || ' ' || actor || ' ' || coalesce(data ->> 'channel',"
            " '-'), ', ' ORDER BY event_type) FROM core.audit WHERE member_id = 7"),
        "login member:abc -, signal member:acacacacacacacacacacacacacacacac app");
}

static void audit_entries_cannot_be_changed(void **state)
{
    (void)state;
    assert_string_equal(es_test_sql_error(super, "UPDATE core.audit_log SET actor = 'x'"), "23001");
    assert_string_equal(es_test_sql_error(super, "DELETE FROM core.audit_log"), "23001");
    assert_string_equal(es_test_sql_error(super, "TRUNCATE core.audit_log"), "23001");
    assert_string_equal(es_test_sql_error(core, "UPDATE core.audit_log SET actor = 'x'"), "42501");
}

/* --- forgetting ---------------------------------------------------------------------------- */
static const char *prune(const char *at)
{
    return es_test_sql(core, "SELECT core.prune(%s)", at);
}

static void what_has_ended_is_forgotten_in_its_time(void **state)
{
    (void)state;
    static const char *const rows =
        "INSERT INTO core.logins (email_hash, token_hash, browser_hash, code_hash, expires_at)"
        " SELECT sha256('e'), sha256(('l' || n)::bytea), sha256(('b' || n)::bytea), sha256('c'),"
        "  now() - n * interval '1 day' FROM generate_series(1, 10) n;"
        "INSERT INTO core.idempotency (caller, key_hash, fingerprint, state, expires_at, "
        "lease_until)"
        " SELECT decode(repeat('01', 16), 'hex'), sha256(('k' || n)::bytea), sha256('f'), "
        "'running',"
        "  now() - (n - 5) * interval '1 hour', now() FROM generate_series(1, 10) n;"
        "INSERT INTO core.revocations (token_hash, expires_at)"
        " SELECT substring(sha256(('r' || n)::bytea) FROM 1 FOR 16), now() - (n - 5) * interval '1 "
        "hour'"
        " FROM generate_series(1, 10) n;"
        "INSERT INTO core.members (public_id, number_hash, email_hash, reward_account)"
        " SELECT decode(repeat('77', 16), 'hex'), sha256('n'), sha256('e'), account_id"
        " FROM pay.accounts LIMIT 1;"
        "INSERT INTO core.sessions (member_id, token_hash, scope, expires_at)"
        " SELECT member_id, substring(sha256(('s' || n)::bytea) FROM 1 FOR 16), 'session',"
        "  now() - n * interval '30 days' FROM core.members, generate_series(1, 5) n;"
        "SELECT 1";
    (void)es_test_sql(super, "%s", rows);
    assert_string_equal(prune("now() - interval '1 year'"),
                        "{\"logins\": 0, \"sessions\": 0, \"idempotency\": 0, \"revocations\": 0}");
    /* A clock that runs ahead must not make a revoked token good again. */
    assert_string_equal(prune("'infinity'"),
                        "{\"logins\": 4, \"sessions\": 3, \"idempotency\": 6, \"revocations\": 6}");
    assert_string_equal(prune("now()"),
                        "{\"logins\": 0, \"sessions\": 0, \"idempotency\": 0, \"revocations\": 0}");
}

/* Three events of 8 days ago and one of now, each taken by two consumers. */
static void write_events(void)
{
    (void)es_test_sql(super, "INSERT INTO bus.outbox (topic, payload, created_at)"
                             " SELECT 'test.old', '{}', now() - interval '8 days'"
                             " FROM generate_series(1, 3);"
                             "INSERT INTO bus.outbox (topic, payload) VALUES ('test.new', '{}');"
                             "INSERT INTO bus.inbox (consumer, event_id, taken_at)"
                             " SELECT c, event_id, created_at FROM bus.outbox,"
                             "  unnest('{one,two}'::text[]) c ON CONFLICT DO NOTHING");
}

static void publish_everything(void)
{
    (void)es_test_sql(super, "UPDATE bus.relay_position SET passed = pg_current_snapshot()");
}

static void events_are_forgotten_when_they_are_old_and_published(void **state)
{
    (void)state;
    (void)es_test_sql(super, "DELETE FROM bus.outbox; DELETE FROM bus.inbox;"
                             "UPDATE bus.relay_position SET passed = '1:1:'");
    write_events();
    assert_string_equal(es_test_sql(core, "SELECT bus.prune()"), "{\"inbox\": 0, \"outbox\": 0}");
    publish_everything();
    write_events(); /* these come after what was published */
    assert_string_equal(es_test_sql(core, "SELECT bus.prune()"), "{\"inbox\": 6, \"outbox\": 3}");
    publish_everything();
    assert_string_equal(es_test_sql(core, "SELECT bus.prune()"), "{\"inbox\": 6, \"outbox\": 3}");
    assert_string_equal(es_test_sql(super, "SELECT string_agg(topic, ',') FROM bus.outbox"),
                        "test.new,test.new");
    assert_string_equal(es_test_sql(super, "SELECT count(*) FROM bus.inbox"), "4");
}

/* --- set-up -------------------------------------------------------------------------------- */
static int start(void **state)
{
    (void)state;
    es_random_init();
    struct es_test_server *server = es_test_schema_start();
    core_conninfo = es_test_postgres_conninfo(server, "eldersafe_core", "postgres");
    super = es_test_connect_as(server, "postgres");
    core = es_test_connect(core_conninfo);
    return 0;
}

static int end(void **state)
{
    (void)state;
    es_test_disconnect(&super);
    es_test_disconnect(&core);
    free(core_conninfo);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partitions_are_made_ahead_once),
        cmocka_unit_test(partitions_made_by_many_at_once_are_made_once),
        cmocka_unit_test(signals_go_on_while_partitions_are_made),
        cmocka_unit_test(a_signal_is_one_row_of_member_day_and_slot_E87),
        cmocka_unit_test(signals_cannot_be_changed_by_anybody),
        cmocka_unit_test(a_run_is_counted_back_to_its_first_gap),
        cmocka_unit_test(every_signal_is_its_own_audit_entry_E88),
        cmocka_unit_test(audit_entries_cannot_be_changed),
        cmocka_unit_test(what_has_ended_is_forgotten_in_its_time),
        cmocka_unit_test(events_are_forgotten_when_they_are_old_and_published),
    };
    return cmocka_run_group_tests(tests, start, end);
}
