/* The set of revoked tokens' hashes: what is in it, for how long, and what leaves it. */
#include "common/base/random.h"
#include "common/tests/unit.h"
#include "tier1-core/hash-set.h"

#include <string.h>

#define MANY  5000 /* several times the first capacity */
#define NOW_S 1000
#define CROWDED                                                                                    \
    7 /* bytes of a key that are the same in all: their searches begin close together              \
       */

static unsigned char keys[MANY][HASH_SET_KEY];

static struct hash_set *filled(int64_t (*until_s)(size_t number))
{
    struct hash_set *set = hash_set_new();
    es_random_bytes(keys, sizeof(keys));
    for (size_t i = 0; i < MANY; i++) {
        memset(keys[i], 0, CROWDED);
        hash_set_add(set, keys[i], until_s(i));
    }
    return set;
}

static int64_t by_number(size_t number)
{
    return (int64_t)number + 1;
}

static void what_was_added_is_there_and_nothing_else(void **state)
{
    (void)state;
    struct hash_set *set = filled(by_number);
    unsigned char other[HASH_SET_KEY];
    assert_int_equal(hash_set_count(set), MANY);
    for (size_t i = 0; i < MANY; i++) {
        assert_true(hash_set_has(set, keys[i]));
        memcpy(other, keys[i], sizeof(other));
        other[HASH_SET_KEY - 1] ^= 1; /* begins its search at the same place */
        assert_false(hash_set_has(set, other));
    }
    hash_set_free(set);
}

static void what_has_ended_leaves_and_the_rest_stays(void **state)
{
    (void)state;
    struct hash_set *set = filled(by_number);
    struct hash_set *live = hash_set_live(set, NOW_S);
    assert_int_equal(hash_set_count(live), MANY - (NOW_S - 1));
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(hash_set_has(live, keys[i]), by_number(i) >= NOW_S);
    }
    assert_int_equal(hash_set_count(set), MANY);
    hash_set_free(live);
    hash_set_free(set);
}

static void a_key_added_again_counts_once_and_keeps_its_later_end(void **state)
{
    (void)state;
    static const unsigned char key[HASH_SET_KEY] = "revoked twice 1";
    static const int64_t orders[][2] = {{NOW_S - 1, NOW_S + 1}, {NOW_S + 1, NOW_S - 1}};
    for (size_t i = 0; i < ES_ARRAY_LEN(orders); i++) {
        struct hash_set *set = hash_set_new();
        hash_set_add(set, key, orders[i][0]);
        hash_set_add(set, key, orders[i][1]);
        assert_int_equal(hash_set_count(set), 1);
        struct hash_set *live = hash_set_live(set, NOW_S);
        assert_true(hash_set_has(live, key));
        hash_set_free(live);
        hash_set_free(set);
    }
}

static void a_clock_before_the_first_second_takes_nothing_away_and_adds_nothing(void **state)
{
    (void)state;
    struct hash_set *set = filled(by_number);
    struct hash_set *live = hash_set_live(set, -1);
    assert_int_equal(hash_set_count(live), MANY);
    hash_set_free(live);
    hash_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_there_and_nothing_else),
        cmocka_unit_test(what_has_ended_leaves_and_the_rest_stays),
        cmocka_unit_test(a_key_added_again_counts_once_and_keeps_its_later_end),
        cmocka_unit_test(a_clock_before_the_first_second_takes_nothing_away_and_adds_nothing),
    };
    es_random_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
