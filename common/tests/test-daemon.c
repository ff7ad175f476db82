/*
 * Unit tests of common/daemon: the life of a daemon from its arguments to its exit status. Each
 * test runs es_daemon_main() in a child process and talks to it as a service manager does.
 */
#include "common/daemon/daemon.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/observe/log.h"
#include "common/tests/unit.h"

#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_WITHIN_S 20
#define HANGS_AFTER_S   120
#define LARGEST_FILE    (1 << 16)
#define MOST_VARIABLES  16
#define WATCHDOG_USEC   "100000"
#define SILENCE_US      (400 * ES_US_PER_MS) /* eight times the pause between feedings */

/* --- the daemon under test ------------------------------------------------------------------- */

struct settings {
    const char *database;
    int64_t lanes;
};

/* How the daemon is to behave; shared with the child that runs it. */
struct script {
    atomic_bool not_alive;
    enum es_exit second_step_fails_with;
    bool first_step_is_told_to_stop;
    bool worker_gives_up;
    bool finds_a_bug;
    atomic_llong seen_now_us;
};

static struct script *script;
static struct settings settings;
static bool once;

static const struct es_config_option options[] = {
    {.name = "DATABASE",
     .type = ES_CONFIG_TEXT,
     .fallback = "",
     .secret = true,
     .help = "Connection",
     .offset = offsetof(struct settings, database)},
    {.name = "LANES",
     .type = ES_CONFIG_INT,
     .fallback = "2",
     .min = 1,
     .max = 8,
     .help = "Lanes",
     .offset = offsetof(struct settings, lanes)},
};

static void *give_up(void *context)
{
    (void)context;
    es_daemon_request_stop(ES_EXIT_SCHEMA);
    es_daemon_request_stop(ES_EXIT_FAILED); /* the first reason counts */
    return NULL;
}

static enum es_exit start_first(void *app, struct es_buf *error)
{
    (void)app;
    (void)error;
    es_log_plain(ES_LOG_INFO, "first.started");
    atomic_store(&script->seen_now_us, es_clock_now_us());
    es_daemon_announce("listen", "127.0.0.1:4711");
    if (script->first_step_is_told_to_stop) {
        (void)kill(getpid(), SIGTERM);
    }
    if (script->finds_a_bug && es_bug_on(true, "on purpose")) {
        es_log_plain(ES_LOG_INFO, "survived");
    }
    return ES_EXIT_OK;
}

static enum es_exit start_second(void *app, struct es_buf *error)
{
    pthread_t thread;
    (void)app;
    if (script->second_step_fails_with != ES_EXIT_OK) {
        es_buf_add_str(error, "there is no second step today\n");
        return script->second_step_fails_with;
    }
    es_log(ES_LOG_INFO, "second.started", es_f_bool("once", once));
    if (script->worker_gives_up) {
        (void)pthread_create(&thread, NULL, give_up, NULL);
        (void)pthread_join(thread, NULL);
    }
    return ES_EXIT_OK;
}

static void stop_first(void *app)
{
    (void)app;
    es_log_plain(ES_LOG_INFO, "first.stopped");
}

static void stop_second(void *app)
{
    (void)app;
    es_log_plain(ES_LOG_INFO, "second.stopped");
}

static bool alive(void *app)
{
    (void)app;
    return !atomic_load(&script->not_alive);
}

static bool check_config(const void *config, struct es_buf *errors)
{
    const struct settings *checked = config;
    if (checked->lanes == 7) {
        es_buf_add_str(errors, "ELDERSAFE_LANES must not be seven\n");
        return false;
    }
    return true;
}

static const struct es_daemon_step steps[] = {
    {"first", start_first, stop_first},
    {"second", start_second, stop_second},
};

static const struct es_daemon_flag flags[] = {{"--once", "do it once", &once}};

static const struct es_daemon daemon_under_test = {
    .name = "eldersafe-test",
    .summary = "a daemon for tests",
    .options = options,
    .option_count = ES_ARRAY_LEN(options),
    .config = &settings,
    .steps = steps,
    .step_count = ES_ARRAY_LEN(steps),
    .alive = alive,
    .check_config = check_config,
    .flags = flags,
    .flag_count = ES_ARRAY_LEN(flags),
};

/* --- what stands around it ------------------------------------------------------------------- */

static struct stage {
    char folder[sizeof("/tmp/eldersafe-daemon-XXXXXX")];
    char *log, *old_log, *ready, *out, *err, *manager;
    int manager_fd;
    pid_t child;
} stage;

