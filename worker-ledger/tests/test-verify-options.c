/* Unit tests of worker-ledger/verify: the command line of eldersafe-verify. */
#include "common/base/mem.h"
#include "common/tests/unit.h"
#include "worker-ledger/verify/options.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, NULL, NULL, NULL                                                          \
    }

#define KEY1 "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
#define KEY2 "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
#define HASH "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"

#define ARGUMENTS_MAX 8

/* Parse "eldersafe-verify" and ARGUMENTS (at most ARGUMENTS_MAX and NULL) without the complaints on
 * stderr. */
static bool parse(const char *const *arguments, struct es_options *ret_options)
{
    char *argv[ARGUMENTS_MAX + 2] = {es_strdup("eldersafe-verify")};
    int argc = 1;
    for (; arguments[argc - 1] != NULL; argc++) {
        argv[argc] = es_strdup(arguments[argc - 1]);
    }
    int saved = dup(STDERR_FILENO);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)dup2(null, STDERR_FILENO);
    optind = 0; /* glibc: start again */
    bool valid = es_options_parse(argc, argv, ret_options);
    (void)dup2(saved, STDERR_FILENO);
    (void)close(saved);
    (void)close(null);
    for (int i = 0; i < argc; i++) {
        free(argv[i]);
    }
    return valid;
}

static void a_key_or_its_renunciation_is_needed(void **state)
{
    (void)state;
    struct es_options options;
    assert_false(parse((const char *const[]){"r.json", NULL}, &options));
    assert_false(
        parse((const char *const[]){"--no-log-key", "--log-key", KEY1, "r.json", NULL}, &options));
    assert_true(parse((const char *const[]){"--no-log-key", "r.json", NULL}, &options));
    assert_true(options.verify.skip_log_key);
    assert_true(parse((const char *const[]){"--log-key", KEY1, "-", NULL}, &options));
    assert_int_equal(options.verify.log_key_count, 1);
    assert_int_equal(options.verify.network, ES_NETWORK_MAIN);
    assert_int_equal(options.action, ES_OPTIONS_VERIFY);
}

static void keys_may_be_several(void **state)
{
    (void)state;
    static const char content[] = "# keys of the log\n\n" KEY1 "\r\n" KEY2 "\n";
    char path[] = "/tmp/eldersafe-test-XXXXXX";
    struct es_options options;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    assert_true(parse((const char *const[]){"--log-key", path, "--log-key", KEY2, "r.json", NULL},
                      &options));
    assert_int_equal(options.verify.log_key_count, 3);
    assert_string_equal(options.verify.log_keys[1].name, "PeterNeumann");
    assert_int_equal(write(fd, "no key\n", 7), 7);
    assert_false(parse((const char *const[]){"--log-key", path, "r.json", NULL}, &options));
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_false(parse((const char *const[]){"--log-key", path, "r.json", NULL}, &options));
    (void)close(fd);
    (void)unlink(path);
    assert_false(parse((const char *const[]){"--log-key", path, "r.json", NULL}, &options));
}

static void a_pin_is_height_and_hash(void **state)
{
    (void)state;
    static const char *const refused[] = {"", "0", "0:", ":" HASH, "-1:" HASH, "0:" HASH "0", HASH};
    struct es_options options;
    assert_true(
        parse((const char *const[]){"--pin", "7:" HASH, "--no-log-key", "r", NULL}, &options));
    assert_true(options.verify.has_pin);
    assert_int_equal(options.verify.pin_height, 7);
    assert_int_equal(options.verify.pin_hash.bytes[0], 0x6F);
    for (size_t i = 0; i < ES_ARRAY_LEN(refused); i++) {
        assert_false(
            parse((const char *const[]){"--pin", refused[i], "--no-log-key", "r", NULL}, &options));
    }
}

static void other_options(void **state)
{
    (void)state;
    struct es_options options;
    assert_true(parse((const char *const[]){"--network", "regtest", "--json", "--quiet",
                                            "--no-log-key", "r", NULL},
                      &options));
    assert_int_equal(options.verify.network, ES_NETWORK_REGTEST);
    assert_true(options.json && options.quiet);
    assert_false(
        parse((const char *const[]){"--network", "moon", "--no-log-key", "r", NULL}, &options));
    assert_false(parse((const char *const[]){"--no-log-key", NULL}, &options));
    assert_false(parse((const char *const[]){"--no-log-key", "r", "s", NULL}, &options));
    assert_false(parse((const char *const[]){"--unknown", "r", NULL}, &options));
    assert_true(parse((const char *const[]){"--help", NULL}, &options));
    assert_int_equal(options.action, ES_OPTIONS_HELP);
    assert_true(parse((const char *const[]){"--version", NULL}, &options));
    assert_int_equal(options.action, ES_OPTIONS_VERSION);
}

static void consistency_wants_two_checkpoints_and_tiles(void **state)
{
    (void)state;
    struct es_options options;
    assert_true(
        parse((const char *const[]){"--consistency", "--log-key", KEY1, "old", "new", "t", NULL},
              &options));
    assert_int_equal(options.action, ES_OPTIONS_GROWTH);
    assert_false(parse((const char *const[]){"--consistency", "old", "new", "t", NULL}, &options));
    assert_false(parse((const char *const[]){"--consistency", "--no-log-key", "old", "new", NULL},
                       &options));
    assert_false(parse((const char *const[]){"--consistency", "--no-log-key", "--pin", "7:" HASH,
                                             "old", "new", "t", NULL},
                       &options));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("N1 a key or its renunciation is needed", a_key_or_its_renunciation_is_needed),
        TEST("J2.13 keys may be several", keys_may_be_several),
        TEST("J2.5 a pin is height and hash", a_pin_is_height_and_hash),
        TEST("other options", other_options),
        TEST("J2.13 consistency wants two checkpoints and tiles",
             consistency_wants_two_checkpoints_and_tiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
