/* Unit tests of common/daemon/fault: where and when a process can be told to die (N12). */
#include "common/daemon/fault.h"

#include "common/daemon/daemon.h"
#include "common/tests/unit.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PASSAGES_TRIED 5

/* Passes "daemon.started" PASSAGES_TRIED times in a child armed with SETTING, and each time another
 * point. Returns how many passages it survived; *RET_STATUS is how it ended. */
static int passages_survived(const char *setting, int *ret_status)
{
    int survived = 0;
    int status = 0;
    int ends[2];
    char byte = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        if (!es_fault_arm(setting)) {
            _exit(1);
        }
        for (int i = 0; i < PASSAGES_TRIED; i++) {
            es_fault_point("daemon.stopping");
            es_fault_point("daemon.started");
            if (write(ends[1], &byte, 1) != 1) {
                _exit(2);
            }
        }
        _exit(0);
    }
    assert_int_equal(close(ends[1]), 0);
    while (read(ends[0], &byte, 1) == 1) {
        survived++;
    }
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    *ret_status = WEXITSTATUS(status);
    return survived;
}

static void N12_the_process_ends_at_the_passage_that_was_named(void **state)
{
    (void)state;
    static const struct {
        const char *setting;
        int survived;
        int status;
    } cases[] = {
        {NULL, PASSAGES_TRIED, 0},
        {"daemon.started", 0, ES_EXIT_FAULT},
        {"daemon.started:1", 0, ES_EXIT_FAULT},
        {"daemon.started:3", 2, ES_EXIT_FAULT},
        {"daemon.started:5", 4, ES_EXIT_FAULT},
        {"daemon.started:6", PASSAGES_TRIED, 0},
        {"daemon.started:1000000000000", PASSAGES_TRIED, 0},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        int status = -1;
        assert_int_equal(passages_survived(cases[i].setting, &status), cases[i].survived);
        assert_int_equal(status, cases[i].status);
    }
}

static void N12_only_listed_points_can_be_armed(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "no.such",
        "daemon.starte",
        "daemon.started:",
        "daemon.started:0",
        "daemon.started:-1",
        "daemon.started:2x",
        "daemon.started 2",
        ":1",
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(refused); i++) {
        assert_false(es_fault_arm(refused[i]));
    }
    es_fault_point("daemon.started"); /* nothing was armed on the way */
}

static void N12_disarming_takes_the_danger_away(void **state)
{
    (void)state;
    assert_true(es_fault_arm("daemon.started"));
    assert_true(es_fault_arm(NULL));
    es_fault_point("daemon.started");
}

static void N12_a_process_lists_its_own_points_and_the_common_ones(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf core = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf nobody = ES_BUF_INIT;
    es_fault_describe("eldersafe-core", &core);
    es_fault_describe("eldersafe-nobody", &nobody);
    assert_non_null(strstr(es_buf_str(&core), "daemon.started "));
    assert_non_null(strstr(es_buf_str(&core), "core.before_append "));
    assert_non_null(strstr(es_buf_str(&nobody), "daemon.started "));
    assert_null(strstr(es_buf_str(&nobody), "core."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(N12_the_process_ends_at_the_passage_that_was_named),
        cmocka_unit_test(N12_only_listed_points_can_be_armed),
        cmocka_unit_test(N12_disarming_takes_the_danger_away),
        cmocka_unit_test(N12_a_process_lists_its_own_points_and_the_common_ones),
    };
    return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
