#include "common/base/wait.h"

#include "common/base/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>

/* Milliseconds until DEADLINE_US for poll(2), rounded up so that it never spins; -1: none. */
static int poll_timeout(int64_t deadline_us)
{
    if (deadline_us == ES_NO_DEADLINE) {
        return -1;
    }
    int64_t left_us = deadline_us - es_clock_mono_us();
    if (left_us <= 0) {
        return 0;
    }
    int64_t left_ms = (left_us + ES_US_PER_MS - 1) / ES_US_PER_MS;
    return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

short es_wait_fd(int fd, short events, int64_t deadline_us)
{
    if (fd < 0) { /* poll() would pass over it and wait for nothing */
        return POLLERR;
    }
    for (;;) {
        struct pollfd waited = {.fd = fd, .events = events};
        int timeout = poll_timeout(deadline_us);
        int ready = poll(&waited, 1, timeout);
        if (ready > 0) {
            return waited.revents;
        }
        if (ready == 0 && timeout == 0) {
            return 0;
        }
        if (ready < 0 && errno != EINTR && errno != EAGAIN) {
            return POLLERR;
        }
    }
}
