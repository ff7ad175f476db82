/* Unit tests of common/db against a private PostgreSQL: values there and back, errors.
 * Transactions are in test-db-transaction.c, outages in test-db-outage.c. */
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/observe/log.h"
#include "common/tests/db-fixture.h"
#include "common/tests/servers.h"

#include <stdlib.h>
#include <string.h>

#define STATEMENT_TIMEOUT_MS 2000
#define LARGE_COUNT          5000

/* --- the registry under test --------------------------------------------------------------- */
static const struct es_db_statement scalars = {
    .name = "scalars",
    .params = "insbtxdzuj",
    .sql = "SELECT $1::bigint AS i, $2::integer AS n, $3::smallint AS s, $4::boolean AS b,"
           " $5::text AS t, $6::bytea AS x, $7::date AS d, $8::timestamptz AS z, $9::uuid AS u,"
           " $10::jsonb ->> 'key' AS j, $7::date::text AS d_text,"
           " to_char($8 AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') AS z_text,"
           " $9::text AS u_text"};
static const struct es_db_statement nullable = {
    .name = "nullable",
    .params = "?i?n?s?b?d?ztxujI",
    .sql = "SELECT $1::bigint AS i, $2::integer AS n, $3::smallint AS s, $4::boolean AS b,"
           " $5::date AS d, $6::timestamptz AS z, $7::text AS t, $8::bytea AS x, $9::uuid AS u,"
           " $10::jsonb::text AS j, $11::bigint[]::text AS a"};
static const struct es_db_statement arrays = {
    .name = "arrays",
    .params = "INSBTXDZUJ",
    .sql = "SELECT $1::text AS i, $2::text AS n, $3::text AS s, $4::text AS b, $5::text AS t,"
           " $6::text AS x, $7::text AS d, $8::text AS z,"
           " $9::text AS u, $10::text AS j"};
static const struct es_db_statement times = {
    .name = "times",
    .params = "",
    .sql = "SELECT 'infinity'::timestamptz AS last, '-infinity'::timestamptz AS first,"
           " 'infinity'::date AS last_day, '-infinity'::date AS first_day,"
           " '1969-12-31 23:59:59.999999Z'::timestamptz AS before, '1969-12-31'::date AS day"};
static const struct es_db_statement times_back = {
    .name = "times_back",
    .params = "zzdd",
    .sql = "SELECT $1 = 'infinity' AND $2 = '-infinity' AND $3 = 'infinity'::date"
           " AND $4 = '-infinity'::date AS same"};
static const struct es_db_statement numbers = {
    .name = "numbers",
    .params = "",
    .sql = "SELECT (-2)::smallint AS two,"
           " (-3)::integer AS three, NULL::bigint AS nothing, 'name'::name AS name,"
           " '{\"a\": 1}'::json AS json"};
static const struct es_db_statement series = {
    .name = "series",
    .params = "n",
    .sql =
        "SELECT g::bigint AS number, date '2026-01-01' + g AS day FROM generate_series(1, $1) g"};
static const struct es_db_statement sum_array = {
    .name = "sum_array",
    .params = "IX",
    .sql = "SELECT sum(i)::bigint AS sum, sum(octet_length(x))::bigint AS bytes"
           " FROM unnest($1::bigint[], $2::bytea[]) t (i, x)"};
static const struct es_db_statement add_thing = {
    .name = "add_thing", .params = "it", .sql = "INSERT INTO public.things VALUES ($1, $2)"};
static const struct es_db_statement remove_thing = {
    .name = "remove_thing", .params = "i", .sql = "DELETE FROM public.things WHERE id = $1"};
static const struct es_db_statement count_things = {
    .name = "count_things", .params = "", .sql = "SELECT count(*) AS count FROM public.things"};
static const struct es_db_statement read_denied = {
    .name = "read_denied", .params = "", .sql = "SELECT * FROM public.secret"};
static const struct es_db_statement raise = {
    .name = "raise", .params = "t", .sql = "SELECT public.fail_with($1)"};
static const struct es_db_statement session = {
    .name = "session",
    .params = "",
    .sql = "SELECT current_setting('application_name') AS name, session_user::text AS role"};
