/* Batches of a signal lane against a real database: who is written, once, on which day, and what
 * one bad signal does to its neighbours. */
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/tests/servers.h"
#include "common/tests/sql.h"
#include "common/tests/unit.h"
#include "tier1-core/db/registry.h"
#include "tier1-core/lanes/batch.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY         4 /* members the lane remembers: one set of its table */
#define ARENA_BLOCK    (64 * 1024)
#define LIMIT_ENTRIES  1024
#define STATEMENT_MS   20000
#define WAIT_MS        20
#define WAITS_MAX      500
#define LONG_AGO_DAYS  800 /* no partition reaches back that far */
#define NOON_US        (12 * 3600 * ES_US_PER_S)
#define DAY_US         (24 * 3600 * ES_US_PER_S)
#define MANY           64
#define MINUTE_S       60
#define COPENHAGEN     "Europe/Copenhagen"
#define NEW_YORK       "America/New_York"
#define UTC            "Etc/UTC"
#define UNKNOWN_MEMBER 999999

static const unsigned char subject[SIGNAL_SUBJECT_SIZE] = "a public id 16b";
static const unsigned char request_id[16] = "a request id 16";

static PGconn *super;
static char *core_conninfo;
static struct es_zones *zones;
static struct es_rate rate = {.name = "signal", .quota = 1000, .window_s = 10};
static struct batch_tools tools;
static struct es_arena *answers; /* where replayed answers are */

/* --- verbs --------------------------------------------------------------------------------- */
static int64_t add_member(const char *zone)
{
    static int number;
    number++;
    return es_test_number(super,
                          "SELECT member_id FROM core.add_members(ARRAY[decode(md5('p%d'), 'hex')],"
                          " ARRAY[sha256('n%d')], ARRAY[sha256('e%d')], ARRAY['%s'], "
                          "ARRAY[decode(repeat('5a', 64), 'hex')],"
                          " 'test', gen_random_uuid())",
                          number, number, number, zone);
}

static struct lane_job job_at(int64_t member_id, int64_t at_us)
{
    return (struct lane_job){
        .member_id = member_id,
        .facts = {.subject = subject,
                  .channel = SIGNAL_APP,
                  .received_us = es_clock_now_us(),
                  .at_us = at_us},
        .request_id = request_id,
    };
}

static struct lane_job job_of(int64_t member_id)
{
    return job_at(member_id, es_clock_now_us());
}

/* Runs JOBS as one batch of a lane; the order of JOBS stays. */
static void run(struct lane_job *jobs, size_t count)
{
    struct lane_job *batch[MANY];
    assert_in_range(count, 1, MANY);
    for (size_t i = 0; i < count; i++) {
        batch[i] = &jobs[i];
    }
    batch_run(&tools, batch, count);
    es_arena_reset(tools.arena);
}

static int64_t rows_of(int64_t member_id)
{
    return es_test_number(super, "SELECT count(*) FROM core.signals WHERE member_id = %lld",
                          (long long)member_id);
}

static int64_t streak_of(int64_t member_id)
{
    return es_test_number(super, "SELECT streak FROM core.liveness WHERE member_id = %lld",
                          (long long)member_id);
}

static int32_t last_day_of(int64_t member_id)
{
    return (int32_t)es_test_number(
        super, "SELECT last_day - date '1970-01-01' FROM core.liveness WHERE member_id = %lld",
        (long long)member_id);
}

static int32_t today_utc(void)
{
    return (int32_t)(es_clock_now_us() / DAY_US);
}

static int64_t noon_of(int32_t day)
{
    return day * DAY_US + NOON_US;
}

/* --- repeats ------------------------------------------------------------------------------- */
static void E58_E87_repeats_within_a_batch_are_one_signal_with_one_answer(void **state)
{
    (void)state;
    int64_t member = add_member(COPENHAGEN);
    int64_t other = add_member(COPENHAGEN);
    struct lane_job jobs[] = {job_of(member), job_of(other), job_of(member), job_of(member)};
    run(jobs, ES_ARRAY_LEN(jobs));
    for (size_t i = 0; i < ES_ARRAY_LEN(jobs); i++) {
        assert_int_equal(jobs[i].verdict, LANE_ACCEPTED);
        assert_int_equal(jobs[i].outcome.streak, 1);
    }
    assert_int_not_equal(jobs[0].outcome.signal_id, jobs[1].outcome.signal_id);
    assert_int_equal(jobs[2].outcome.signal_id, jobs[0].outcome.signal_id);
    assert_int_equal(jobs[3].outcome.signal_id, jobs[0].outcome.signal_id);
    assert_int_equal(rows_of(member), 1);
    assert_int_equal(es_test_number(super,
                                    "SELECT count(*) FROM anchor.leaves WHERE leaf_id = %lld",
                                    (long long)jobs[0].outcome.signal_id),
                     1);
}

