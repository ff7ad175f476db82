/* The SQL functions around members and sign-in, called as the roles that may call them. */
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/tests/crowd.h"
#include "common/tests/servers.h"
#include "common/tests/sql.h"
#include "common/tests/unit.h"

#include <stdlib.h>
#include <string.h>

static PGconn *super;
static PGconn *admin;
static PGconn *core;
static char *admin_conninfo;
static char *core_conninfo;

/* Hash of a number or an address, as a literal. Tests name people by words. */
#define HASH(kind, word) "sha256(convert_to('" kind " ' || " word ", 'UTF8'))"

/* Add members with these numbers and addresses ("{1,2}"); their outcomes in order. */
static const char *add(PGconn *conn, const char *numbers, const char *emails)
{
    return es_test_sql(
        conn,
        "SELECT string_agg(outcome, ',' ORDER BY position) FROM core.add_members("
        " (SELECT array_agg(uuid_send(gen_random_uuid())) FROM unnest('%s'::text[])),"
        " ARRAY(SELECT " HASH(
            "number", "n") " FROM unnest('%s'::text[]) n),"
                           " ARRAY(SELECT " HASH(
                               "email",
                               "e") " FROM unnest('%s'::text[]) e),"
                                    " ARRAY(SELECT 'Europe/Copenhagen' FROM unnest('%s'::text[])),"
                                    " ARRAY(SELECT decode(repeat('5e', 80), 'hex') FROM "
                                    "unnest('%s'::text[])),"
                                    " 'operator:test', '00000000-0000-4000-8000-000000000001')",
        numbers, numbers, emails, numbers, numbers);
}

static const char *member_of(const char *number)
{
    return es_test_sql(
        super, "SELECT member_id FROM core.members WHERE number_hash = " HASH("number", "'%s'"),
        number);
}

/* --- members ------------------------------------------------------------------------------- */
static void a_member_gets_all_that_belongs_to_it(void **state)
{
    (void)state;
    assert_string_equal(add(admin, "{anna}", "{anna}"), "added");
    assert_string_equal(
        es_test_sql(
            super,
            "SELECT format('%%s %%s %%s %%s %%s %%s %%s', m.contract_state, a.kind, a.currency,"
            " a.balance, l.streak, octet_length(c.sealed), u.data ->> 'change')"
            " FROM core.members m JOIN core.liveness l USING (member_id)"
            " JOIN pay.accounts a ON a.account_id = m.reward_account"
            " JOIN vault.contacts c USING (member_id)"
            " JOIN core.audit_log u USING (member_id)"
            " WHERE number_hash = " HASH("number", "'anna'") " AND u.event_type = 'member'"
                                                             " AND u.actor = 'operator:test'"),
        "active member_reward SAT 0 0 80 added");
    assert_string_equal(
        es_test_sql(admin, "SELECT format('%%s %%s %%s %%s', contract_state, streak, balance,"
                           " last_day IS NULL) FROM core.status"),
        "active 0 0 t");
}

static void who_is_there_already_exists_and_halves_of_people_conflict(void **state)
{
    (void)state;
    assert_string_equal(add(admin, "{bo,carl}", "{bo,carl}"), "added,added");
    assert_string_equal(add(admin, "{bo,bo,dora,new}", "{bo,carl,carl,new}"),
                        "exists,conflict,conflict,added");
    assert_string_equal(member_of("dora"), ""); /* a conflict leaves nothing */
}

static void doubles_in_one_batch_count_as_if_they_came_one_by_one(void **state)
{
    (void)state;
    /* 1 added; 2 is 1 again; 3 has 1's number; 4 has 3's address, but 3 came to nothing. */
    assert_string_equal(add(admin, "{e1,e1,e1,e2}", "{e1,e1,e2,e2}"),
                        "added,exists,conflict,added");
    assert_string_equal(es_test_sql(super,
                                    "SELECT count(*) FROM core.members WHERE number_hash IN"
                                    " (" HASH("number", "'e1'") "," HASH("number", "'e2'") ")"),
                        "2");
}

