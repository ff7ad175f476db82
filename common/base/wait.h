/* Waiting for a socket or pipe, never longer than until a moment on the monotonic clock. */
#pragma once

#include <stdint.h>

#define ES_NO_DEADLINE INT64_MAX

/* Wait until FD can do one of EVENTS (poll(2)), at most until DEADLINE_US (es_clock_mono_us(), or
 * ES_NO_DEADLINE). What it can do; 0: the deadline has passed. Goes on when a signal interrupts it.
 * A descriptor that cannot be waited for, one below 0 included, yields POLLERR. */
short es_wait_fd(int fd, short events, int64_t deadline_us);