static const struct es_db_statement not_registered = {
    .name = "not_registered", .params = "", .sql = "SELECT 1 AS one"};

static const struct es_db_statement *const registry[] = {
    &scalars,   &nullable,  &arrays,       &times,        &times_back,  &numbers, &series,
    &sum_array, &add_thing, &remove_thing, &count_things, &read_denied, &raise,   &session,
};

static struct es_db *new_db(const struct es_db_statement *const *statements, size_t count)
{
    struct es_db_config config = {.conninfo = conninfo,
                                  .application_name = "test-db",
                                  .connect_timeout_ms = STATEMENT_TIMEOUT_MS,
                                  .statement_timeout_ms = STATEMENT_TIMEOUT_MS,
                                  .idle_in_transaction_timeout_ms = STATEMENT_TIMEOUT_MS};
    return es_db_new(&config, statements, count);
}

/* --- values there and back ----------------------------------------------------------------- */
static void every_parameter_type_arrives_as_it_is(void **state)
{
    (void)state;
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    static const unsigned char uuid[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                           0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    const int32_t day = 20778;                       /* 2026-11-21 */
    const int64_t at_us = INT64_C(1795244531123456); /* 2026-11-21 07:02:11.123456 */
    assert_int_equal(es_db_one(db, &scalars, &rows, INT64_MIN, INT32_MIN, (int)INT16_MIN, true,
                               "ænd \xf0\x9f\x8c\x8d", "\0\1\xff", (size_t)3, day, at_us, uuid,
                               "{\"key\": \"value\"}"),
                     ES_DB_OK);
    size_t length = 0;
    assert_true(es_db_i64(rows, 0, "i") == INT64_MIN);
    assert_int_equal(es_db_i64(rows, 0, "n"), INT32_MIN);
    assert_int_equal(es_db_i64(rows, 0, "s"), INT16_MIN);
    assert_true(es_db_bool(rows, 0, "b"));
    assert_string_equal(es_db_text(rows, 0, "t"), "ænd \xf0\x9f\x8c\x8d");
    assert_memory_equal(es_db_bytea(rows, 0, "x", &length), "\0\1\xff", 3);
    assert_int_equal(length, 3);
    assert_int_equal(es_db_date(rows, 0, "d"), day);
    assert_string_equal(es_db_text(rows, 0, "d_text"), "2026-11-21");
    assert_true(es_db_time_us(rows, 0, "z") == at_us);
    assert_string_equal(es_db_text(rows, 0, "z_text"), "2026-11-21 07:02:11.123456");
    assert_memory_equal(es_db_bytea(rows, 0, "u", &length), uuid, 16);
    assert_int_equal(length, 16);
    assert_string_equal(es_db_text(rows, 0, "u_text"), "01234567-89ab-cdef-0123-456789abcdef");
    assert_string_equal(es_db_text(rows, 0, "j"), "value");
}

static void every_parameter_type_can_be_null(void **state)
{
    (void)state;
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    static const char *const columns[] = {"i", "n", "s", "b", "d", "z", "t", "x", "u", "j", "a"};
    assert_int_equal(es_db_one(db, &nullable, &rows, true, INT64_C(1), true, 1, true, 1, true, 1,
                               true, 1, true, INT64_C(1), NULL, NULL, (size_t)0, NULL, NULL, NULL),
                     ES_DB_OK);
    for (size_t i = 0; i < ES_ARRAY_LEN(columns); i++) {
        assert_true(es_db_is_null(rows, 0, columns[i]));
    }
    rows = es_db_rows_free(rows);
    assert_int_equal(es_db_one(db, &nullable, &rows, false, INT64_C(1), false, 2, false, 3, false,
                               true, false, 0, false, INT64_C(0), "", "", (size_t)0,
                               "0123456789abcdef", "1",
                               &(struct es_db_array){.items = NULL, .count = 0}),
                     ES_DB_OK);
    for (size_t i = 0; i < ES_ARRAY_LEN(columns); i++) {
        assert_false(es_db_is_null(rows, 0, columns[i]));
    }
    assert_string_equal(es_db_text(rows, 0, "a"), "{}");
    assert_int_equal(es_db_i64(rows, 0, "s"), 3);
}

static void every_array_type_arrives_with_its_nulls(void **state)
{
    (void)state;
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    static const bool nulls[] = {false, true, false};
    static const int64_t i[] = {INT64_MAX, 5, -1};
    static const int32_t n[] = {INT32_MAX, 5, -1};
    static const int16_t s[] = {INT16_MAX, 5, -1};
    static const bool b[] = {true, true, false};
    static const char *const t[] = {"a,b", NULL, "\"q\""};
    static const struct es_db_bytes x[] = {{"\x01\x02", 2}, {NULL, 0}, {"", 0}};
    static const int32_t d[] = {0, 5, 20778};
    static const int64_t z[] = {0, 5, INT64_C(1795244531123456)};
    static const char u[] = "0123456789abcdefXXXXXXXXXXXXXXXXfedcba9876543210";
    static const char *const j[] = {"{\"a\": 1}", NULL, "2"};
#define OF(array) &(struct es_db_array){.items = (array), .count = 3, .nulls = nulls}
    assert_int_equal(es_db_one(db, &arrays, &rows, OF(i), OF(n), OF(s), OF(b), OF(t), OF(x), OF(d),
                               OF(z), OF(u), OF(j)),
                     ES_DB_OK);
#undef OF
    assert_string_equal(es_db_text(rows, 0, "i"), "{9223372036854775807,NULL,-1}");
    assert_string_equal(es_db_text(rows, 0, "n"), "{2147483647,NULL,-1}");
    assert_string_equal(es_db_text(rows, 0, "s"), "{32767,NULL,-1}");
    assert_string_equal(es_db_text(rows, 0, "b"), "{t,NULL,f}");
    assert_string_equal(es_db_text(rows, 0, "t"), "{\"a,b\",NULL,\"\\\"q\\\"\"}");
    assert_string_equal(es_db_text(rows, 0, "x"), "{\"\\\\x0102\",NULL,\"\\\\x\"}");
    assert_string_equal(es_db_text(rows, 0, "d"), "{1970-01-01,NULL,2026-11-21}");
    assert_string_equal(es_db_text(rows, 0, "z"),
                        "{\"1970-01-01 00:00:00+00\",NULL,\"2026-11-21 07:02:11.123456+00\"}");
    assert_string_equal(es_db_text(rows, 0, "u"), "{30313233-3435-3637-3839-616263646566,NULL,"
                                                  "66656463-6261-3938-3736-353433323130}");
    assert_string_equal(es_db_text(rows, 0, "j"), "{\"{\\\"a\\\": 1}\",NULL,2}");
}

static void thousands_of_elements_arrive(void **state)
{
    (void)state;
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    ES_CLEANUP(es_free_p) int64_t *items = es_calloc(LARGE_COUNT, sizeof(*items));
    ES_CLEANUP(es_free_p) struct es_db_bytes *bytes = es_calloc(LARGE_COUNT, sizeof(*bytes));
    static const unsigned char content[300];
    int64_t sum = 0;
    int64_t length = 0;
    for (size_t k = 0; k < LARGE_COUNT; k++) {
        items[k] = (int64_t)k * 1000003;
        bytes[k] = (struct es_db_bytes){content, k % sizeof(content)};
        sum += items[k];
        length += (int64_t)bytes[k].length;
    }
    assert_int_equal(es_db_one(db, &sum_array, &rows,
                               &(struct es_db_array){.items = items, .count = LARGE_COUNT},
                               &(struct es_db_array){.items = bytes, .count = LARGE_COUNT}),
                     ES_DB_OK);
    assert_true(es_db_i64(rows, 0, "sum") == sum);
    assert_true(es_db_i64(rows, 0, "bytes") == length);
}

static void times_before_1970_and_without_end_are_exact(void **state)
{
    (void)state;
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    assert_int_equal(es_db_one(db, &times, &rows), ES_DB_OK);
    assert_true(es_db_time_us(rows, 0, "last") == INT64_MAX);
    assert_true(es_db_time_us(rows, 0, "first") == INT64_MIN);
    assert_true(es_db_date(rows, 0, "last_day") == INT32_MAX);
    assert_true(es_db_date(rows, 0, "first_day") == INT32_MIN);
    assert_int_equal(es_db_time_us(rows, 0, "before"), -1);
    assert_int_equal(es_db_date(rows, 0, "day"), -1);
    rows = es_db_rows_free(rows);
    assert_int_equal(es_db_one(db, &times_back, &rows, INT64_MAX, INT64_MIN, INT32_MAX, INT32_MIN),
                     ES_DB_OK);
    assert_true(es_db_bool(rows, 0, "same"));
}

static void numbers_of_every_width_are_read(void **state)
{
    (void)state;
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    assert_int_equal(es_db_one(db, &numbers, &rows), ES_DB_OK);
    assert_int_equal(es_db_i64(rows, 0, "two"), -2);
    assert_int_equal(es_db_i64(rows, 0, "three"), -3);
    assert_string_equal(es_db_text(rows, 0, "name"), "name");
    assert_string_equal(es_db_text(rows, 0, "json"), "{\"a\": 1}");
}

static void columns_are_read_by_number_in_hot_loops(void **state)
{
    (void)state;
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    assert_int_equal(es_db_run(db, &series, &rows, 1000), ES_DB_OK);
    assert_int_equal(es_db_row_count(rows), 1000);
    int number = es_db_column(rows, "number", 'i');
    int day = es_db_column(rows, "day", 'd');
    for (size_t row = 0; row < 1000; row++) {
        assert_int_equal(es_db_i64_at(rows, row, number), row + 1);
        assert_int_equal(es_db_date_at(rows, row, day), 20454 + (int32_t)row + 1);
    }
}

/* --- misuse -------------------------------------------------------------------------------- */
static void wrong_columns_yield_zero_and_a_broken_line(void **state)
{
    (void)state;
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    size_t length = 99;
    assert_int_equal(es_db_one(db, &numbers, &rows), ES_DB_OK);
    uint64_t broken = es_log_broken_count();
    assert_int_equal(es_db_i64(rows, 0, "no_such_column"), 0);
    assert_int_equal(es_log_broken_count(), ++broken);
    assert_int_equal(es_db_i64(rows, 0, "name"), 0); /* another type */
    assert_int_equal(es_log_broken_count(), ++broken);
    assert_int_equal(es_db_i64(rows, 0, "nothing"), 0); /* NULL */
    assert_int_equal(es_log_broken_count(), ++broken);
    assert_int_equal(es_db_i64(rows, 1, "two"), 0); /* no such row */
    assert_int_equal(es_log_broken_count(), ++broken);
    assert_string_equal(es_db_text(rows, 0, "two"), "");
    assert_int_equal(es_log_broken_count(), ++broken);
    static const unsigned char zeros[32];
    assert_memory_equal(es_db_bytea(rows, 0, "two", &length), zeros, sizeof(zeros));
    assert_int_equal(length, 0);
    assert_int_equal(es_log_broken_count(), ++broken);
    assert_int_equal(es_db_column(rows, "two", 'd'), -1);
    assert_int_equal(es_log_broken_count(), ++broken);
    assert_int_equal(es_db_i64_at(rows, 0, -1), 0); /* said already */
    assert_int_equal(es_log_broken_count(), broken);
}

static void a_statement_outside_the_registry_is_our_bug(void **state)
{
    (void)state;
    uint64_t broken = es_log_broken_count();
    assert_int_equal(es_db_run(db, &not_registered, NULL), ES_DB_BUG);
    assert_int_equal(es_log_broken_count(), broken + 1);
}

static void one_row_means_one_row(void **state)
{
    (void)state;
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    uint64_t broken = es_log_broken_count();
    assert_int_equal(es_db_one(db, &series, &rows, 0), ES_DB_NO_ROW);
    assert_int_equal(es_log_broken_count(), broken);
    assert_int_equal(es_db_one(db, &series, &rows, 2), ES_DB_BUG);
    assert_int_equal(es_log_broken_count(), broken + 1);
    assert_null(rows);
    assert_int_equal(es_db_one(db, &series, &rows, 1), ES_DB_OK);
}

static void a_registry_that_does_not_fit_is_refused_by_name(void **state)
{
    (void)state;
    static const struct es_db_statement twice = {"scalars", "SELECT 1", ""};
    static const struct es_db_statement unknown_letter = {"unknown_letter", "SELECT 1", "q"};
    static const struct es_db_statement nullable_text = {"nullable_text", "SELECT 1", "?t"};
    static const struct es_db_statement typing_error = {"typing_error", "SELEC 1", ""};
    static const struct es_db_statement no_such_table = {"no_such_table", "TABLE public.nix", ""};
    static const struct es_db_statement wrong_type = {"wrong_type", "SELECT $1::date + $1", "i"};
    static const struct es_db_statement too_few = {"too_few", "SELECT $1::int + $2::int", "n"};
    static const struct es_db_statement *const bad[] = {
        &twice,         &unknown_letter, &nullable_text, &typing_error,
        &no_such_table, &wrong_type,     &too_few};
    for (size_t i = 0; i < ES_ARRAY_LEN(bad); i++) {
        const struct es_db_statement *const statements[] = {&scalars, bad[i]};
        ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
        struct es_db *broken = new_db(statements, 2);
        assert_int_equal(es_db_check_statements(broken, &error), ES_DB_BUG);
        assert_non_null(strstr(es_buf_str(&error), bad[i]->name));
        broken = es_db_free(broken);
    }
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    assert_int_equal(es_db_check_statements(db, &error), ES_DB_OK);
}

/* --- errors -------------------------------------------------------------------------------- */
static void errors_of_the_server_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *sqlstate;
        enum es_db_result result;
        bool dropped;
    } cases[] = {
        {"40001", ES_DB_RETRY, false},       {"40P01", ES_DB_RETRY, false},
        {"23505", ES_DB_UNIQUE, false},      {"23502", ES_DB_CHECK, false},
        {"23503", ES_DB_CHECK, false},       {"23514", ES_DB_CHECK, false},
        {"23001", ES_DB_CHECK, false},       {"P0001", ES_DB_CHECK, false},
        {"ES422", ES_DB_CHECK, false},       {"42501", ES_DB_DENIED, false},
        {"53300", ES_DB_UNAVAILABLE, false}, {"53100", ES_DB_UNAVAILABLE, false},
        {"55P03", ES_DB_UNAVAILABLE, false}, {"57014", ES_DB_UNAVAILABLE, false},
        {"57P01", ES_DB_UNAVAILABLE, true},  {"08006", ES_DB_UNAVAILABLE, true},
        {"25006", ES_DB_UNAVAILABLE, true},  {"58030", ES_DB_UNAVAILABLE, false},
        {"22003", ES_DB_BUG, false},         {"42P01", ES_DB_BUG, false},
        {"0A000", ES_DB_BUG, true},          {"26000", ES_DB_BUG, true},
        {"XX000", ES_DB_BUG, false},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        assert_int_equal(es_db_run(db, &raise, NULL, cases[i].sqlstate), cases[i].result);
        assert_string_equal(es_db_sqlstate(db), cases[i].sqlstate);
        assert_string_equal(es_db_error(db), "told to fail");
        assert_int_equal(es_db_connected(db), !cases[i].dropped);
    }
}