static void a_bad_row_adds_nobody(void **state)
{
    (void)state;
    int64_t members = es_test_number(super, "SELECT count(*) FROM core.members");
    assert_string_equal(
        es_test_sql_error(
            admin,
            "SELECT * FROM core.add_members("
            "ARRAY[decode(repeat('01', 16), 'hex'), decode(repeat('02', 16), 'hex')],"
            "ARRAY[" HASH("number", "'f1'") "," HASH(
                "number", "'f2'") "],"
                                  "ARRAY[" HASH("email", "'f1'") "," HASH(
                                      "email",
                                      "'f2'") "],"
                                              "ARRAY['Europe/Copenhagen', 'Europe/Copenhagen'],"
                                              "ARRAY[decode(repeat('5e', 80), 'hex'), '\\x00'],"
                                              "'operator:test', gen_random_uuid())"),
        "23514");
    assert_int_equal(es_test_number(super, "SELECT count(*) FROM core.members"), members);
    assert_string_equal(es_test_sql(super,
                                    "SELECT count(*) FROM pay.accounts a WHERE kind ="
                                    " 'member_reward' AND NOT EXISTS (SELECT FROM core.members"
                                    " WHERE reward_account = a.account_id)"),
                        "0");
    assert_string_equal(es_test_sql_error(admin,
                                          "SELECT * FROM core.add_members('{}', '{}', '{}',"
                                          " '{x}', '{}', 'operator:test', gen_random_uuid())"),
                        "ES422");
    assert_string_equal(es_test_sql(admin, "SELECT count(*) FROM core.add_members('{}', '{}', '{}',"
                                           " '{}', '{}', 'operator:test', gen_random_uuid())"),
                        "0");
}

static void import_a_hundred(PGconn *conn, size_t number, void *context)
{
    (void)number;
    (void)context;
    (void)es_test_sql(
        conn,
        "SELECT count(*) FROM core.add_members("
        " (SELECT array_agg(uuid_send(gen_random_uuid())) FROM generate_series(1, 100)),"
        " ARRAY(SELECT " HASH(
            "number", "'crowd ' || n") " FROM generate_series(1, 100) n),"
                                       " ARRAY(SELECT " HASH(
                                           "email",
                                           "'crowd ' || n") " FROM generate_series(1, 100) n),"
                                                            " array_fill('Europe/"
                                                            "Copenhagen'::text, ARRAY[100]),"
                                                            " array_fill(decode(repeat('5e', 80), "
                                                            "'hex'), ARRAY[100]),"
                                                            " 'operator:test', gen_random_uuid())");
}

static void the_same_import_four_times_at_once_adds_everybody_once(void **state)
{
    (void)state;
    int64_t members = es_test_number(super, "SELECT count(*) FROM core.members");
    es_test_crowd(4, admin_conninfo, import_a_hundred, NULL);
    assert_int_equal(es_test_number(super, "SELECT count(*) FROM core.members"), members + 100);
    assert_int_equal(es_test_number(super, "SELECT count(*) FROM vault.contacts"), members + 100);
}

/* --- beginning a sign-in ------------------------------------------------------------------- */
/* Begin with the words as token and browser, so that each is used once. */
static void begin(PGconn *conn, const char *number, const char *email, const char *token)
{
    (void)es_test_sql(
        conn,
        "SELECT core.begin_login(" HASH("number", "'%s'") ", " HASH(
            "email",
            "'%s'") ","
                    " " HASH("token", "'%s'") ", " HASH(
                        "browser",
                        "'%s'") ","
                                " " HASH("code",
                                         "'%s'") ", decode(repeat('0f', 200), 'hex'),"
                                                 " interval '15 minutes', "
                                                 "'00000000-0000-4000-8000-000000000002', 10)",
        number, email, token, token, token);
}

