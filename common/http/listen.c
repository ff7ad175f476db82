#include "common/http/listen.h"

#include "common/base/mem.h"
#include "common/base/text.h"
#include "common/daemon/notify.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX_PREFIX "unix:"

static int fail(struct es_buf *error, const char *address, const char *reason)
{
    es_buf_printf(error, "cannot listen on %s: %s", address, reason);
    return -1;
}

/* Whether somebody answers on the socket at ADDRESS. */
static bool is_alive(const struct sockaddr_un *address)
{
    ES_CLEANUP(es_close_p) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0;
}

static void remove_dead_socket(const char *path)
{
    struct stat facts;
    if (lstat(path, &facts) == 0 && S_ISSOCK(facts.st_mode)) {
        (void)unlink(path); /* bind() will say why it cannot */
    }
}

static int listen_unix(const char *address, struct es_buf *error)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (!es_copy_str(name.sun_path, sizeof(name.sun_path), address + strlen(UNIX_PREFIX))) {
        return fail(error, address, "the path is too long");
    }
    if (is_alive(&name)) {
        return fail(error, address, "another process listens there");
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    remove_dead_socket(name.sun_path);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&name, sizeof(name)) != 0 ||
        listen(fd, SOMAXCONN) != 0) {
        (void)fail(error, address, strerror(errno));
        es_close_p(&fd);
        return -1;
    }
    return fd;
}

static void free_addresses(struct addrinfo **list)
{
    if (*list != NULL) {
        freeaddrinfo(*list);
    }
}

static int listen_inet(const char *address, const char *host, const char *port,
                       struct es_buf *error)
{
    ES_CLEANUP(free_addresses) struct addrinfo *found = NULL;
    struct addrinfo hints = {
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
        .ai_socktype = SOCK_STREAM,
    };
    int result = getaddrinfo(host, port, &hints, &found);
    if (result != 0) {
        return fail(error, address, gai_strerror(result));
    }
    const int on = 1;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
        (void)fail(error, address, strerror(errno));
        es_close_p(&fd);
        return -1;
    }
    return fd;
}

/* "host:port" or "[v6]:port" */
static int listen_tcp(const char *address, struct es_buf *error)
{
    ES_CLEANUP(es_free_p) char *copy = es_strdup(address);
    char *colon = strrchr(copy, ':');
    char *host = copy;
    uint64_t port = 0;
    if (colon == NULL) {
        return fail(error, address, "there is no port");
    }
    *colon = '\0';
    if (!es_parse_u64(colon + 1, &port) || port > UINT16_MAX) {
        return fail(error, address, "the port is not a number up to 65535");
    }
    if (host[0] == '[') {
        if (colon[-1] != ']') {
            return fail(error, address, "the bracket is not closed");
        }
        colon[-1] = '\0';
        host++;
    }
    if (host[0] == '\0') {
        return fail(error, address, "there is no host");
    }
    return listen_inet(address, host, colon + 1, error);
}

/* A socket handed over may be shared with the process before us: without O_NONBLOCK the slower of
 * the two would hang in accept(). */
static int take_passed(const char *name)
{
    int fd = es_listen_fd_take(name);
    if (fd >= 0 && fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

int es_listen(const char *address, const char *name, bool *ret_made, struct es_buf *error)
{
    int fd = name != NULL ? take_passed(name) : -1;
    *ret_made = fd < 0;
    if (fd >= 0) {
        return fd;
    }
    if (address == NULL) {
        es_buf_add_str(error, "no socket was handed over and no address is given");
        return -1;
    }
    return es_starts_with(address, UNIX_PREFIX) ? listen_unix(address, error)
                                                : listen_tcp(address, error);
}

void es_listen_describe(int fd, struct es_buf *out)
{
    struct sockaddr_storage name = {0};
    socklen_t length = sizeof(name);
    char text[INET6_ADDRSTRLEN] = "";
    if (getsockname(fd, (struct sockaddr *)&name, &length) != 0) {
        return;
    }
    if (name.ss_family == AF_INET) {
        struct sockaddr_in four;
        memcpy(&four, &name, sizeof(four));
        (void)inet_ntop(AF_INET, &four.sin_addr, text, sizeof(text));
        es_buf_printf(out, "%s:%u", text, ntohs(four.sin_port));
    } else if (name.ss_family == AF_INET6) {
        struct sockaddr_in6 six;
        memcpy(&six, &name, sizeof(six));
        (void)inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof(text));
        es_buf_printf(out, "[%s]:%u", text, ntohs(six.sin6_port));
    } else {
        struct sockaddr_un local;
        memcpy(&local, &name, sizeof(local));
        es_buf_printf(out, UNIX_PREFIX "%s", local.sun_path);
    }
}
