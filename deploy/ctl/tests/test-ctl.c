/* Unit tests of what the commands share: options, arguments without a name, numbers, key kinds. */
#include "common/base/random.h"
#include "common/tests/unit.h"
#include "deploy/ctl/ctl.h"
#include "deploy/ctl/keys.h"

#include <stdlib.h>
#include <string.h>

static const struct es_ctl_command command = {
    .name = "test command", .arguments = "", .summary = ""};

struct values {
    const char *first;
    const char *second;
    const char *text;
    bool flag;
};

#define GOES_ON (-1)

/* ARGV[0] is the command's name. GOES_ON, or what the command would end with. */
static int parse(struct values *values, char **argv)
{
    enum es_exit status = ES_EXIT_FAILED;
    int argc = 0;
    while (argv[argc] != NULL) {
        argc++;
    }
    const struct es_ctl_option options[] = {
        {"FIRST", NULL, "", &values->first, NULL},
        {"SECOND", NULL, "", &values->second, NULL},
        {"--text", "TEXT", "", &values->text, NULL},
        {"--flag", NULL, "", NULL, &values->flag},
    };
    bool goes_on = es_ctl_parse(&command, options, ES_ARRAY_LEN(options), argc, argv, &status);
    return goes_on ? GOES_ON : (int)status;
}

#define PARSE(values, ...) parse((values), (char *[]){(char[]){"command"}, __VA_ARGS__, NULL})
#define ARGUMENT(text)     ((char[]){text})

static void arguments_and_options_come_in_any_order(void **state)
{
    (void)state;
    struct values values = {0};
    assert_int_equal(PARSE(&values, ARGUMENT("--text"), ARGUMENT("t"), ARGUMENT("one"),
                           ARGUMENT("--flag"), ARGUMENT("two")),
                     GOES_ON);
    assert_string_equal(values.first, "one");
    assert_string_equal(values.second, "two");
    assert_string_equal(values.text, "t");
    assert_true(values.flag);
}

static void a_value_may_stand_behind_an_equals_sign(void **state)
{
    (void)state;
    struct values values = {0};
    assert_int_equal(PARSE(&values, ARGUMENT("--text=a=b")), GOES_ON);
    assert_string_equal(values.text, "a=b");
    assert_null(values.first);
}

static void what_nobody_knows_is_refused(void **state)
{
    (void)state;
    struct values values = {0};
    assert_int_equal(PARSE(&values, ARGUMENT("--other")), ES_EXIT_USAGE);
    assert_int_equal(PARSE(&values, ARGUMENT("--texts=x")), ES_EXIT_USAGE);
    assert_int_equal(PARSE(&values, ARGUMENT("--text")), ES_EXIT_USAGE);
    assert_int_equal(PARSE(&values, ARGUMENT("--flag=yes")), ES_EXIT_USAGE);
    assert_int_equal(PARSE(&values, ARGUMENT("1"), ARGUMENT("2"), ARGUMENT("3")), ES_EXIT_USAGE);
}

static void help_ends_the_command_well(void **state)
{
    (void)state;
    struct values values = {0};
    assert_int_equal(PARSE(&values, ARGUMENT("one"), ARGUMENT("--help")), ES_EXIT_OK);
}

static void numbers_are_checked_against_their_range(void **state)
{
    (void)state;
    int64_t number = -1;
    assert_true(es_ctl_number(&command, "--n", "7", 1, 7, &number));
    assert_int_equal(number, 7);
    assert_false(es_ctl_number(&command, "--n", "8", 1, 7, &number));
    assert_false(es_ctl_number(&command, "--n", "0", 1, 7, &number));
    assert_false(es_ctl_number(&command, "--n", "7x", 1, 7, &number));
    assert_int_equal(number, 7);
}

static void a_setting_is_the_option_else_the_environment(void **state)
{
    (void)state;
    assert_int_equal(setenv("ELDERSAFE_TEST_SETTING", "from outside", 1), 0);
    assert_string_equal(es_ctl_setting("given", "ELDERSAFE_TEST_SETTING"), "given");
    assert_string_equal(es_ctl_setting(NULL, "ELDERSAFE_TEST_SETTING"), "from outside");
    assert_int_equal(setenv("ELDERSAFE_TEST_SETTING", "", 1), 0);
    assert_null(es_ctl_setting(NULL, "ELDERSAFE_TEST_SETTING"));
}

static void the_actor_names_the_operator(void **state)
{
    (void)state;
    char actor[ES_CTL_ACTOR_SIZE];
    es_ctl_actor(actor);
    assert_int_equal(strncmp(actor, "operator:", 9), 0);
    assert_true(strlen(actor) > 9);
}

static void each_kind_of_key_has_its_public_part(void **state)
{
    (void)state;
    /* RFC 8032 section 7.1, test 1; and the secp256k1 generator for the secret 1. */
    static const unsigned char seed[ES_KEY_FILE_SIZE] = {
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a,
        0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32,
        0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60};
    unsigned char one[ES_KEY_FILE_SIZE] = {0};
    const unsigned char zero[ES_KEY_FILE_SIZE] = {0};
    one[ES_KEY_FILE_SIZE - 1] = 1;
    ES_CLEANUP(es_buf_done) struct es_buf token = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf chain = ES_BUF_INIT;
    es_key_kind_find("token")->add_public(seed, &token);
    es_key_kind_find("chain")->add_public(one, &chain);
    assert_string_equal(es_buf_str(&token),
                        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
    assert_string_equal(es_buf_str(&chain),
                        "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
    assert_true(es_key_kind_find("chain")->valid(one));
    assert_false(es_key_kind_find("chain")->valid(zero));
    assert_null(es_key_kind_find("lookup")->add_public);
    assert_null(es_key_kind_find("door"));
}

static void a_log_needs_a_name_that_fits_into_notes(void **state)
{
    (void)state;
    const unsigned char seed[ES_KEY_FILE_SIZE] = {1};
    ES_CLEANUP(es_buf_done) struct es_buf vkey = ES_BUF_INIT;
    assert_true(es_key_add_vkey(seed, "log.example.org/x", &vkey));
    assert_int_equal(strncmp(es_buf_str(&vkey), "log.example.org/x+", 18), 0);
    assert_false(es_key_add_vkey(seed, "two words", &vkey));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_and_options_come_in_any_order),
        cmocka_unit_test(a_value_may_stand_behind_an_equals_sign),
        cmocka_unit_test(what_nobody_knows_is_refused),
        cmocka_unit_test(help_ends_the_command_well),
        cmocka_unit_test(numbers_are_checked_against_their_range),
        cmocka_unit_test(a_setting_is_the_option_else_the_environment),
        cmocka_unit_test(the_actor_names_the_operator),
        cmocka_unit_test(each_kind_of_key_has_its_public_part),
        cmocka_unit_test(a_log_needs_a_name_that_fits_into_notes),
    };
    es_random_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