static void E58_a_repeat_of_an_earlier_batch_is_answered_beside_new_signals(void **state)
{
    (void)state;
    int64_t member = add_member(COPENHAGEN);
    struct lane_job first = job_of(member);
    run(&first, 1);
    struct lane_job jobs[] = {job_of(add_member(COPENHAGEN)), job_of(member)};
    run(jobs, ES_ARRAY_LEN(jobs));
    assert_int_equal(jobs[0].verdict, LANE_ACCEPTED);
    assert_int_equal(jobs[1].verdict, LANE_ACCEPTED);
    assert_int_equal(jobs[1].outcome.signal_id, first.outcome.signal_id);
    assert_int_equal(rows_of(member), 1);
}

/* --- several days -------------------------------------------------------------------------- */
static void E115_two_days_of_one_member_in_one_batch_both_count(void **state)
{
    (void)state;
    int64_t member = add_member(UTC);
    int64_t other = add_member(UTC);
    int32_t today = today_utc();
    struct lane_job jobs[] = {
        job_at(member, noon_of(today)),
        job_at(other, noon_of(today)),
        job_at(member, noon_of(today - 1)),
        job_at(member, noon_of(today - 2)),
    };
    run(jobs, ES_ARRAY_LEN(jobs));
    for (size_t i = 0; i < ES_ARRAY_LEN(jobs); i++) {
        assert_int_equal(jobs[i].verdict, LANE_ACCEPTED);
    }
    assert_int_equal(rows_of(member), 3);
    assert_int_equal(streak_of(member), 3);
    assert_int_equal(last_day_of(member), today);
    assert_int_equal(jobs[0].outcome.streak, 3);
    assert_int_equal(jobs[0].outcome.day, today);
    assert_int_equal(streak_of(other), 1);
}

struct late {
    struct lane_job job;
    struct lane_job neighbour;
    pthread_t thread;
};

static void *run_late(void *argument)
{
    struct late *late = argument;
    run(&late->job, 1);
    return NULL;
}

static void *run_late_pair(void *argument)
{
    struct late *late = argument;
    struct lane_job jobs[] = {late->job, late->neighbour};
    run(jobs, ES_ARRAY_LEN(jobs));
    late->job = jobs[0];
    late->neighbour = jobs[1];
    return NULL;
}

static void wait_until_somebody_waits_for_a_lock(void)
{
    for (int i = 0; i < WAITS_MAX; i++) {
        if (es_test_number(super, "SELECT count(*) FROM pg_stat_activity WHERE usename ="
                                  " 'eldersafe_core' AND wait_event_type = 'Lock'") > 0) {
            return;
        }
        (void)es_test_sql(super, "SELECT pg_sleep(%d / 1000.0)", WAIT_MS);
    }
    fail_msg("the batch did not come to wait for the other process");
}

/* Two processes bring two late days of one member, the older one first; the younger one's
 * statement began before the older one's was committed. */
static void E115_late_days_brought_by_two_processes_at_once_make_one_run(void **state)
{
    (void)state;
    int64_t member = add_member(UTC);
    int32_t today = today_utc();
    struct lane_job now = job_at(member, noon_of(today));
    run(&now, 1);
    PGconn *process = es_test_connect(core_conninfo);
    (void)es_test_sql(
        process,
        "BEGIN; INSERT INTO core.signals (member_id, signal_day, signal_id, channel, evidence,"
        " received_at, salt, event, actor, request_id) VALUES (%lld, date '1970-01-01' + %d,"
        " nextval('anchor.leaf_ids'), 'app', 'strong', now(), decode(repeat('5a', 16), 'hex'),"
        " '{}', decode(repeat('ac', 16), 'hex'), gen_random_uuid());"
        "UPDATE core.liveness SET streak = streak WHERE member_id = %lld",
        (long long)member, today - 2, (long long)member);
    struct late late = {.job = job_at(member, noon_of(today - 1))};
    assert_int_equal(pthread_create(&late.thread, NULL, run_late, &late), 0);
    wait_until_somebody_waits_for_a_lock();
    (void)es_test_sql(process, "COMMIT");
    (void)pthread_join(late.thread, NULL);
    es_test_disconnect(&process);
    assert_int_equal(late.job.verdict, LANE_ACCEPTED);
    assert_int_equal(streak_of(member), 3);
}

