/*
 * The life of a daemon: arguments, configuration, ordered start, ready, signals, ordered stop.
 *
 * A process declares its option table and its list of steps; es_daemon_main() does the rest, the
 * same way for all of them. Steps are started in order and stopped in reverse; when step k fails,
 * steps k-1..0 are stopped and the process ends with the exit code that step gave.
 *
 *     --help  --version  --check-config  --sample-env  --fault-points  and the daemon's own flags
 *
 * Signals are blocked in every thread and taken by the main thread: SIGTERM and SIGINT stop,
 * SIGHUP reopens the log; SIGPIPE is ignored. With systemd (NOTIFY_SOCKET) READY=1, STOPPING=1 and
 * WATCHDOG=1 are sent; the watchdog is fed only while alive() holds. With ELDERSAFE_READY_FILE set,
 * that file is written (atomically) when the last step has started: one line of JSON with pid and
 * the addresses given to es_daemon_announce(). It is removed before the first step and after the
 * last stop, so that it never speaks of a process that is not there.
 *
 * Mistakes in arguments and configuration are told in plain text on standard error, all of them at
 * once; everything after that goes to the log.
 */
#pragma once

#include "common/base/compiler.h"
#include "common/daemon/config.h"

#include <stdbool.h>
#include <stddef.h>

/* What the exit status means; the unit files act on it. */
enum es_exit {
    ES_EXIT_OK = 0,
    ES_EXIT_FAILED = 1,  /* transient: restart */
    ES_EXIT_USAGE = 64,  /* wrong arguments */
    ES_EXIT_CONFIG = 78, /* configuration or key file wrong: do not restart */
    ES_EXIT_SCHEMA = 79, /* database schema is of another version: do not restart */
    ES_EXIT_FAULT = 86,  /* a fault point was told to end the process (tests) */
};

struct es_daemon_step {
    const char *name;
    /* ES_EXIT_OK, or the status to end with; it has then appended one line to ERROR (with or
     * without its line end). */
    enum es_exit (*start)(void *app, struct es_buf *error);
    void (*stop)(void *app); /* may be NULL; called only when start succeeded */
};

/* An argument of a daemon's own: "--once". */
struct es_daemon_flag {
    const char *name;
    const char *help;
    bool *target; /* set to true when it is given */
};

struct es_daemon {
    const char *name; /* "eldersafe-core" */
    const char *summary;
    const struct es_config_option *options;
    size_t option_count;
    void *config; /* filled from OPTIONS before the first step */
    const struct es_daemon_step *steps;
    size_t step_count;
    bool (*alive)(void *app); /* proves that the workers make progress; NULL: always */
    /* Optional cross-checks after loading; false and a line in ERRORS refuse the configuration. */
    bool (*check_config)(const void *config, struct es_buf *errors);
    const struct es_daemon_flag *flags; /* may be NULL */
    size_t flag_count;
};

/* main() of every daemon. Call before any thread exists; returns the exit status. */
int es_daemon_main(const struct es_daemon *daemon, void *app, int argc, char **argv);

/* From any thread, once steps are being started: ask the main thread to stop with STATUS (a worker
 * that cannot go on, or that is done). Of several requests the first one that is not ES_EXIT_OK
 * decides. */
void es_daemon_request_stop(enum es_exit status);
bool es_daemon_stopping(void);

/* Add "KEY":"VALUE" to the ready file ("listen", "metrics"). Call from a step's start. KEY is kept,
 * VALUE copied. */
void es_daemon_announce(const char *key, const char *value);

/* Options every daemon has (READY_FILE, LOG_LEVEL, LOG_FILE, METRICS_LISTEN, FAULT_POINT,
 * CLOCK_OFFSET_S, ABORT_ON_BUG): es_daemon_main() reads them itself. */
struct es_daemon_settings {
    const char *metrics_listen; /* address or NULL */
};
const struct es_daemon_settings *es_daemon_settings(void);
