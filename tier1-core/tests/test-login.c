/* Unit tests of domain/login (secrets and what the database gets of them), and of a lane's memory
 * of its members. */
#include "common/base/random.h"
#include "common/tests/unit.h"
#include "tier1-core/domain/login.h"
#include "tier1-core/lanes/members.h"

#include <string.h>

static void secrets_are_of_their_form_and_never_twice_the_same(void **state)
{
    (void)state;
    struct login_secrets first;
    struct login_secrets second;
    login_make_secrets(&first);
    login_make_secrets(&second);
    assert_true(login_secret_valid(first.token));
    assert_true(login_secret_valid(first.browser));
    assert_true(login_code_valid(first.code));
    assert_string_not_equal(first.token, second.token);
    assert_string_not_equal(first.browser, second.browser);
    assert_string_not_equal(first.token, first.browser);
}

static void malformed_secrets_are_refused(void **state)
{
    (void)state;
    static const char *const tokens[] = {"",
                                         "short",
                                         "AAAAAAAAAAAAAAAAAAAAAB",
                                         "AAAAAAAAAAAAAAAAAAAAA=",
                                         "AAAAAAAAAAAAAAAAAAAAAAA",
                                         "AAAAAAAAAAA/AAAAAAAAAA"};
    static const char *const codes[] = {"", "12345", "1234567", "12345a", " 12345", "-12345"};
    for (size_t i = 0; i < ES_ARRAY_LEN(tokens); i++) {
        assert_false(login_secret_valid(tokens[i]));
    }
    for (size_t i = 0; i < ES_ARRAY_LEN(codes); i++) {
        assert_false(login_code_valid(codes[i]));
    }
    assert_true(login_secret_valid("AAAAAAAAAAAAAAAAAAAAAA"));
}

static void J4_7_hashes_tell_nothing_and_a_code_is_bound_to_its_browser(void **state)
{
    (void)state;
    struct es_lookup_key key = {.bytes = {1}};
    struct es_lookup_key other_key = {.bytes = {2}};
    struct login_secrets secrets;
    struct login_hashes hashes;
    unsigned char elsewhere[LOGIN_HASH_SIZE];
    login_make_secrets(&secrets);
    login_hash_secrets(&key, &secrets, &hashes);
    assert_memory_not_equal(hashes.token, secrets.token, LOGIN_SECRET_TEXT_SIZE);
    login_code_hash(&key, secrets.token, secrets.code, elsewhere);
    assert_memory_not_equal(hashes.code, elsewhere, LOGIN_HASH_SIZE);
    login_code_hash(&other_key, secrets.browser, secrets.code, elsewhere);
    assert_memory_not_equal(hashes.code, elsewhere, LOGIN_HASH_SIZE);
    login_code_hash(&key, secrets.browser, secrets.code, elsewhere);
    assert_memory_equal(hashes.code, elsewhere, LOGIN_HASH_SIZE);
}

static void lane_forgets_a_member_after_its_time_and_never_mixes_two_up(void **state)
{
    (void)state;
    struct lane_members *members = lane_members_new(64);
    for (int64_t id = 1; id <= 1000; id++) {
        lane_members_put(members, &(struct lane_member){.member_id = id,
                                                        .reward_account = id * 2,
                                                        .known_until_s = 100 + id});
        const struct lane_member *member = lane_members_get(members, id, 100);
        assert_non_null(member);
        assert_int_equal(member->reward_account, id * 2);
        assert_null(lane_members_get(members, id, 100 + id));
    }
    for (int64_t id = 1; id <= 1000; id++) {
        const struct lane_member *member = lane_members_get(members, id, 100);
        assert_true(member == NULL || member->reward_account == id * 2);
    }
    lane_members_free(members);
}

static int set_up(void **state)
{
    (void)state;
    es_random_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_of_their_form_and_never_twice_the_same),
        cmocka_unit_test(malformed_secrets_are_refused),
        cmocka_unit_test(J4_7_hashes_tell_nothing_and_a_code_is_bound_to_its_browser),
        cmocka_unit_test(lane_forgets_a_member_after_its_time_and_never_mixes_two_up),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
