/* Unit tests of common/daemon/notify: the service manager's two small protocols. */
#include "common/daemon/notify.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/tests/unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_PASSED_FD 3

/* A datagram socket bound to PATH, '@' meaning the abstract name space. */
static int make_manager(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path) + 1);
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (path[0] == '@') {
        address.sun_path[0] = '\0';
    } else {
        length++;
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    return fd;
}

static void a_state_reaches_the_manager_by_path_and_by_abstract_name(void **state)
{
    (void)state;
    char folder[] = "/tmp/eldersafe-notify-XXXXXX";
    assert_non_null(mkdtemp(folder));
    ES_CLEANUP(es_buf_done) struct es_buf path = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf name = ES_BUF_INIT;
    es_buf_printf(&path, "%s/manager", folder);
    es_buf_printf(&name, "@%s", folder);
    const char *const sockets[] = {es_buf_str(&path), es_buf_str(&name)};
    for (size_t i = 0; i < ES_ARRAY_LEN(sockets); i++) {
        char got[32] = {0};
        ES_CLEANUP(es_close_p) int manager = make_manager(sockets[i]);
        assert_int_equal(setenv("NOTIFY_SOCKET", sockets[i], 1), 0);
        assert_true(es_notify("READY=1"));
        assert_int_equal(recv(manager, got, sizeof(got), MSG_DONTWAIT), strlen("READY=1"));
        assert_string_equal(got, "READY=1");
    }
    (void)unlink(es_buf_str(&path));
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
}

static void without_a_manager_nothing_is_sent_and_nothing_is_wrong(void **state)
{
    (void)state;
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    assert_true(es_notify("READY=1"));
}

static void a_manager_that_is_gone_or_misnamed_is_reported(void **state)
{
    (void)state;
    static const char *const sockets[] = {"/nonexistent/manager", "relative", "@", "/"};
    for (size_t i = 0; i < ES_ARRAY_LEN(sockets); i++) {
        assert_int_equal(setenv("NOTIFY_SOCKET", sockets[i], 1), 0);
        assert_false(es_notify("READY=1"));
    }
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
}

static void the_watchdog_is_fed_at_half_its_interval(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf pid = ES_BUF_INIT;
    es_buf_printf(&pid, "%d", getpid());
    assert_int_equal(unsetenv("WATCHDOG_PID"), 0);
    assert_int_equal(setenv("WATCHDOG_USEC", "3000000", 1), 0);
    assert_int_equal(es_notify_watchdog_interval_us(), 1500000);
    assert_int_equal(setenv("WATCHDOG_PID", es_buf_str(&pid), 1), 0);
    assert_int_equal(es_notify_watchdog_interval_us(), 1500000);
    assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0); /* meant for our parent */
    assert_int_equal(es_notify_watchdog_interval_us(), 0);
    assert_int_equal(unsetenv("WATCHDOG_PID"), 0);
    assert_int_equal(setenv("WATCHDOG_USEC", "soon", 1), 0);
    assert_int_equal(es_notify_watchdog_interval_us(), 0);
    assert_int_equal(unsetenv("WATCHDOG_USEC"), 0);
    assert_int_equal(es_notify_watchdog_interval_us(), 0);
}

/* --- socket passing: in a child, because descriptors 3 and 4 have to be ours ----------------- */

static void put_listener_at(int wanted)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, 1) != 0) {
        _exit(100);
    }
    if (fd != wanted && (dup2(fd, wanted) < 0 || close(fd) != 0)) {
        _exit(101);
    }
}

static void set(const char *name, const char *value)
{
    if ((value != NULL ? setenv(name, value, 1) : unsetenv(name)) != 0) {
        _exit(102);
    }
}

static void set_passing(const char *count, const char *names)
{
    ES_CLEANUP(es_buf_done) struct es_buf pid = ES_BUF_INIT;
    es_buf_printf(&pid, "%d", getpid());
    set("LISTEN_PID", es_buf_str(&pid));
    set("LISTEN_FDS", count);
    set("LISTEN_FDNAMES", names);
}

/* Runs CHECK in a child; its status is the number of the first expectation that failed, or 0. */
static int run_in_child(int (*check)(void))
{
    pid_t child = fork();
    if (child == 0) {
        _exit(check());
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int take_by_name(void)
{
    put_listener_at(FIRST_PASSED_FD);
    put_listener_at(FIRST_PASSED_FD + 1);
    set_passing("2", "metrics:http");
    if (es_listen_fd_take("htt") != -1 || es_listen_fd_take("https") != -1) {
        return 1;
    }
    if (es_listen_fd_take("http") != FIRST_PASSED_FD + 1) {
        return 2;
    }
    if (es_listen_fd_take("http") != -1) { /* each is given out once */
        return 3;
    }
    if (es_listen_fd_take("metrics") != FIRST_PASSED_FD) {
        return 4;
    }
    return (fcntl(FIRST_PASSED_FD, F_GETFD) & FD_CLOEXEC) != 0 ? 0 : 5;
}

static int take_without_names(void)
{
    put_listener_at(FIRST_PASSED_FD);
    set_passing("1", NULL);
    return es_listen_fd_take("http") == FIRST_PASSED_FD && es_listen_fd_take("http") == -1 ? 0 : 1;
}

static int take_what_is_meant_for_another(void)
{
    put_listener_at(FIRST_PASSED_FD);
    set_passing("1", NULL);
    set("LISTEN_PID", "1");
    return es_listen_fd_take("http") == -1 ? 0 : 1;
}

static int take_what_is_no_listener(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || dup2(fd, FIRST_PASSED_FD) < 0) {
        return 100;
    }
    set_passing("1", NULL);
    return es_listen_fd_take("http") == -1 ? 0 : 1;
}

static void passed_sockets_are_taken_once_by_name_or_the_first(void **state)
{
    (void)state;
    assert_int_equal(run_in_child(take_by_name), 0);
    assert_int_equal(run_in_child(take_without_names), 0);
}

static void other_processes_sockets_and_plain_files_are_not_taken(void **state)
{
    (void)state;
    assert_int_equal(run_in_child(take_what_is_meant_for_another), 0);
    assert_int_equal(run_in_child(take_what_is_no_listener), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_reaches_the_manager_by_path_and_by_abstract_name),
        cmocka_unit_test(without_a_manager_nothing_is_sent_and_nothing_is_wrong),
        cmocka_unit_test(a_manager_that_is_gone_or_misnamed_is_reported),
        cmocka_unit_test(the_watchdog_is_fed_at_half_its_interval),
        cmocka_unit_test(passed_sockets_are_taken_once_by_name_or_the_first),
        cmocka_unit_test(other_processes_sockets_and_plain_files_are_not_taken),
    };
    return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