static void a_broken_constraint_is_named_and_values_are_not_repeated(void **state)
{
    (void)state;
    assert_int_equal(es_db_run(db, &add_thing, NULL, INT64_C(100), "secret value"), ES_DB_OK);
    assert_int_equal(es_db_run(db, &add_thing, NULL, INT64_C(100), "secret value"), ES_DB_UNIQUE);
    assert_string_equal(es_db_constraint(db), "things_pkey");
    assert_null(strstr(es_db_error(db), "100"));
    assert_int_equal(es_db_run(db, &add_thing, NULL, INT64_C(-1), "x"), ES_DB_CHECK);
    assert_string_equal(es_db_constraint(db), "things_id_check");
    assert_int_equal(es_db_run(db, &add_thing, NULL, INT64_C(101), NULL), ES_DB_CHECK);
    assert_string_equal(es_db_sqlstate(db), "23502");
    assert_int_equal(es_db_run(db, &remove_thing, NULL, INT64_C(100)), ES_DB_OK);
    assert_string_equal(es_db_constraint(db), ""); /* of the last call, which was fine */
    assert_string_equal(es_db_sqlstate(db), "");
}

static void what_the_role_may_not_is_denied(void **state)
{
    (void)state;
    assert_int_equal(es_db_run(db, &read_denied, NULL), ES_DB_DENIED);
    assert_true(es_db_connected(db));
}

