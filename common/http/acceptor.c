#include "common/http/acceptor.h"

#include "common/base/mem.h"
#include "common/base/wake.h"
#include "common/http/connections.h"
#include "common/http/loop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FAILURE_PAUSE_MS 100 /* when accept() fails, say for want of descriptors */

struct es_acceptor {
    int listen_fd;
    int wake_fd; /* stop, or a place was given back while all were taken */
    struct es_connections *connections;
    struct es_loop *const *loops;
    unsigned loop_count;
    bool shared;
    pthread_t thread;
    bool running;
    atomic_bool stopping;
    atomic_bool full;
};

static void on_release(void *context)
{
    struct es_acceptor *acceptor = context;
    if (atomic_load(&acceptor->full)) {
        es_wake(acceptor->wake_fd);
    }
}

static struct es_loop *least_loaded(const struct es_acceptor *acceptor)
{
    struct es_loop *best = acceptor->loops[0];
    for (unsigned i = 1; i < acceptor->loop_count; i++) {
        if (es_loop_connections(acceptor->loops[i]) < es_loop_connections(best)) {
            best = acceptor->loops[i];
        }
    }
    return best;
}

/* What is in the kernel's queue, until it is empty, every place is taken or STOPPING is no longer
 * how it is. Yields how long to leave the listening socket alone: -1 not at all, otherwise
 * milliseconds. */
static int accept_all(struct es_acceptor *acceptor, bool stopping)
{
    while (atomic_load(&acceptor->stopping) == stopping &&
           es_connections_reserve(acceptor->connections)) {
        struct sockaddr_storage peer = {0};
        socklen_t length = sizeof(peer);
        int fd = accept4(acceptor->listen_fd, (struct sockaddr *)&peer, &length,
                         SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            int error = errno;
            es_connections_unreserve(acceptor->connections);
            if (error == EINTR || error == ECONNABORTED) {
                continue; /* that one peer is gone again */
            }
            return error == EAGAIN || error == EWOULDBLOCK ? -1 : FAILURE_PAUSE_MS;
        }
        es_loop_add(least_loaded(acceptor), fd, (const struct sockaddr *)&peer, length);
    }
    return -1;
}

/* Wait until a place is free. FULL is raised first and the places looked at again, so that one
 * given back in between is not missed. */
static bool wait_for_place(struct es_acceptor *acceptor)
{
    atomic_store(&acceptor->full, true);
    bool place = es_connections_reserve(acceptor->connections);
    if (place) {
        atomic_store(&acceptor->full, false);
        es_connections_unreserve(acceptor->connections);
    }
    return place;
}

static void *run(void *context)
{
    struct es_acceptor *acceptor = context;
    (void)pthread_setname_np(pthread_self(), "http-accept");
    while (!atomic_load(&acceptor->stopping)) {
        int pause_ms = accept_all(acceptor, false);
        bool listen = pause_ms < 0 && wait_for_place(acceptor);
        struct pollfd fds[] = {
            {.fd = acceptor->wake_fd, .events = POLLIN},
            {.fd = listen ? acceptor->listen_fd : -1, .events = POLLIN},
        };
        (void)poll(fds, 2, pause_ms);
        if (fds[0].revents != 0) {
            es_wake_heard(acceptor->wake_fd);
        }
        atomic_store(&acceptor->full, false);
    }
    return NULL;
}

struct es_acceptor *es_acceptor_new(int listen_fd, bool shared, struct es_connections *connections,
                                    struct es_loop *const *loops, unsigned loop_count,
                                    struct es_buf *error)
{
    struct es_acceptor *acceptor = ES_NEW(struct es_acceptor);
    acceptor->listen_fd = listen_fd;
    acceptor->shared = shared;
    acceptor->connections = connections;
    acceptor->loops = loops;
    acceptor->loop_count = loop_count;
    acceptor->wake_fd = es_wake_new();
    es_connections_on_release(connections, on_release, acceptor);
    acceptor->running =
        acceptor->wake_fd >= 0 && pthread_create(&acceptor->thread, NULL, run, acceptor) == 0;
    if (!acceptor->running) {
        es_buf_printf(error, "the acceptor could not be started: %s", strerror(errno));
        return es_acceptor_free(acceptor);
    }
    return acceptor;
}

void es_acceptor_stop(struct es_acceptor *acceptor)
{
    atomic_store(&acceptor->stopping, true);
    if (acceptor->running) {
        es_wake(acceptor->wake_fd);
        pthread_join(acceptor->thread, NULL);
        acceptor->running = false;
        if (!acceptor->shared) {
            (void)accept_all(acceptor,
                             true); /* closing would reset them, though they had a connection */
        }
    }
    if (acceptor->listen_fd >= 0) {
        (void)close(acceptor->listen_fd);
        acceptor->listen_fd = -1;
    }
}

struct es_acceptor *es_acceptor_free(struct es_acceptor *acceptor)
{
    if (acceptor != NULL) {
        es_acceptor_stop(acceptor);
        if (acceptor->wake_fd >= 0) {
            (void)close(acceptor->wake_fd);
        }
        free(acceptor);
    }
    return NULL;
}
