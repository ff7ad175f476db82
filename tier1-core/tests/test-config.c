/* Unit tests of what the configurations of tier 1 refuse beyond their tables. */
#include "common/tests/unit.h"
#include "tier1-core/config.h"
#include "tier1-core/notify/config.h"

#include <string.h>

static bool accepts_url(const char *url)
{
    struct es_buf errors = ES_BUF_INIT;
    bool accepted =
        core_check_config(&(struct core_config){.public_url = url, .redis = NULL}, &errors);
    assert_int_equal(accepted, errors.length == 0);
    es_buf_done(&errors);
    return accepted;
}

static void the_public_url_is_an_origin_to_the_letter(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "https://app.eldersafe.dk/",
        "https://app.eldersafe.dk/app",
        "https://a.dk?x",
        "https://app.eldersafe.dk:443",
        "http://127.0.0.1:80",
        "https://u@a.dk",
        "http://app.eldersafe.dk",
        "ftp://app.eldersafe.dk",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
        "http://127.0.0.1x",
        "ftp://localhost",
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(refused); i++) {
        assert_false(accepts_url(refused[i]));
    }
    assert_true(accepts_url("https://app.eldersafe.dk"));
    assert_true(accepts_url("https://app.eldersafe.dk:8443"));
    assert_true(accepts_url("http://127.0.0.1:8001"));
    assert_true(accepts_url("http://app.localhost:2000"));
}

static void a_redis_user_needs_its_password(void **state)
{
    (void)state;
    struct es_buf errors = ES_BUF_INIT;
    struct core_config config = {.public_url = "https://a.dk", .redis_user = "eldersafe_core"};
    assert_false(core_check_config(&config, &errors));
    assert_non_null(strstr(es_buf_str(&errors), "REDIS_PASSWORD_FILE"));
    es_buf_done(&errors);
}

static void so_does_that_of_notify(void **state)
{
    (void)state;
    struct es_buf errors = ES_BUF_INIT;
    struct notify_config config = {.mail_channel = NOTIFY_FILE,
                                   .mail_directory = "/tmp",
                                   .mail_from = "a@a.dk",
                                   .redis_user = "eldersafe_notify"};
    assert_false(notify_check_config(&config, &errors));
    assert_non_null(strstr(es_buf_str(&errors), "REDIS_PASSWORD_FILE"));
    config.redis_password_file = "/tmp/password";
    assert_true(notify_check_config(&config, &errors));
    es_buf_done(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_public_url_is_an_origin_to_the_letter),
        cmocka_unit_test(a_redis_user_needs_its_password),
        cmocka_unit_test(so_does_that_of_notify),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