static void N19_members_of_two_zones_around_midnight_are_on_their_own_days(void **state)
{
    (void)state;
    int64_t dane = add_member(COPENHAGEN);
    int64_t early_dane = add_member(COPENHAGEN);
    int64_t american = add_member(NEW_YORK);
    int32_t today = today_utc();
    int64_t midnight_us = es_day_begins_us(es_zones_get(zones, COPENHAGEN), 0, today);
    struct lane_job jobs[] = {
        job_at(american, midnight_us),
        job_at(dane, midnight_us),
        job_at(early_dane, midnight_us - 1),
    };
    run(jobs, ES_ARRAY_LEN(jobs));
    assert_int_equal(jobs[0].outcome.day, today - 1);
    assert_int_equal(jobs[1].outcome.day, today);
    assert_int_equal(jobs[2].outcome.day, today - 1);
    assert_int_equal(last_day_of(american), today - 1);
    assert_int_equal(last_day_of(dane), today);
    assert_int_equal(last_day_of(early_dane), today - 1);
}

/* --- what is refused ----------------------------------------------------------------------- */
static void a_signal_the_database_refuses_takes_no_neighbour_with_it(void **state)
{
    (void)state;
    struct lane_job jobs[9];
    for (size_t i = 0; i < ES_ARRAY_LEN(jobs); i++) {
        jobs[i] = job_of(add_member(COPENHAGEN));
    }
    const size_t poison = 5;
    jobs[poison] = job_at(jobs[poison].member_id, es_clock_now_us() - LONG_AGO_DAYS * DAY_US);
    run(jobs, ES_ARRAY_LEN(jobs));
    for (size_t i = 0; i < ES_ARRAY_LEN(jobs); i++) {
        assert_int_equal(jobs[i].verdict, i == poison ? LANE_UNAVAILABLE : LANE_ACCEPTED);
        assert_int_equal(rows_of(jobs[i].member_id), i == poison ? 0 : 1);
    }
}

static void E59_what_the_limit_refuses_and_who_is_unknown_stand_beside_the_accepted(void **state)
{
    (void)state;
    int64_t member = add_member(COPENHAGEN);
    int64_t gone = add_member(COPENHAGEN);
    (void)es_test_sql(super,
                      "UPDATE core.members SET contract_state = 'terminated'"
                      " WHERE member_id = %lld",
                      (long long)gone);
    struct lane_job jobs[] = {job_of(member), job_of(member), job_of(UNKNOWN_MEMBER), job_of(gone),
                              job_of(add_member(COPENHAGEN))};
    rate.quota = 1;
    run(jobs, ES_ARRAY_LEN(jobs));
    rate.quota = 1000;
    static const enum lane_verdict expected[] = {LANE_ACCEPTED, LANE_LIMITED, LANE_NO_MEMBER,
                                                 LANE_NO_MEMBER, LANE_ACCEPTED};
    for (size_t i = 0; i < ES_ARRAY_LEN(jobs); i++) {
        assert_int_equal(jobs[i].verdict, expected[i]);
    }
    assert_in_range(jobs[1].rate.retry_after_s, 1, 10);
    assert_int_equal(rows_of(member), 1);
    assert_int_equal(rows_of(gone), 0);
}

/* The lane's memory is smaller than the batch: nobody is taken for a stranger because of that. */
static void more_new_members_than_the_lane_can_remember_are_all_written(void **state)
{
    (void)state;
    struct lane_job jobs[4 * MEMORY];
    for (size_t i = 0; i < ES_ARRAY_LEN(jobs); i++) {
        jobs[i] = job_of(add_member(i % 2 == 0 ? COPENHAGEN : UTC));
    }
    run(jobs, ES_ARRAY_LEN(jobs));
    for (size_t i = 0; i < ES_ARRAY_LEN(jobs); i++) {
        assert_int_equal(jobs[i].verdict, LANE_ACCEPTED);
        assert_int_equal(rows_of(jobs[i].member_id), 1);
    }
}