static void only_a_true_pair_gets_a_mail_and_both_leave_the_same_traces_J4_3(void **state)
{
    (void)state;
    static const struct {
        const char *number, *email, *topic;
    } cases[] = {{"anna", "anna", "mail.login"},    {"anna", "bo", "mail.none"},
                 {"bo", "anna", "mail.none"},       {"anna", "stranger", "mail.none"},
                 {"stranger", "anna", "mail.none"}, {"stranger", "stranger", "mail.none"}};
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        char token[32];
        (void)snprintf(token, sizeof(token), "pair %zu", i);
        (void)es_test_sql(super, "DELETE FROM bus.outbox");
        begin(core, cases[i].number, cases[i].email, token);
        assert_string_equal(es_test_sql(super, "SELECT string_agg(topic, ',') FROM bus.outbox"),
                            cases[i].topic);
        assert_string_equal(es_test_sql(super,
                                        "SELECT string_agg(k, ',' ORDER BY k) FROM bus.outbox,"
                                        " jsonb_object_keys(payload) k"),
                            "expires_at,member_id,request_id,sealed");
        assert_string_equal(
            es_test_sql(super,
                        "SELECT (member_id IS NOT NULL)::text || ' ' || (expires_at ="
                        " created_at + interval '15 minutes') FROM core.logins"
                        " WHERE token_hash = " HASH("token", "'%s'"),
                        token),
            i == 0 ? "true true" : "false true");
    }
    (void)es_test_sql(super, "DELETE FROM bus.outbox; DELETE FROM core.logins");
    begin(core, "anna", "anna", "payload");
    assert_string_equal(
        es_test_sql(
            super,
            "SELECT (payload ->> 'member_id' = '%s')::text"
            " || (decode(payload ->> 'sealed', 'base64') = decode(repeat('0f', 200), 'hex'))"
            " || (payload ->> 'expires_at' ~ '^\\d{4}-\\d\\d-\\d\\dT[0-9:]{8}\\.\\d{6}Z$')"
            " || ((payload ->> 'expires_at')::timestamptz > now() + interval '14 minutes')"
            " || (payload ->> 'request_id' = '00000000-0000-4000-8000-000000000002')"
            " FROM bus.outbox",
            member_of("anna")),
        "truetruetruetruetrue");
}

static void a_terminated_member_gets_no_mail(void **state)
{
    (void)state;
    (void)es_test_sql(super,
                      "UPDATE core.members SET contract_state = 'terminated' WHERE member_id = %s",
                      member_of("carl"));
    (void)es_test_sql(super, "DELETE FROM bus.outbox");
    begin(core, "carl", "carl", "carl");
    assert_string_equal(es_test_sql(super, "SELECT topic FROM bus.outbox"), "mail.none");
}

static const char *mails_for(const char *number)
{
    return es_test_sql(super,
                       "SELECT count(*) FROM bus.outbox WHERE topic = 'mail.login'"
                       " AND payload ->> 'member_id' = (SELECT member_id::text FROM"
                       " core.members WHERE number_hash = " HASH("number", "'%s'") ")",
                       number);
}

static void at_most_ten_mails_an_hour_go_to_one_address_J4_4(void **state)
{
    (void)state;
    char token[32];
    (void)es_test_sql(super, "DELETE FROM bus.outbox; DELETE FROM core.logins");
    for (int i = 0; i < 30; i++) { /* who does not know the number uses up nothing */
        (void)snprintf(token, sizeof(token), "wrong %d", i);
        begin(core, "stranger", "bo", token);
    }
    for (int i = 0; i < 15; i++) {
        (void)snprintf(token, sizeof(token), "right %d", i);
        begin(core, "bo", "bo", token);
    }
    assert_string_equal(mails_for("bo"), "10");
    assert_string_equal(/* what was not mailed cannot be completed */
                        es_test_sql(core, "SELECT count(*) FROM core.finish_login_token(" HASH(
                                              "token", "'right 12'") ")"),
                        "0");
    (void)es_test_sql(super, "UPDATE core.logins SET created_at = created_at - interval '1 hour'");
    begin(core, "bo", "bo", "an hour later");
    assert_string_equal(mails_for("bo"), "11");
}