static char *path_of(const char *name)
{
    struct es_buf path = ES_BUF_INIT;
    es_buf_printf(&path, "%s/%s", stage.folder, name);
    return es_buf_steal_str(&path);
}

static int set_stage(void **state)
{
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = ANSWER_WITHIN_S};
    memcpy(stage.folder, "/tmp/eldersafe-daemon-XXXXXX", sizeof(stage.folder));
    if (mkdtemp(stage.folder) == NULL) {
        return -1;
    }
    stage.log = path_of("log");
    stage.old_log = path_of("log.1");
    stage.ready = path_of("ready");
    stage.out = path_of("out");
    stage.err = path_of("err");
    stage.manager = path_of("manager");
    memcpy(address.sun_path, stage.manager, strlen(stage.manager));
    stage.manager_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    script = mmap(NULL, sizeof(*script), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return script == MAP_FAILED ||
           bind(stage.manager_fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
           setsockopt(stage.manager_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0;
}

static int clear_stage(void **state)
{
    (void)state;
    char *const paths[] = {stage.log, stage.old_log, stage.ready,
                           stage.out, stage.err,     stage.manager};
    for (size_t i = 0; i < ES_ARRAY_LEN(paths); i++) {
        (void)unlink(paths[i]);
        free(paths[i]);
    }
    (void)close(stage.manager_fd);
    (void)munmap(script, sizeof(*script));
    return rmdir(stage.folder);
}

static void send_output_to(const char *path, int fd)
{
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0 || dup2(file, fd) < 0) {
        _exit(100);
    }
}

static void set_variable(const char *name, const char *value)
{
    if (setenv(name, value, 1) != 0) {
        _exit(101);
    }
}

/* Start the daemon with ARGUMENT (or NULL) and VARIABLES ("NAME=value", NULL-terminated; or NULL).
 */
static void start(char *argument, const char *const *variables)
{
    stage.child = fork();
    assert_true(stage.child >= 0);
    if (stage.child > 0) {
        return;
    }
    (void)alarm(HANGS_AFTER_S); /* a child that hangs dies, and its test fails */
    char name[] = "eldersafe-test";
    char *arguments[] = {name, argument, NULL};
    send_output_to(stage.out, STDOUT_FILENO);
    send_output_to(stage.err, STDERR_FILENO);
    set_variable("ELDERSAFE_LOG_FILE", stage.log);
    set_variable("ELDERSAFE_READY_FILE", stage.ready);
    set_variable("NOTIFY_SOCKET", stage.manager);
    for (size_t i = 0; variables != NULL && variables[i] != NULL; i++) {
        char *variable = es_strdup(variables[i]);
        if (putenv(variable) != 0) {
            _exit(102);
        }
    }
    int status = es_daemon_main(&daemon_under_test, NULL, argument != NULL ? 2 : 1, arguments);
    (void)fflush(NULL);
    _exit(status);
}

static int exit_status(void)
{
    int status = 0;
    assert_int_equal(waitpid(stage.child, &status, 0), stage.child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* The next thing the daemon tells the service manager; "" after WAIT_US without any. */
static const char *next_notice(int64_t wait_us)
{
    static char notice[64];
    struct timeval patience = {.tv_sec = (time_t)(wait_us / ES_US_PER_S),
                               .tv_usec = (suseconds_t)(wait_us % ES_US_PER_S)};
    assert_int_equal(
        setsockopt(stage.manager_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    ssize_t length = recv(stage.manager_fd, notice, sizeof(notice) - 1, 0);
    notice[length > 0 ? length : 0] = '\0';
    return notice;
}

static void expect_notice(const char *expected)
{
    assert_string_equal(next_notice(ANSWER_WITHIN_S * ES_US_PER_S), expected);
}

static char *read_all(const char *path)
{
    char *text = es_calloc(LARGEST_FILE, 1);
    ES_CLEANUP(es_fclose_p) FILE *file = fopen(path, "re");
    if (file != NULL) {
        assert_true(fread(text, 1, LARGEST_FILE - 1, file) < LARGEST_FILE - 1);
    }
    return text;
}

static bool file_has(const char *path, const char *text)
{
    ES_CLEANUP(es_free_p) char *content = read_all(path);
    return strstr(content, text) != NULL;
}

static void expect_in_file(const char *path, const char *text)
{
    ES_CLEANUP(es_free_p) char *content = read_all(path);
    if (strstr(content, text) == NULL) {
        fail_msg("%s does not contain \"%s\" but:\n%s", path, text, content);
    }
}

/* EVENTS stand in the log in this order. */
static void expect_events(const char *const *events, size_t count)
{
    ES_CLEANUP(es_free_p) char *content = read_all(stage.log);
    const char *at = content;
    for (size_t i = 0; i < count; i++) {
        at = strstr(at, events[i]);
        if (at == NULL) {
            fail_msg("\"%s\" is missing or too early in:\n%s", events[i], content);
            return;
        }
    }
}

static void stop_child(void)
{
    assert_int_equal(kill(stage.child, SIGTERM), 0);
}

/* --- the stories ----------------------------------------------------------------------------- */

static void a_daemon_starts_in_order_tells_it_is_ready_and_stops_in_reverse(void **state)
{
    (void)state;
    start(NULL, NULL);
    expect_notice("READY=1");
    ES_CLEANUP(es_free_p) char *ready = read_all(stage.ready);
    json_t *line = json_loads(ready, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_integer_value(json_object_get(line, "pid")), stage.child);
    assert_string_equal(json_string_value(json_object_get(line, "listen")), "127.0.0.1:4711");
    assert_null(json_object_get(line, "metrics"));
    assert_int_equal(ready[strlen(ready) - 1], '\n');
    json_decref(line);
    stop_child();
    expect_notice("STOPPING=1");
    assert_int_equal(exit_status(), ES_EXIT_OK);
    static const char *const events[] = {"daemon.starting", "first.started",   "second.started",
                                         "daemon.ready",    "daemon.stopping", "second.stopped",
                                         "first.stopped",   "daemon.stopped"};
    expect_events(events, ES_ARRAY_LEN(events));
    assert_int_not_equal(access(stage.ready, F_OK), 0);
}

static void a_ready_file_of_a_process_that_died_is_not_believed(void **state)
{
    (void)state;
    static const char *const variables[] = {"ELDERSAFE_FAULT_POINT=daemon.started", NULL};
    int fd = open(stage.ready, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "{}\n", 3), 3);
    assert_int_equal(close(fd), 0);
    start(NULL, variables);
    assert_int_equal(exit_status(), ES_EXIT_FAULT);
    assert_int_not_equal(access(stage.ready, F_OK), 0);
}

/* Ports are free before a process ends, so its successor may be ready first. */
static void a_ready_file_of_a_successor_is_left_alone(void **state)
{
    (void)state;
    start(NULL, NULL);
    expect_notice("READY=1");
    assert_int_equal(unlink(stage.ready), 0);
    int fd = open(stage.ready, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(close(fd), 0);
    stop_child();
    expect_notice("STOPPING=1");
    assert_int_equal(exit_status(), ES_EXIT_OK);
    assert_int_equal(access(stage.ready, F_OK), 0);
    assert_int_equal(unlink(stage.ready), 0);
}

static void a_step_that_fails_ends_the_process_with_its_status_and_reason(void **state)
{
    (void)state;
    script->second_step_fails_with = ES_EXIT_SCHEMA;
    start(NULL, NULL);
    expect_notice("STOPPING=1");
    assert_int_equal(exit_status(), ES_EXIT_SCHEMA);
    expect_in_file(stage.log, "\"step\":\"second\",\"error\":\"there is no second step today\"");
    expect_in_file(stage.log, "first.stopped");
    assert_false(file_has(stage.log, "second.stopped"));
    expect_in_file(stage.err, "eldersafe-test: second: there is no second step today\n");
}

static void a_stop_during_the_start_unwinds_what_was_started(void **state)
{
    (void)state;
    script->first_step_is_told_to_stop = true;
    start(NULL, NULL);
    expect_notice("STOPPING=1");
    assert_int_equal(exit_status(), ES_EXIT_OK);
    expect_in_file(stage.log, "first.stopped");
    assert_false(file_has(stage.log, "second.started"));
}

static void a_worker_can_end_the_process_and_its_first_reason_counts(void **state)
{
    (void)state;
    script->worker_gives_up = true;
    start(NULL, NULL);
    assert_int_equal(exit_status(), ES_EXIT_SCHEMA);
    expect_in_file(stage.log, "second.stopped");
}

static void every_mistake_in_the_configuration_is_told_before_anything_starts(void **state)
{
    (void)state;
    static const char *const variables[] = {"ELDERSAFE_LANES=9", "ELDERSAFE_LAINS=1",
                                            "ELDERSAFE_LOG_LEVEL=loud",
                                            "ELDERSAFE_FAULT_POINT=no.such", NULL};
    start(NULL, variables);
    assert_int_equal(exit_status(), ES_EXIT_CONFIG);
    expect_in_file(stage.err, "ELDERSAFE_LANES must be a whole number from 1 to 8; it is \"9\"\n");
    expect_in_file(stage.err, "ELDERSAFE_LAINS is not an option of this program\n");
    expect_in_file(stage.err, "ELDERSAFE_LOG_LEVEL must be one of: debug, info, warn, broken");
    expect_in_file(stage.err, "ELDERSAFE_FAULT_POINT names no fault point");
    assert_int_not_equal(access(stage.log, F_OK), 0);
}

static void a_daemons_own_check_refuses_a_configuration(void **state)
{
    (void)state;
    static const char *const variables[] = {"ELDERSAFE_LANES=7", NULL};
    static char check[] = "--check-config";
    start(check, variables);
    assert_int_equal(exit_status(), ES_EXIT_CONFIG);
    expect_in_file(stage.err, "ELDERSAFE_LANES must not be seven\n");
}

static void check_config_shows_the_configuration_without_secrets_and_starts_nothing(void **state)
{
    (void)state;
    static const char *const variables[] = {"ELDERSAFE_DATABASE=password=canary", NULL};
    static char check[] = "--check-config";
    start(check, variables);
    assert_int_equal(exit_status(), ES_EXIT_OK);
    expect_in_file(stage.out, "ELDERSAFE_LANES=2\n");
    expect_in_file(stage.out, "ELDERSAFE_LOG_LEVEL=info\n");
    assert_false(file_has(stage.out, "canary"));
    assert_int_not_equal(access(stage.log, F_OK), 0);
}

static void arguments_are_answered_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *argument;
        int status;
        const char *out;
        const char *err;
    } cases[] = {
        {"--help", ES_EXIT_OK, "ELDERSAFE_LANES", ""},
        {"--help", ES_EXIT_OK, "--once           do it once", ""},
        {"--help", ES_EXIT_OK, "ELDERSAFE_METRICS_LISTEN", ""},
        {"--version", ES_EXIT_OK, "eldersafe-test ", ""},
        {"--sample-env", ES_EXIT_OK, "#ELDERSAFE_LOG_LEVEL=info\n", ""},
        {"--fault-points", ES_EXIT_OK, "daemon.started", ""},
        {"--hlep", ES_EXIT_USAGE, "", "there is no argument \"--hlep\""},
        {"once", ES_EXIT_USAGE, "", "there is no argument \"once\""},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(cases); i++) {
        ES_CLEANUP(es_free_p) char *argument = es_strdup(cases[i].argument);
        start(argument, NULL);
        assert_int_equal(exit_status(), cases[i].status);
        expect_in_file(stage.out, cases[i].out);
        expect_in_file(stage.err, cases[i].err);
    }
}

static void a_flag_of_its_own_reaches_the_daemon(void **state)
{
    (void)state;
    static char flag[] = "--once";
    start(flag, NULL);
    expect_notice("READY=1");
    stop_child();
    assert_int_equal(exit_status(), ES_EXIT_OK);
    expect_in_file(stage.log, "\"event\":\"second.started\",\"once\":true");
}

static void a_hang_up_opens_the_log_anew(void **state)
{
    (void)state;
    start(NULL, NULL);
    expect_notice("READY=1");
    assert_int_equal(rename(stage.log, stage.old_log), 0);
    assert_int_equal(kill(stage.child, SIGHUP), 0);
    stop_child();
    assert_int_equal(exit_status(), ES_EXIT_OK);
    expect_in_file(stage.old_log, "daemon.ready");
    expect_in_file(stage.log, "daemon.log_reopened");
    expect_in_file(stage.log, "daemon.stopped");
}

static void the_watchdog_is_fed_only_while_the_workers_make_progress(void **state)
{
    (void)state;
    static const char *const variables[] = {"WATCHDOG_USEC=" WATCHDOG_USEC, NULL};
    start(NULL, variables);
    expect_notice("READY=1");
    expect_notice("WATCHDOG=1");
    expect_notice("WATCHDOG=1");
    atomic_store(&script->not_alive, true);
    while (!file_has(stage.log, "daemon.no_progress")) {
        (void)next_notice(ES_US_PER_MS);
    }
    while (strcmp(next_notice(ES_US_PER_MS), "") != 0) {
        /* what was sent before */
    }
    assert_string_equal(next_notice(SILENCE_US), "");
    atomic_store(&script->not_alive, false);
    expect_notice("WATCHDOG=1");
    stop_child();
    assert_int_equal(exit_status(), ES_EXIT_OK);
}

static void N12_a_fault_point_ends_the_process_at_once(void **state)
{
    (void)state;
    static const char *const variables[] = {"ELDERSAFE_FAULT_POINT=daemon.stopping", NULL};
    start(NULL, variables);
    expect_notice("READY=1");
    stop_child();
    assert_int_equal(exit_status(), ES_EXIT_FAULT);
    expect_in_file(stage.log, "daemon.ready");
    assert_false(file_has(stage.log, "second.stopped"));
    assert_int_equal(access(stage.ready, F_OK), 0); /* as after kill -9, nothing was tidied up */
}

static void tests_can_move_the_clock_and_make_bugs_deadly(void **state)
{
    (void)state;
    static const char *const variables[] = {"ELDERSAFE_CLOCK_OFFSET_S=864000", NULL};
    static const char *const deadly[] = {"ELDERSAFE_ABORT_ON_BUG=yes", NULL};
    int64_t before_us = es_clock_now_us();
    start(NULL, variables);
    expect_notice("READY=1");
    stop_child();
    assert_int_equal(exit_status(), ES_EXIT_OK);
    int64_t moved_us = atomic_load(&script->seen_now_us) - before_us;
    assert_true(moved_us >= 864000 * ES_US_PER_S);
    assert_true(moved_us < (864000 + ANSWER_WITHIN_S) * ES_US_PER_S);
    expect_in_file(stage.log, "daemon.test_settings");
    script->finds_a_bug = true;
    start(NULL, deadly);
    assert_int_equal(exit_status(), -SIGABRT);
}

static void a_file_that_cannot_be_written_is_named(void **state)
{
    (void)state;
    static const char *const no_log[] = {"ELDERSAFE_LOG_FILE=/nonexistent/log", NULL};
    static const char *const no_ready[] = {"ELDERSAFE_READY_FILE=/nonexistent/ready", NULL};
    start(NULL, no_log);
    assert_int_equal(exit_status(), ES_EXIT_CONFIG);
    expect_in_file(stage.err, "ELDERSAFE_LOG_FILE: /nonexistent/log: No such file");
    start(NULL, no_ready);
    assert_int_equal(exit_status(), ES_EXIT_FAILED);
    expect_in_file(stage.err, "ready file: /nonexistent/ready: No such file");
    expect_in_file(stage.log, "second.stopped");
}

#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, set_stage, clear_stage)

int main(void)
{
    (void)alarm(HANGS_AFTER_S);
    const struct CMUnitTest tests[] = {
        ON_STAGE(a_daemon_starts_in_order_tells_it_is_ready_and_stops_in_reverse),
        ON_STAGE(a_ready_file_of_a_process_that_died_is_not_believed),
        ON_STAGE(a_ready_file_of_a_successor_is_left_alone),
        ON_STAGE(a_step_that_fails_ends_the_process_with_its_status_and_reason),
        ON_STAGE(a_stop_during_the_start_unwinds_what_was_started),
        ON_STAGE(a_worker_can_end_the_process_and_its_first_reason_counts),
        ON_STAGE(every_mistake_in_the_configuration_is_told_before_anything_starts),
        ON_STAGE(a_daemons_own_check_refuses_a_configuration),
        ON_STAGE(check_config_shows_the_configuration_without_secrets_and_starts_nothing),
        ON_STAGE(arguments_are_answered_or_refused),
        ON_STAGE(a_flag_of_its_own_reaches_the_daemon),
        ON_STAGE(a_hang_up_opens_the_log_anew),
        ON_STAGE(the_watchdog_is_fed_only_while_the_workers_make_progress),
        ON_STAGE(N12_a_fault_point_ends_the_process_at_once),
        ON_STAGE(tests_can_move_the_clock_and_make_bugs_deadly),
        ON_STAGE(a_file_that_cannot_be_written_is_named),
    };
    return cmocka_run_group_tests_name("daemon", tests, NULL, NULL);
}