static void
the_lane_asks_anew_for_a_member_after_a_minute_so_that_a_membership_can_end(void **state)
{
    (void)state;
    int64_t member = add_member(COPENHAGEN);
    struct lane_job job = job_of(member);
    run(&job, 1);
    int64_t now_s = es_clock_mono_us() / ES_US_PER_S;
    assert_non_null(lane_members_get(tools.members, member, now_s));
    assert_null(lane_members_get(tools.members, member, now_s + MINUTE_S)); /* learnt earlier */
}

/* --- keys ---------------------------------------------------------------------------------- */
static void render_streak(const struct signal_outcome *outcome, struct es_buf *body)
{
    es_buf_add_str(body, "streak ");
    es_buf_add_i64(body, outcome->streak);
}

static const struct lane_reply reply = {
    .status = 200,
    .content_type = "text/plain",
    .render = render_streak,
};

/* KEY for a job; BODY is what the caller's request says. */
static struct lane_key key_of(const char *key, const char *body)
{
    struct lane_key made = {.reply = &reply, .arena = answers};
    crypto_hash_sha256(made.hash, (const unsigned char *)key, strlen(key));
    crypto_hash_sha256(made.fingerprint, (const unsigned char *)body, strlen(body));
    return made;
}

static struct lane_job keyed_job(int64_t member_id, struct lane_key *key)
{
    struct lane_job job = job_of(member_id);
    memcpy(job.actor, &member_id, sizeof(member_id)); /* each member is a caller of its own */
    job.key = key;
    return job;
}

static int64_t kept_answers(const char *key)
{
    return es_test_number(super,
                          "SELECT count(*) FROM core.idempotency WHERE key_hash = sha256('%s')"
                          " AND state = 'done'",
                          key);
}

static void assert_replayed(const struct lane_job *job, const char *body)
{
    assert_int_equal(job->verdict, LANE_REPLAYED);
    assert_int_equal(job->key->answer->status, 200);
    assert_string_equal(job->key->answer->content_type, "text/plain");
    assert_int_equal(job->key->answer->length, strlen(body));
    assert_memory_equal(job->key->answer->body, body, strlen(body));
}

static void J3_2_a_key_gets_its_first_answer_again_and_another_body_none(void **state)
{
    (void)state;
    int64_t member = add_member(COPENHAGEN);
    struct lane_key keys[] = {key_of("a", "x"), key_of("a", "x"), key_of("a", "y")};
    struct lane_job jobs[] = {keyed_job(member, &keys[0]), job_of(add_member(COPENHAGEN))};
    run(jobs, ES_ARRAY_LEN(jobs));
    assert_int_equal(jobs[0].verdict, LANE_ACCEPTED);
    assert_int_equal(jobs[1].verdict, LANE_ACCEPTED);
    (void)es_test_sql(super, "UPDATE core.liveness SET streak = 7 WHERE member_id = %lld",
                      (long long)member);
    struct lane_job later[] = {keyed_job(member, &keys[1]), keyed_job(member, &keys[2]),
                               job_of(member)};
    run(later, ES_ARRAY_LEN(later));
    assert_replayed(&later[0], "streak 1");
    assert_int_equal(later[1].verdict, LANE_KEY_REUSED);
    assert_int_equal(later[2].verdict, LANE_ACCEPTED);
    assert_int_equal(later[2].outcome.streak, 7);
    assert_int_equal(rows_of(member), 1);
    assert_int_equal(kept_answers("a"), 1);
}

static void J3_2_one_key_many_times_in_a_batch_has_one_first_answer(void **state)
{
    (void)state;
    int64_t member = add_member(COPENHAGEN);
    int64_t other = add_member(COPENHAGEN);
    struct lane_key keys[] = {key_of("b", "x"), key_of("b", "x"), key_of("b", "y"),
                              key_of("b", "x"), key_of("b", "y")};
    struct lane_job jobs[] = {keyed_job(member, &keys[0]), keyed_job(member, &keys[1]),
                              keyed_job(member, &keys[2]), keyed_job(member, &keys[3]),
                              keyed_job(other, &keys[4])};
    run(jobs, ES_ARRAY_LEN(jobs));
    assert_int_equal(jobs[0].verdict, LANE_ACCEPTED);
    assert_replayed(&jobs[1], "streak 1");
    assert_int_equal(jobs[2].verdict, LANE_KEY_REUSED);
    assert_replayed(&jobs[3], "streak 1");
    assert_int_equal(jobs[4].verdict, LANE_ACCEPTED); /* another caller's key is another key */
    assert_int_equal(kept_answers("b"), 2);
}

