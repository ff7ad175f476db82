#include "common/tests/run.h"

#include "common/base/mem.h"
#include "common/tests/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_ARGS      32
#define DIED_OF       128
#define CANNOT_BE_RUN 127

static ES_NORETURN void become(const char *const *argv, int output)
{
    char *copies[MAX_ARGS] = {0};
    for (size_t i = 0; argv[i] != NULL && i < MAX_ARGS - 1; i++) {
        copies[i] = es_strdup(argv[i]);
    }
    if (dup2(output, STDOUT_FILENO) >= 0 && dup2(output, STDERR_FILENO) >= 0) {
        (void)execvp(copies[0], copies);
    }
    _exit(CANNOT_BE_RUN);
}

static void read_to_end(int fd, struct es_buf *output)
{
    char bytes[4096];
    ssize_t length = 0;
    while ((length = read(fd, bytes, sizeof(bytes))) > 0 || (length < 0 && errno == EINTR)) {
        es_buf_add(output, bytes, length > 0 ? (size_t)length : 0);
    }
}

int es_test_run(const char *const *argv, struct es_buf *output)
{
    int ends[2] = {-1, -1};
    int status = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        become(argv, ends[1]);
    }
    (void)close(ends[1]);
    read_to_end(ends[0], output);
    (void)close(ends[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : DIED_OF + WTERMSIG(status);
}

char *es_test_program(const char *name)
{
    char *folder = realpath("/proc/self/exe", NULL);
    assert_non_null(folder);
    for (char *slash = NULL; (slash = strrchr(folder, '/')) != NULL;) {
        *slash = '\0';
        ES_CLEANUP(es_buf_done) struct es_buf path = ES_BUF_INIT;
        es_buf_printf(&path, "%s/%s", folder, name);
        if (access(es_buf_str(&path), X_OK) == 0) {
            free(folder);
            return es_buf_steal_str(&path);
        }
    }
    free(folder);
    fail_msg("%s was not built", name);
    abort();
}