static void affected_rows_are_counted(void **state)
{
    (void)state;
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    assert_int_equal(es_db_run(db, &add_thing, &rows, INT64_C(200), "x"), ES_DB_OK);
    assert_int_equal(es_db_affected(rows), 1);
    rows = es_db_rows_free(rows);
    assert_int_equal(es_db_run(db, &remove_thing, &rows, INT64_C(200)), ES_DB_OK);
    assert_int_equal(es_db_affected(rows), 1);
    rows = es_db_rows_free(rows);
    assert_int_equal(es_db_run(db, &remove_thing, &rows, INT64_C(200)), ES_DB_OK);
    assert_int_equal(es_db_affected(rows), 0);
}

static void the_session_is_set_up_as_configured(void **state)
{
    (void)state;
    ES_CLEANUP(es_db_rows_free_p) struct es_db_rows *rows = NULL;
    assert_int_equal(es_db_one(db, &session, &rows), ES_DB_OK);
    assert_string_equal(es_db_text(rows, 0, "name"), "test-db");
    assert_string_equal(es_db_text(rows, 0, "role"), "tester");
    assert_int_equal(es_db_server_version(db) / 10000,
                     es_test_number(looker, "SHOW server_version_num") / 10000);
}

/* --- set-up -------------------------------------------------------------------------------- */
static const char schema[] =
    "CREATE ROLE tester LOGIN;"
    "CREATE TABLE things (id bigint PRIMARY KEY CHECK (id > 0), name text NOT NULL);"
    "CREATE TABLE secret (what text);"
    "GRANT SELECT, INSERT, UPDATE, DELETE ON things TO tester;"
    "CREATE FUNCTION fail_with(sqlstate_ text) RETURNS void LANGUAGE plpgsql AS"
    " $$BEGIN RAISE EXCEPTION 'told to fail' USING ERRCODE = sqlstate_; END$$";