static void J3_2_a_signal_too_old_by_now_is_answered_only_from_before(void **state)
{
    (void)state;
    int64_t member = add_member(COPENHAGEN);
    struct lane_key keys[] = {key_of("c", "x"), key_of("c", "x"), key_of("d", "x")};
    struct lane_job first = keyed_job(member, &keys[0]);
    run(&first, 1);
    keys[1].too_old = keys[2].too_old = true;
    struct lane_job jobs[] = {keyed_job(member, &keys[1]), keyed_job(member, &keys[2])};
    run(jobs, ES_ARRAY_LEN(jobs));
    assert_replayed(&jobs[0], "streak 1");
    assert_int_equal(jobs[1].verdict, LANE_TOO_OLD);
    assert_int_equal(kept_answers("d"), 0);
}

/* As another core's, or an older one's: claimed, not answered. */
static void claim(const char *key, const char *body, int64_t member, const char *lease_until)
{
    unsigned char actor[LANE_ACTOR_SIZE] = {0};
    char hex[2 * LANE_ACTOR_SIZE + 1];
    memcpy(actor, &member, sizeof(member));
    (void)es_test_sql(super,
                      "INSERT INTO core.idempotency (caller, key_hash, fingerprint, state,"
                      " expires_at, lease_until) VALUES (decode('%s', 'hex'), sha256('%s'),"
                      " sha256('%s'), 'running', now() + interval '1 hour', %s)",
                      sodium_bin2hex(hex, sizeof(hex), actor, sizeof(actor)), key, body,
                      lease_until);
}

static void J3_2_a_claimed_key_is_busy_until_its_lease_is_over(void **state)
{
    (void)state;
    int64_t member = add_member(COPENHAGEN);
    struct lane_key keys[] = {key_of("e", "x"), key_of("f", "x"), key_of("g", "x")};
    claim("e", "x", member, "now() + interval '1 minute'");
    claim("f", "x", member, "now()");
    claim("g", "y", member, "now()"); /* another body: it is that request's to the end */
    struct lane_job jobs[] = {keyed_job(member, &keys[0]), keyed_job(member, &keys[1]),
                              keyed_job(member, &keys[2])};
    run(jobs, ES_ARRAY_LEN(jobs));
    assert_int_equal(jobs[0].verdict, LANE_KEY_BUSY);
    assert_int_equal(jobs[1].verdict, LANE_ACCEPTED);
    assert_int_equal(jobs[2].verdict, LANE_KEY_REUSED);
    assert_int_equal(kept_answers("f"), 1);
}

static void J3_2_a_key_is_forgotten_when_its_day_is_over(void **state)
{
    (void)state;
    int64_t member = add_member(COPENHAGEN);
    struct lane_key keys[] = {key_of("h", "x"), key_of("h", "y")};
    struct lane_job first = keyed_job(member, &keys[0]);
    run(&first, 1);
    (void)es_test_sql(super, "UPDATE core.idempotency SET expires_at = now()"
                             " WHERE key_hash = sha256('h')");
    struct lane_job second = keyed_job(member, &keys[1]);
    run(&second, 1);
    assert_int_equal(second.verdict, LANE_ACCEPTED);
    assert_int_equal(kept_answers("h"), 1);
}

static void a_refused_signal_takes_neither_its_neighbours_nor_their_keys_with_it(void **state)
{
    (void)state;
    struct lane_job jobs[5];
    struct lane_key keys[ES_ARRAY_LEN(jobs)];
    const size_t poison = 2;
    for (size_t i = 0; i < ES_ARRAY_LEN(jobs); i++) {
        keys[i] = key_of("i", "x");
        jobs[i] = keyed_job(add_member(COPENHAGEN), &keys[i]);
    }
    jobs[poison].facts.at_us = es_clock_now_us() - LONG_AGO_DAYS * DAY_US;
    run(jobs, ES_ARRAY_LEN(jobs));
    for (size_t i = 0; i < ES_ARRAY_LEN(jobs); i++) {
        assert_int_equal(jobs[i].verdict, i == poison ? LANE_UNAVAILABLE : LANE_ACCEPTED);
        assert_int_equal(rows_of(jobs[i].member_id), i == poison ? 0 : 1);
    }
    assert_int_equal(kept_answers("i"), ES_ARRAY_LEN(jobs) - 1);
}

