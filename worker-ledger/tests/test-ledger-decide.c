/* Unit tests of worker-ledger/anchor: every decision of the state machine. */
#include "common/tests/unit.h"
#include "worker-ledger/anchor/decide.h"

#include <string.h>

#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, NULL, NULL, NULL                                                          \
    }

static const enum es_tx_state asked_states[] = {ES_TX_SIGNED, ES_TX_SENT, ES_TX_SEEN};

static void states_have_names_both_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < ES_TX_STATE_COUNT; i++) {
        enum es_tx_state parsed;
        assert_true(es_tx_state_parse(es_tx_state_name((enum es_tx_state)i), &parsed));
        assert_int_equal(parsed, i);
    }
    enum es_tx_state untouched = ES_TX_SEEN;
    assert_false(es_tx_state_parse("lost", &untouched));
    assert_int_equal(untouched, ES_TX_SEEN);
}

/* The life of a transaction with a provider that is honest and quick. */
static void an_honest_life(void **state)
{
    (void)state;
    assert_int_equal(es_decide_submission(ES_TX_SIGNED, ES_SIGHT_TAKEN), ES_STEP_TO_SENT);
    assert_int_equal(es_decide_status(ES_TX_SENT, ES_SIGHT_TAKEN, false), ES_STEP_WAIT);
    assert_int_equal(es_decide_status(ES_TX_SENT, ES_SIGHT_SEEN, false), ES_STEP_TO_SEEN);
    assert_int_equal(es_decide_status(ES_TX_SEEN, ES_SIGHT_SEEN, false), ES_STEP_WAIT);
    assert_int_equal(es_decide_status(ES_TX_SEEN, ES_SIGHT_MINED, false), ES_STEP_PROVE);
    assert_int_equal(es_decide_mined(ES_BLOCK_NOT_HELD, 0, 6), ES_STEP_WAIT);
    assert_int_equal(es_decide_mined(ES_BLOCK_ON_BEST, 5, 6), ES_STEP_WAIT);
    assert_int_equal(es_decide_mined(ES_BLOCK_ON_BEST, 6, 6), ES_STEP_TO_FINAL);
}

/* Nothing learnt is nothing changed: in no state, overdue or not, does an unclear or busy answer
 * move a transaction, let alone free its coin. */
static void unclear_answers_change_no_state(void **state)
{
    (void)state;
    static const enum es_sight silent[] = {ES_SIGHT_UNCLEAR, ES_SIGHT_BUSY};
    for (size_t s = 0; s < ES_ARRAY_LEN(asked_states); s++) {
        for (size_t i = 0; i < ES_ARRAY_LEN(silent); i++) {
            for (int overdue = 0; overdue <= 1; overdue++) {
                enum es_step step = es_decide_status(asked_states[s], silent[i], overdue != 0);
                assert_true(step == ES_STEP_RETRY || step == ES_STEP_ANNOUNCE);
            }
            assert_int_equal(es_decide_submission(asked_states[s], silent[i]), ES_STEP_RETRY);
            assert_int_equal(es_decide_verified(silent[i], true), ES_STEP_RETRY);
        }
    }
}

/* An answer to sending is at most "sent": that the network has it takes a question of its own. */
static void acceptance_is_not_being_seen(void **state)
{
    (void)state;
    for (size_t sight = 0; sight < ES_SIGHT_COUNT; sight++) {
        for (size_t s = 0; s < ES_ARRAY_LEN(asked_states); s++) {
            enum es_step step = es_decide_submission(asked_states[s], (enum es_sight)sight);
            assert_true(step == ES_STEP_TO_SENT || step == ES_STEP_WAIT || step == ES_STEP_RETRY ||
                        step == ES_STEP_REFUSE);
            assert_true(step != ES_STEP_TO_SENT || asked_states[s] == ES_TX_SIGNED);
        }
    }
}

/* Whatever a provider keeps saying, some step is taken when time is up, except while it says that
 * all is well on the way to a block, where announcing is that step. */
static void no_state_lasts_without_a_deadline(void **state)
{
    (void)state;
    for (size_t s = 0; s < ES_ARRAY_LEN(asked_states); s++) {
        for (size_t sight = 0; sight < ES_SIGHT_COUNT; sight++) {
            enum es_step step = es_decide_status(asked_states[s], (enum es_sight)sight, true);
            assert_true(step != ES_STEP_WAIT && step != ES_STEP_REVIVE);
        }
    }
}

static void only_refusals_refuse(void **state)
{
    (void)state;
    for (size_t s = 0; s < ES_ARRAY_LEN(asked_states); s++) {
        for (size_t sight = 0; sight < ES_SIGHT_COUNT; sight++) {
            for (int overdue = 0; overdue <= 1; overdue++) {
                enum es_step step =
                    es_decide_status(asked_states[s], (enum es_sight)sight, overdue != 0);
                bool may_be_taken_back = asked_states[s] != ES_TX_SIGNED && overdue == 0;
                assert_int_equal(step == ES_STEP_REFUSE,
                                 sight == ES_SIGHT_REFUSED && !may_be_taken_back);
            }
        }
    }
}

static void a_refusal_stands_only_when_nobody_knows_better(void **state)
{
    (void)state;
    static const enum es_sight agree[] = {ES_SIGHT_REFUSED, ES_SIGHT_UNKNOWN};
    assert_true(es_decide_refusal_stands(agree, 2, false));
    assert_true(es_decide_refusal_stands(agree, 1, false));
    assert_false(es_decide_refusal_stands(agree, 0, true));
    for (size_t sight = 0; sight < ES_SIGHT_COUNT; sight++) {
        enum es_sight opinions[] = {ES_SIGHT_REFUSED, (enum es_sight)sight};
        bool against = sight != ES_SIGHT_REFUSED && sight != ES_SIGHT_UNKNOWN;
        assert_int_equal(es_decide_refusal_stands(opinions, 2, false), !against);
        against = against && sight != ES_SIGHT_CONTESTED;
        assert_int_equal(es_decide_refusal_stands(opinions, 2, true), !against);
    }
}

