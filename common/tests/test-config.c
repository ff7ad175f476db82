/* Unit tests of common/daemon/config: one typed table says what may be set and how. */
#include "common/daemon/config.h"

#include "common/base/mem.h"
#include "common/tests/unit.h"

#include <stddef.h>
#include <string.h>

struct settings {
    const char *listen;
    const char *public_url;
    const char *key_file;
    const char *database;
    const char *redis;
    int64_t lanes;
    int64_t fee_cap;
    int channel;
    bool trust_proxy;
};

static const char *const channels[] = {"file", "smtp", NULL};

static const struct es_config_option table[] = {
    {.name = "LISTEN",
     .type = ES_CONFIG_ADDRESS,
     .fallback = "127.0.0.1:8001",
     .help = "Address to serve on",
     .offset = offsetof(struct settings, listen)},
    {.name = "PUBLIC_URL",
     .type = ES_CONFIG_URL,
     .help = "Base of links",
     .offset = offsetof(struct settings, public_url)},
    {.name = "KEY_FILE",
     .type = ES_CONFIG_FILE,
     .fallback = "",
     .help = "A key",
     .offset = offsetof(struct settings, key_file)},
    {.name = "DATABASE",
     .type = ES_CONFIG_TEXT,
     .fallback = "host=/run/postgresql",
     .secret = true,
     .help = "Connection",
     .offset = offsetof(struct settings, database)},
    {.name = "REDIS",
     .type = ES_CONFIG_ADDRESS,
     .fallback = "",
     .help = "Redis, if any",
     .offset = offsetof(struct settings, redis)},
    {.name = "SIGNAL_LANES",
     .type = ES_CONFIG_INT,
     .unit = "threads",
     .fallback = "2",
     .min = 1,
     .max = 64,
     .help = "Lanes",
     .offset = offsetof(struct settings, lanes)},
    {.name = "FEE_CAP",
     .type = ES_CONFIG_INT,
     .fallback = "",
     .min = 1,
     .max = 1000,
     .help = "Most to pay",
     .offset = offsetof(struct settings, fee_cap)},
    {.name = "MAIL_CHANNEL",
     .type = ES_CONFIG_CHOICE,
     .fallback = "smtp",
     .choices = channels,
     .help = "How mail goes out",
     .offset = offsetof(struct settings, channel)},
    {.name = "TRUST_PROXY",
     .type = ES_CONFIG_BOOL,
     .fallback = "no",
     .help = "Whether to trust",
     .offset = offsetof(struct settings, trust_proxy)},
};

#define URL_SET "ELDERSAFE_PUBLIC_URL=https://app.example"

/* Load ENVIRONMENT; the problems are left in ERRORS. */
static bool load(const char *const *environment, struct settings *settings, struct es_buf *errors)
{
    *settings = (struct settings){0};
    char *variables[16] = {0};
    for (size_t i = 0; environment[i] != NULL; i++) {
        assert_true(i + 1 < ES_ARRAY_LEN(variables));
        variables[i] = es_strdup(environment[i]);
    }
    bool valid = es_config_load(table, ES_ARRAY_LEN(table), variables, settings, errors);
    assert_int_equal(valid, errors->length == 0);
    for (size_t i = 0; variables[i] != NULL; i++) {
        es_free_p(&variables[i]);
    }
    return valid;
}

static void defaults_fill_what_is_not_set(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf errors = ES_BUF_INIT;
    struct settings settings;
    static const char *const environment[] = {"PATH=/bin", URL_SET, "ELDERSAFE_REDIS=", NULL};
    assert_true(load(environment, &settings, &errors));
    assert_string_equal(settings.listen, "127.0.0.1:8001");
    assert_null(settings.key_file);
    assert_null(settings.redis);
    assert_int_equal(settings.lanes, 2);
    assert_int_equal(settings.fee_cap, 0);
    assert_int_equal(settings.channel, 1);
    assert_false(settings.trust_proxy);
}