/* Another process has written the same key, and commits while this one waits for it. */
static void J3_2_who_is_overtaken_takes_back_what_it_wrote(void **state)
{
    (void)state;
    int64_t member = add_member(UTC);
    int64_t neighbour = add_member(UTC);
    PGconn *process = es_test_connect(core_conninfo);
    (void)es_test_sql(process, "BEGIN");
    (void)es_test_sql(process,
                      "INSERT INTO core.idempotency (caller, key_hash, fingerprint, state, status,"
                      " content_type, body, expires_at, lease_until)"
                      " VALUES (decode(rpad(encode(int8send(%lld), 'hex'), 32, '0'), 'hex'),"
                      " sha256('j'), sha256('y'), 'done', 200, 'text/plain', 'first',"
                      " now() + interval '1 day', now())",
                      (long long)__builtin_bswap64((uint64_t)member));
    struct lane_key keys[] = {key_of("j", "x"), key_of("k", "x")};
    struct late late = {.job = keyed_job(member, &keys[0]),
                        .neighbour = keyed_job(neighbour, &keys[1])};
    assert_int_equal(pthread_create(&late.thread, NULL, run_late_pair, &late), 0);
    wait_until_somebody_waits_for_a_lock();
    (void)es_test_sql(process, "COMMIT");
    (void)pthread_join(late.thread, NULL);
    es_test_disconnect(&process);
    assert_int_equal(late.job.verdict, LANE_KEY_REUSED);
    assert_int_equal(rows_of(member), 0);
    assert_int_equal(late.neighbour.verdict, LANE_ACCEPTED);
    assert_int_equal(rows_of(neighbour), 1);
    assert_int_equal(kept_answers("k"), 1);
}

/* --- set-up -------------------------------------------------------------------------------- */
static int start(void **state)
{
    (void)state;
    es_random_init();
    struct es_test_server *server = es_test_schema_start();
    core_conninfo = es_test_postgres_conninfo(server, "eldersafe_core", "postgres");
    super = es_test_connect_as(server, "postgres");
    zones = es_zones_new(NULL);
    answers = es_arena_new(ARENA_BLOCK);
    tools = (struct batch_tools){
        .db = es_db_new(
            &(struct es_db_config){
                .conninfo = core_conninfo,
                .application_name = "test",
                .statement_timeout_ms = STATEMENT_MS,
                .generic_plans = true,
            },
            core_statements, core_statement_count),
        .limiter = es_limiter_new(LIMIT_ENTRIES),
        .rate = &rate,
        .zones = zones,
        .members = lane_members_new(MEMORY),
        .arena = es_arena_new(ARENA_BLOCK),
    };
    return 0;
}

static int end(void **state)
{
    (void)state;
    es_arena_free(tools.arena);
    es_arena_free(answers);
    lane_members_free(tools.members);
    es_limiter_free(tools.limiter);
    es_db_free(tools.db);
    es_zones_free(zones);
    es_test_disconnect(&super);
    free(core_conninfo);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(E58_E87_repeats_within_a_batch_are_one_signal_with_one_answer),
        cmocka_unit_test(E58_a_repeat_of_an_earlier_batch_is_answered_beside_new_signals),
        cmocka_unit_test(E115_two_days_of_one_member_in_one_batch_both_count),
        cmocka_unit_test(E115_late_days_brought_by_two_processes_at_once_make_one_run),
        cmocka_unit_test(N19_members_of_two_zones_around_midnight_are_on_their_own_days),
        cmocka_unit_test(a_signal_the_database_refuses_takes_no_neighbour_with_it),
        cmocka_unit_test(E59_what_the_limit_refuses_and_who_is_unknown_stand_beside_the_accepted),
        cmocka_unit_test(more_new_members_than_the_lane_can_remember_are_all_written),
        cmocka_unit_test(
            the_lane_asks_anew_for_a_member_after_a_minute_so_that_a_membership_can_end),
        cmocka_unit_test(J3_2_a_key_gets_its_first_answer_again_and_another_body_none),
        cmocka_unit_test(J3_2_one_key_many_times_in_a_batch_has_one_first_answer),
        cmocka_unit_test(J3_2_a_signal_too_old_by_now_is_answered_only_from_before),
        cmocka_unit_test(J3_2_a_claimed_key_is_busy_until_its_lease_is_over),
        cmocka_unit_test(J3_2_a_key_is_forgotten_when_its_day_is_over),
        cmocka_unit_test(a_refused_signal_takes_neither_its_neighbours_nor_their_keys_with_it),
        cmocka_unit_test(J3_2_who_is_overtaken_takes_back_what_it_wrote),
    };
    return cmocka_run_group_tests(tests, start, end);
}
