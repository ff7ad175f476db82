/* Unit tests of worker-ledger/config: what the table cannot say. */
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/tests/unit.h"
#include "worker-ledger/config.h"

#include <stdlib.h>
#include <string.h>

#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, NULL, NULL, NULL                                                          \
    }

#define REQUIRED                                                                                   \
    "ELDERSAFE_DATABASE=host=/tmp", "ELDERSAFE_CHAIN_KEY_FILE=/dev/null",                          \
        "ELDERSAFE_LOG_KEY_FILE=/dev/null", "ELDERSAFE_LOG_ORIGIN=log.example.org/1",              \
        "ELDERSAFE_TILES_DIRECTORY=/tmp", "ELDERSAFE_ALLOWED_HOSTS=127.0.0.1=local",               \
        "ELDERSAFE_ARC_URL=http://127.0.0.1:1/arc"
#define WOC "ELDERSAFE_WOC_URL=http://127.0.0.1:1/woc"

#define VARIABLES_MAX 16

/* What a test loads; the texts of the configuration live here. */
static char *variables[VARIABLES_MAX + 1];

static void forget_variables(void)
{
    for (size_t i = 0; i < VARIABLES_MAX; i++) {
        free(variables[i]);
        variables[i] = NULL;
    }
}

/* Load ENVIRONMENT and check it; the errors, "" when all is well. */
static const char *problems(const char *const *environment, struct es_ledger_config *config,
                            struct es_buf *errors)
{
    memset(config, 0, sizeof(*config));
    es_buf_clear(errors);
    forget_variables();
    for (size_t i = 0; environment[i] != NULL; i++) {
        assert_in_range(i, 0, VARIABLES_MAX - 1);
        variables[i] = es_strdup(environment[i]);
    }
    if (es_config_load(es_ledger_options, es_ledger_option_count, variables, config, errors)) {
        bool valid = es_ledger_check_config(config, errors);
        assert_int_equal(valid, errors->length == 0);
    }
    return es_buf_str(errors);
}

static void the_defaults_are_a_working_configuration(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf errors = ES_BUF_INIT;
    struct es_ledger_config config;
    const char *const environment[] = {REQUIRED, WOC, NULL};
    assert_string_equal(problems(environment, &config, &errors), "");
    assert_int_equal(config.network, ES_NETWORK_TEST);
    assert_int_equal(config.seal_interval_ms, 60000);
    assert_int_equal(config.confirmations, 6);
    assert_int_equal(es_ledger_broadcaster(&config), ES_PROVIDER_ARC);
    assert_int_equal(es_ledger_verifier(&config), ES_PROVIDER_NONE);
    assert_int_equal(es_ledger_reader(&config), ES_PROVIDER_WHATSONCHAIN);
}

static void mainnet_takes_two_words(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf errors = ES_BUF_INIT;
    struct es_ledger_config config;
    const char *const one[] = {REQUIRED, WOC, "ELDERSAFE_CHAIN_NETWORK=main", NULL};
    const char *const two[] = {REQUIRED, WOC, "ELDERSAFE_CHAIN_NETWORK=main",
                               "ELDERSAFE_CHAIN_ALLOW_MAINNET=yes", NULL};
    assert_non_null(strstr(problems(one, &config, &errors), "CHAIN_ALLOW_MAINNET=yes"));
    assert_string_equal(problems(two, &config, &errors), "");
    assert_int_equal(config.network, ES_NETWORK_MAIN);
}

static void providers_have_to_fit_together(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf errors = ES_BUF_INIT;
    struct es_ledger_config config;
    const char *const no_headers[] = {REQUIRED, NULL};
    const char *const no_url[] = {REQUIRED, WOC, "ELDERSAFE_BROADCAST=node", NULL};
    const char *const twice[] = {REQUIRED, WOC, "ELDERSAFE_VERIFY=arcade", NULL};
    const char *const elsewhere[] = {REQUIRED, "ELDERSAFE_WOC_URL=https://api.example.org/", NULL};
    const char *const hybrid[] = {REQUIRED, WOC, "ELDERSAFE_NODE_URL=http://127.0.0.1:1/",
                                  "ELDERSAFE_VERIFY=node", NULL};
    const char *const chosen[] = {REQUIRED, WOC, "ELDERSAFE_NODE_URL=http://127.0.0.1:1/",
                                  "ELDERSAFE_CHAIN_READER=node", NULL};
    assert_non_null(strstr(problems(no_headers, &config, &errors), "CHAIN_READER"));
    assert_non_null(strstr(problems(no_url, &config, &errors), "BROADCAST: node needs its URL"));
    assert_non_null(strstr(problems(twice, &config, &errors), "VERIFY: must be another"));
    assert_non_null(strstr(problems(elsewhere, &config, &errors), "ALLOWED_HOSTS"));
    assert_string_equal(problems(hybrid, &config, &errors), "");
    assert_int_equal(es_ledger_reader(&config), ES_PROVIDER_NODE);
    assert_string_equal(problems(chosen, &config, &errors), "");
    assert_int_equal(es_ledger_reader(&config), ES_PROVIDER_NODE);
}

static void an_origin_has_to_be_a_key_name(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf errors = ES_BUF_INIT;
    struct es_ledger_config config;
    const char *const environment[] = {REQUIRED, WOC, NULL};
    assert_string_equal(problems(environment, &config, &errors), "");
    config.log_origin = "log of ours";
    assert_false(es_ledger_check_config(&config, &errors));
    assert_non_null(strstr(es_buf_str(&errors), "LOG_ORIGIN"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST("the defaults are a working configuration", the_defaults_are_a_working_configuration),
        TEST("E107 mainnet takes two words", mainnet_takes_two_words),
        TEST("E106 E7 providers have to fit together", providers_have_to_fit_together),
        TEST("an origin has to be a key name", an_origin_has_to_be_a_key_name),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    forget_variables();
    return failed;
}