static void values_are_read_by_type(void **state)
{
    (void)state;
    char listen[] = "ELDERSAFE_LISTEN=[::1]:0";
    char url[] = "ELDERSAFE_PUBLIC_URL=http://localhost:8001/base";
    char file[] = "ELDERSAFE_KEY_FILE=/dev/null";
    char redis[] = "ELDERSAFE_REDIS=unix:/run/redis.sock";
    char lanes[] = "ELDERSAFE_SIGNAL_LANES=64";
    char channel[] = "ELDERSAFE_MAIL_CHANNEL=file";
    char trust[] = "ELDERSAFE_TRUST_PROXY=yes";
    char *const environment[] = {listen, url, file, redis, lanes, channel, trust, NULL};
    ES_CLEANUP(es_buf_done) struct es_buf errors = ES_BUF_INIT;
    struct settings settings = {0};
    assert_true(es_config_load(table, ES_ARRAY_LEN(table), environment, &settings, &errors));
    assert_string_equal(settings.listen, "[::1]:0");
    assert_string_equal(settings.public_url, "http://localhost:8001/base");
    assert_string_equal(settings.key_file, "/dev/null");
    assert_string_equal(settings.redis, "unix:/run/redis.sock");
    assert_int_equal(settings.lanes, 64);
    assert_int_equal(settings.channel, 0);
    assert_true(settings.trust_proxy);
}

static void each_wrong_value_is_refused_in_clear_words(void **state)
{
    (void)state;
    static const struct {
        const char *variable;
        const char *error;
    } cases[] = {
        {"ELDERSAFE_LISTEN=8001", "ELDERSAFE_LISTEN must be an address"},
        {"ELDERSAFE_LISTEN=:8001", "ELDERSAFE_LISTEN must be an address"},
        {"ELDERSAFE_LISTEN=127.0.0.1:", "ELDERSAFE_LISTEN must be an address"},
        {"ELDERSAFE_LISTEN=127.0.0.1:65536", "ELDERSAFE_LISTEN must be an address"},
        {"ELDERSAFE_LISTEN=a b:1", "ELDERSAFE_LISTEN must be an address"},
        {"ELDERSAFE_LISTEN=::1:80", "ELDERSAFE_LISTEN must be an address"},
        {"ELDERSAFE_LISTEN=[::1:80", "ELDERSAFE_LISTEN must be an address"},
        {"ELDERSAFE_LISTEN=unix:relative", "ELDERSAFE_LISTEN must be an address"},
        {"ELDERSAFE_LISTEN=", "ELDERSAFE_LISTEN must not be empty"},
        {"ELDERSAFE_PUBLIC_URL=", "ELDERSAFE_PUBLIC_URL must not be empty"},
        {"ELDERSAFE_PUBLIC_URL=ftp://x", "ELDERSAFE_PUBLIC_URL must be an http://"},
        {"ELDERSAFE_PUBLIC_URL=https://", "ELDERSAFE_PUBLIC_URL must be an http://"},
        {"ELDERSAFE_PUBLIC_URL=https:///x", "ELDERSAFE_PUBLIC_URL must be an http://"},
        {"ELDERSAFE_PUBLIC_URL=https://me:pw@x/", "ELDERSAFE_PUBLIC_URL must be an http://"},
        {"ELDERSAFE_PUBLIC_URL=https://x/a b", "ELDERSAFE_PUBLIC_URL must be an http://"},
        {"ELDERSAFE_KEY_FILE=/no/such/file", "ELDERSAFE_KEY_FILE must be a file that exists"},
        {"ELDERSAFE_SIGNAL_LANES=0", "must be a whole number from 1 to 64 (threads); it is \"0\""},
        {"ELDERSAFE_SIGNAL_LANES=65", "ELDERSAFE_SIGNAL_LANES must be a whole number"},
        {"ELDERSAFE_SIGNAL_LANES=2 ", "ELDERSAFE_SIGNAL_LANES must be a whole number"},
        {"ELDERSAFE_SIGNAL_LANES=", "ELDERSAFE_SIGNAL_LANES must not be empty"},
        {"ELDERSAFE_MAIL_CHANNEL=pigeon", "must be one of: file, smtp; it is \"pigeon\""},
        {"ELDERSAFE_TRUST_PROXY=true", "ELDERSAFE_TRUST_PROXY must be yes or no"},
        {"ELDERSAFE_DATABASE=a\nb", "ELDERSAFE_DATABASE must be text"},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        ES_CLEANUP(es_buf_done) struct es_buf errors = ES_BUF_INIT;
        struct settings settings;
        const char *const environment[] = {cases[i].variable, URL_SET, NULL};
        assert_false(load(environment, &settings, &errors));
        assert_non_null(strstr(es_buf_str(&errors), cases[i].error));
    }
}