static int start(void **state)
{
    (void)state;
    es_random_init();
    struct es_test_server *server = es_test_postgres_start();
    ES_CLEANUP(es_free_p)
    char *superuser = es_test_postgres_conninfo(server, "postgres", "postgres");
    looker = es_test_connect(superuser);
    (void)es_test_sql(looker, "%s", schema);
    conninfo = es_test_postgres_conninfo(server, "tester", "postgres");
    db = new_db(registry, ES_ARRAY_LEN(registry));
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    if (es_db_connect(db, &error) != ES_DB_OK) {
        fail_msg("%s", es_buf_str(&error));
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_parameter_type_arrives_as_it_is),
        cmocka_unit_test(every_parameter_type_can_be_null),
        cmocka_unit_test(every_array_type_arrives_with_its_nulls),
        cmocka_unit_test(thousands_of_elements_arrive),
        cmocka_unit_test(times_before_1970_and_without_end_are_exact),
        cmocka_unit_test(numbers_of_every_width_are_read),
        cmocka_unit_test(columns_are_read_by_number_in_hot_loops),
        cmocka_unit_test(wrong_columns_yield_zero_and_a_broken_line),
        cmocka_unit_test(a_statement_outside_the_registry_is_our_bug),
        cmocka_unit_test(one_row_means_one_row),
        cmocka_unit_test(a_registry_that_does_not_fit_is_refused_by_name),
        cmocka_unit_test(errors_of_the_server_are_told_apart),
        cmocka_unit_test(a_broken_constraint_is_named_and_values_are_not_repeated),
        cmocka_unit_test(what_the_role_may_not_is_denied),
        cmocka_unit_test(affected_rows_are_counted),
        cmocka_unit_test(the_session_is_set_up_as_configured),
    };
    return cmocka_run_group_tests(tests, start, end);
}