static void seen_by_both_or_not_at_all(void **state)
{
    (void)state;
    assert_int_equal(es_decide_verified(ES_SIGHT_SEEN, false), ES_STEP_TO_SEEN);
    assert_int_equal(es_decide_verified(ES_SIGHT_MINED, false), ES_STEP_TO_SEEN);
    assert_int_equal(es_decide_verified(ES_SIGHT_UNKNOWN, false), ES_STEP_WAIT);
    assert_int_equal(es_decide_verified(ES_SIGHT_UNKNOWN, true), ES_STEP_ANNOUNCE);
    assert_int_equal(es_decide_verified(ES_SIGHT_CONTESTED, false), ES_STEP_WAIT);
    assert_int_equal(es_decide_verified(ES_SIGHT_REFUSED, true), ES_STEP_ANNOUNCE);
}

static void a_second_word_when_time_is_up(void **state)
{
    (void)state;
    assert_int_equal(es_decide_second_word(ES_TX_SENT, ES_SIGHT_SEEN), ES_STEP_TO_SEEN);
    assert_int_equal(es_decide_second_word(ES_TX_SENT, ES_SIGHT_MINED), ES_STEP_TO_SEEN);
    assert_int_equal(es_decide_second_word(ES_TX_SENT, ES_SIGHT_TAKEN), ES_STEP_ANNOUNCE);
    assert_int_equal(es_decide_second_word(ES_TX_SENT, ES_SIGHT_UNCLEAR), ES_STEP_ANNOUNCE);
    assert_int_equal(es_decide_second_word(ES_TX_SEEN, ES_SIGHT_SEEN), ES_STEP_ANNOUNCE);
    assert_int_equal(es_decide_second_word(ES_TX_SEEN, ES_SIGHT_MINED), ES_STEP_PROVE);
    assert_int_equal(es_decide_second_word(ES_TX_SEEN, ES_SIGHT_REFUSED), ES_STEP_ANNOUNCE);
}

static void a_block_off_the_best_chain_is_no_block(void **state)
{
    (void)state;
    assert_int_equal(es_decide_mined(ES_BLOCK_OFF_BEST, 0, 6), ES_STEP_SEEN_AGAIN);
    assert_int_equal(es_decide_mined(ES_BLOCK_OFF_BEST, 100, 6), ES_STEP_SEEN_AGAIN);
}

static void deadlines_by_state_and_sight(void **state)
{
    (void)state;
    static const struct es_deadlines deadlines = {.seen_ms = 60000, .mined_ms = 7200000};
    assert_false(es_decide_overdue(ES_TX_SIGNED, ES_SIGHT_UNKNOWN, INT64_MAX, &deadlines));
    assert_false(es_decide_overdue(ES_TX_SENT, ES_SIGHT_UNKNOWN, 60000, &deadlines));
    assert_true(es_decide_overdue(ES_TX_SENT, ES_SIGHT_UNKNOWN, 60001, &deadlines));
    assert_false(es_decide_overdue(ES_TX_SEEN, ES_SIGHT_SEEN, 60001, &deadlines));
    assert_true(es_decide_overdue(ES_TX_SEEN, ES_SIGHT_SEEN, 7200001, &deadlines));
    assert_true(es_decide_overdue(ES_TX_SEEN, ES_SIGHT_CONTESTED, 60001, &deadlines));
    assert_false(es_decide_overdue(ES_TX_SEEN, ES_SIGHT_REFUSED, 60000, &deadlines));
    assert_true(es_decide_overdue(ES_TX_SEEN, ES_SIGHT_REFUSED, 60001, &deadlines));
    assert_true(es_decide_overdue(ES_TX_SEEN, ES_SIGHT_UNKNOWN, INT64_MAX, &deadlines));
}

static void looks_become_rarer_with_time(void **state)
{
    (void)state;
    assert_int_equal(es_decide_pause_ms(0, 2000), 2000);
    assert_int_equal(es_decide_pause_ms(20000, 2000), 2000);
    assert_int_equal(es_decide_pause_ms(60000, 2000), 6000);
    assert_int_equal(es_decide_pause_ms(INT64_MAX, 2000), 60000);
    assert_int_equal(es_decide_pause_ms(INT64_MAX, 61000), 61000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("states have names, both ways", states_have_names_both_ways),
        TEST("J2.7 an honest life", an_honest_life),
        TEST("J2.11 unclear answers change no state", unclear_answers_change_no_state),
        TEST("J2.8 acceptance is not being seen", acceptance_is_not_being_seen),
        TEST("J2.8 no state lasts without a deadline", no_state_lasts_without_a_deadline),
        TEST("J2.11 only refusals refuse", only_refusals_refuse),
        TEST("J2.11 a refusal stands only when nobody knows better",
             a_refusal_stands_only_when_nobody_knows_better),
        TEST("E106 seen by both or not at all", seen_by_both_or_not_at_all),
        TEST("J2.8 a second word when time is up", a_second_word_when_time_is_up),
        TEST("J2.6 a block off the best chain is no block", a_block_off_the_best_chain_is_no_block),
        TEST("J2.8 deadlines by state and sight", deadlines_by_state_and_sight),
        TEST("looks become rarer with time", looks_become_rarer_with_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
