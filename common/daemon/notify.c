#include "common/daemon/notify.h"

#include "common/base/mem.h"
#include "common/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_PASSED_FD 3 /* SD_LISTEN_FDS_START */
#define MOST_PASSED_FDS 64

/* Which of the passed sockets have been given out. */
static atomic_bool taken[MOST_PASSED_FDS];

/* The address of the socket named PATH, where a leading '@' stands for the abstract name space. */
static bool make_address(const char *path, struct sockaddr_un *ret_address, socklen_t *ret_length)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if ((path[0] != '/' && path[0] != '@') || length < 2 || length >= sizeof(address.sun_path)) {
        return false;
    }
    memcpy(address.sun_path, path, length + 1);
    bool abstract = path[0] == '@';
    if (abstract) {
        address.sun_path[0] = '\0';
    }
    *ret_address = address;
    *ret_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + !abstract);
    return true;
}

bool es_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address;
    socklen_t address_length = 0;
    if (path == NULL || path[0] == '\0') {
        return true;
    }
    if (!make_address(path, &address, &address_length)) {
        return false;
    }
    ES_CLEANUP(es_close_p) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    ssize_t sent = -1;
    do {
        sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
                      address_length);
    } while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)strlen(state);
}

/* The variable NAME is meant for this process: it holds its id. */
static bool is_own_pid(const char *name)
{
    const char *text = getenv(name);
    uint64_t pid = 0;
    return text != NULL && es_parse_u64(text, &pid) && pid == (uint64_t)getpid();
}

int64_t es_notify_watchdog_interval_us(void)
{
    const char *text = getenv("WATCHDOG_USEC");
    uint64_t interval_us = 0;
    if (text == NULL || !es_parse_u64(text, &interval_us) || interval_us > INT64_MAX) {
        return 0;
    }
    if (getenv("WATCHDOG_PID") != NULL && !is_own_pid("WATCHDOG_PID")) {
        return 0;
    }
    return (int64_t)(interval_us / 2);
}

static size_t passed_count(void)
{
    const char *text = getenv("LISTEN_FDS");
    uint64_t count = 0;
    if (text == NULL || !is_own_pid("LISTEN_PID") || !es_parse_u64(text, &count)) {
        return 0;
    }
    return count < MOST_PASSED_FDS ? (size_t)count : MOST_PASSED_FDS;
}

/* Entry INDEX of the colon-separated list NAMES is NAME. */
static bool entry_is(const char *names, size_t index, const char *name)
{
    for (; index > 0; index--) {
        names = strchr(names, ':');
        if (names == NULL) {
            return false;
        }
        names++;
    }
    size_t length = strcspn(names, ":");
    return length == strlen(name) && strncmp(names, name, length) == 0;
}

static bool is_listening(int fd)
{
    int listening = 0;
    socklen_t length = sizeof(listening);
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) == 0 && listening != 0;
}

int es_listen_fd_take(const char *name)
{
    const char *names = getenv("LISTEN_FDNAMES");
    size_t count = passed_count();
    for (size_t i = 0; i < count; i++) {
        int fd = FIRST_PASSED_FD + (int)i;
        bool meant = names != NULL ? entry_is(names, i, name) : i == 0;
        if (!meant || !is_listening(fd) || atomic_exchange(&taken[i], true)) {
            continue;
        }
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) {
            return fd;
        }
    }
    return -1;
}
