/* What eldersafe-core must have before it is ready. */
#include "common/tests/unit.h"
#include "tier1-core/app.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void without_time_zones_there_is_no_start(void **state)
{
    (void)state;
    char empty[] = "/tmp/eldersafe-zones-XXXXXX";
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    static struct app app;
    assert_non_null(mkdtemp(empty));
    assert_false(app_load_zones(&app, empty, &error));
    assert_non_null(strstr(es_buf_str(&error), "tzdata"));
    assert_null(app.zones);
    assert_int_equal(rmdir(empty), 0);
}

static void with_them_the_default_zone_is_there(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
    static struct app app;
    assert_true(app_load_zones(&app, NULL, &error));
    assert_non_null(es_zones_get(app.zones, ES_DAY_DEFAULT_ZONE));
    es_zones_free(app.zones);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_time_zones_there_is_no_start),
        cmocka_unit_test(with_them_the_default_zone_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