static void begin_in_a_crowd(PGconn *conn, size_t number, void *context)
{
    char token[32];
    (void)context;
    (void)snprintf(token, sizeof(token), "crowd %zu", number);
    begin(conn, "anna", "anna", token);
}

static void a_bombardment_all_at_once_sends_no_more_J4_4(void **state)
{
    (void)state;
    (void)es_test_sql(super, "DELETE FROM bus.outbox; DELETE FROM core.logins");
    es_test_crowd(30, core_conninfo, begin_in_a_crowd, NULL);
    assert_string_equal(mails_for("anna"), "10");
    assert_string_equal(es_test_sql(super, "SELECT count(*) FROM core.logins"), "30");
}

/* --- finishing it -------------------------------------------------------------------------- */
static const char *finish_token(PGconn *conn, const char *token)
{
    return es_test_sql(
        conn, "SELECT member_id FROM core.finish_login_token(" HASH("token", "'%s'") ")", token);
}

static void a_link_works_once(void **state)
{
    (void)state;
    (void)es_test_sql(super, "DELETE FROM core.logins");
    begin(core, "anna", "anna", "link");
    ES_CLEANUP(es_free_p) char *anna = es_strdup(member_of("anna"));
    assert_string_equal(finish_token(core, "another"), "");
    assert_string_equal(finish_token(core, "link"), anna);
    assert_string_equal(finish_token(core, "link"), "");
}

static void finish_in_a_crowd(PGconn *conn, size_t number, void *context)
{
    bool *signed_in = context;
    signed_in[number] = finish_token(conn, "raced")[0] != '\0';
}

static void a_link_used_by_many_at_once_works_for_one(void **state)
{
    (void)state;
    bool signed_in[8] = {false};
    int count = 0;
    begin(core, "anna", "anna", "raced");
    es_test_crowd(ES_ARRAY_LEN(signed_in), core_conninfo, finish_in_a_crowd, signed_in);
    for (size_t i = 0; i < ES_ARRAY_LEN(signed_in); i++) {
        count += signed_in[i];
    }
    assert_int_equal(count, 1);
}

static void an_expired_or_hopeless_link_does_not_work(void **state)
{
    (void)state;
    begin(core, "anna", "anna", "late");
    (void)es_test_sql(super, "UPDATE core.logins SET expires_at = clock_timestamp()");
    assert_string_equal(finish_token(core, "late"), "");
    begin(core, "stranger", "anna", "hopeless");
    assert_string_equal(finish_token(core, "hopeless"), "");
}

static const char *try_code(PGconn *conn, const char *browser)
{
    return es_test_sql(
        conn, "SELECT login_id FROM core.try_login_code(" HASH("browser", "'%s'") ")", browser);
}

static void a_code_has_five_tries_in_the_browser_where_it_began_J4_2(void **state)
{
    (void)state;
    (void)es_test_sql(super, "DELETE FROM core.logins");
    begin(core, "anna", "anna", "code");
    assert_string_equal(try_code(core, "another browser"), "");
    for (int i = 0; i < 5; i++) {
        assert_string_not_equal(try_code(core, "code"), "");
    }
    assert_string_equal(try_code(core, "code"), "");
}

static void try_in_a_crowd(PGconn *conn, size_t number, void *context)
{
    bool *tried = context;
    tried[number] = try_code(conn, "guessed")[0] != '\0';
}

static void many_guesses_at_once_are_five(void **state)
{
    (void)state;
    bool tried[20] = {false};
    int count = 0;
    begin(core, "anna", "anna", "guessed");
    es_test_crowd(ES_ARRAY_LEN(tried), core_conninfo, try_in_a_crowd, tried);
    for (size_t i = 0; i < ES_ARRAY_LEN(tried); i++) {
        count += tried[i];
    }
    assert_int_equal(count, 5);
}

