/*
 * The service manager's protocol (sd_notify(3)) and socket passing (sd_listen_fds(3)): two small
 * text protocols, spoken here directly so that no process links libsystemd.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/* Send STATE ("READY=1") to $NOTIFY_SOCKET. True when sent or when there is no such socket. */
bool es_notify(const char *state);

/* Half the watchdog's interval in microseconds, or 0 when there is none for this process. */
int64_t es_notify_watchdog_interval_us(void);

/* The listening socket handed over under NAME (LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES; without
 * names the first one), or -1. Each is given out once, close-on-exec. */
int es_listen_fd_take(const char *name);