static void all_problems_are_told_at_once(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf errors = ES_BUF_INIT;
    struct settings settings;
    static const char *const environment[] = {"ELDERSAFE_SIGNAL_LANES=many",
                                              "ELDERSAFE_SINGAL_WINDOW=5",
                                              "ELDERSAFE_LISTEN_ADDRESS=1", "ELDERSAFE_=1", NULL};
    assert_false(load(environment, &settings, &errors));
    assert_string_equal(es_buf_str(&errors),
                        "ELDERSAFE_PUBLIC_URL is not set: Base of links\n"
                        "ELDERSAFE_SIGNAL_LANES must be a whole number from 1 to 64 (threads); it "
                        "is \"many\"\n"
                        "ELDERSAFE_SINGAL_WINDOW is not an option of this program\n"
                        "ELDERSAFE_LISTEN_ADDRESS is not an option of this program\n"
                        "ELDERSAFE_ is not an option of this program\n");
}

static void secrets_are_shown_nowhere(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    struct settings settings = {.database = "password=canary", .listen = "127.0.0.1:1"};
    es_config_show(table, ES_ARRAY_LEN(table), &settings, &text);
    assert_null(strstr(es_buf_str(&text), "canary"));
    assert_non_null(strstr(es_buf_str(&text), "ELDERSAFE_DATABASE=[not shown]\n"));
    assert_non_null(strstr(es_buf_str(&text), "ELDERSAFE_LISTEN=127.0.0.1:1\n"));
    es_buf_clear(&text);
    static const char *const environment[] = {URL_SET, "ELDERSAFE_DATABASE=canary\x01", NULL};
    assert_false(load(environment, &settings, &text));
    assert_null(strstr(es_buf_str(&text), "canary"));
    es_buf_clear(&text);
    /* What is unknown may be a misspelt secret: its value stays out of the message. */
    static const char *const misspelt[] = {URL_SET, "ELDERSAFE_DATABSE=canary", NULL};
    assert_false(load(misspelt, &settings, &text));
    assert_null(strstr(es_buf_str(&text), "canary"));
}

static void help_and_sample_name_every_option(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf help = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf sample = ES_BUF_INIT;
    es_config_describe(table, ES_ARRAY_LEN(table), &help);
    es_config_sample(table, ES_ARRAY_LEN(table), &sample);
    for (size_t i = 0; i < ES_ARRAY_LEN(table); i++) {
        assert_non_null(strstr(es_buf_str(&help), table[i].name));
        assert_non_null(strstr(es_buf_str(&help), table[i].help));
        assert_non_null(strstr(es_buf_str(&sample), table[i].name));
    }
    assert_non_null(strstr(es_buf_str(&help), "from 1 to 64 (threads); default 2\n"));
    assert_non_null(strstr(es_buf_str(&sample), "\n#ELDERSAFE_SIGNAL_LANES=2\n"));
    assert_non_null(strstr(es_buf_str(&sample), "\nELDERSAFE_PUBLIC_URL=\n"));
}

static void two_tables_share_one_environment(void **state)
{
    (void)state;
    struct settings first = {0};
    struct settings second = {0};
    const struct es_config_section sections[] = {{&table[0], 1, &first}, {&table[5], 1, &second}};
    char listen[] = "ELDERSAFE_LISTEN=127.0.0.1:9";
    char lanes[] = "ELDERSAFE_SIGNAL_LANES=9";
    char *const environment[] = {listen, lanes, NULL};
    ES_CLEANUP(es_buf_done) struct es_buf errors = ES_BUF_INIT;
    assert_true(es_config_load_sections(sections, 2, environment, &errors));
    assert_string_equal(first.listen, "127.0.0.1:9");
    assert_int_equal(second.lanes, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_what_is_not_set),
        cmocka_unit_test(values_are_read_by_type),
        cmocka_unit_test(each_wrong_value_is_refused_in_clear_words),
        cmocka_unit_test(all_problems_are_told_at_once),
        cmocka_unit_test(secrets_are_shown_nowhere),
        cmocka_unit_test(help_and_sample_name_every_option),
        cmocka_unit_test(two_tables_share_one_environment),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