static void a_right_code_signs_in_once(void **state)
{
    (void)state;
    begin(core, "anna", "anna", "typed");
    ES_CLEANUP(es_free_p) char *anna = es_strdup(member_of("anna"));
    ES_CLEANUP(es_free_p) char *login = es_strdup(try_code(core, "typed"));
    assert_string_equal(es_test_sql(core, "SELECT (code_hash = " HASH(
                                              "code", "'typed'") ")::text"
                                                                 " FROM core.try_login_code(" HASH(
                                                                     "browser", "'typed'") ")"),
                        "true");
    assert_string_equal(
        es_test_sql(core, "SELECT member_id FROM core.finish_login_code(%s)", login), anna);
    assert_string_equal(es_test_sql(core, "SELECT count(*) FROM core.finish_login_code(%s)", login),
                        "0");
    assert_string_equal(finish_token(core, "typed"), ""); /* link and code are one sign-in */
    assert_string_equal(try_code(core, "typed"), "");
}

static void the_code_of_a_stranger_is_tried_like_any_other_and_never_works_J4_3(void **state)
{
    (void)state;
    begin(core, "stranger", "stranger", "ghost");
    ES_CLEANUP(es_free_p) char *login = es_strdup(try_code(core, "ghost"));
    assert_string_not_equal(login, "");
    assert_string_equal(es_test_sql(core, "SELECT count(*) FROM core.finish_login_code(%s)", login),
                        "0");
}

/* --- set-up -------------------------------------------------------------------------------- */
static int start(void **state)
{
    (void)state;
    es_random_init();
    struct es_test_server *server = es_test_schema_start();
    admin_conninfo = es_test_postgres_conninfo(server, "eldersafe_admin", "postgres");
    core_conninfo = es_test_postgres_conninfo(server, "eldersafe_core", "postgres");
    super = es_test_connect_as(server, "postgres");
    admin = es_test_connect(admin_conninfo);
    core = es_test_connect(core_conninfo);
    (void)es_test_sql(super, "ALTER ROLE eldersafe_admin CONNECTION LIMIT 20"); /* for crowds */
    return 0;
}

static int end(void **state)
{
    (void)state;
    es_test_disconnect(&super);
    es_test_disconnect(&admin);
    es_test_disconnect(&core);
    free(admin_conninfo);
    free(core_conninfo);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_gets_all_that_belongs_to_it),
        cmocka_unit_test(who_is_there_already_exists_and_halves_of_people_conflict),
        cmocka_unit_test(doubles_in_one_batch_count_as_if_they_came_one_by_one),
        cmocka_unit_test(a_bad_row_adds_nobody),
        cmocka_unit_test(the_same_import_four_times_at_once_adds_everybody_once),
        cmocka_unit_test(only_a_true_pair_gets_a_mail_and_both_leave_the_same_traces_J4_3),
        cmocka_unit_test(a_terminated_member_gets_no_mail),
        cmocka_unit_test(at_most_ten_mails_an_hour_go_to_one_address_J4_4),
        cmocka_unit_test(a_bombardment_all_at_once_sends_no_more_J4_4),
        cmocka_unit_test(a_link_works_once),
        cmocka_unit_test(a_link_used_by_many_at_once_works_for_one),
        cmocka_unit_test(an_expired_or_hopeless_link_does_not_work),
        cmocka_unit_test(a_code_has_five_tries_in_the_browser_where_it_began_J4_2),
        cmocka_unit_test(many_guesses_at_once_are_five),
        cmocka_unit_test(a_right_code_signs_in_once),
        cmocka_unit_test(the_code_of_a_stranger_is_tried_like_any_other_and_never_works_J4_3),
    };
    return cmocka_run_group_tests(tests, start, end);
}
