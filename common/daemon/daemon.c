#include "common/daemon/daemon.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/base/text.h"
#include "common/base/version.h"
#include "common/daemon/fault.h"
#include "common/daemon/notify.h"
#include "common/daemon/ready-file.h"
#include "common/observe/log.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECONDS_PER_DAY 86400
#define FARTHEST_DAYS   36500 /* the clock can be moved a hundred years */
#define LONG_WAIT_US    (3600 * ES_US_PER_S)
#define NS_PER_US       1000

/* Options of every daemon. */
struct common_options {
    const char *ready_file;
    const char *log_file;
    const char *fault_point;
    int64_t clock_offset_s;
    int log_level;
    bool abort_on_bug;
    struct es_daemon_settings settings;
};

static const char *const log_levels[] = {"debug", "info", "warn", "broken", NULL};

static const struct es_config_option common_table[] = {
    {.name = "READY_FILE",
     .type = ES_CONFIG_TEXT,
     .fallback = "",
     .help = "File that is written when the process is ready: its id and addresses as JSON",
     .offset = offsetof(struct common_options, ready_file)},
    {.name = "LOG_LEVEL",
     .type = ES_CONFIG_CHOICE,
     .fallback = "info",
     .choices = log_levels,
     .help = "Lowest level that is logged",
     .offset = offsetof(struct common_options, log_level)},
    {.name = "LOG_FILE",
     .type = ES_CONFIG_TEXT,
     .fallback = "",
     .help = "File the log is appended to; SIGHUP opens it anew. Unset: standard error",
     .offset = offsetof(struct common_options, log_file)},
    {.name = "METRICS_LISTEN",
     .type = ES_CONFIG_ADDRESS,
     .fallback = "",
     .help = "Loopback address that serves /metrics and /health. Unset: none",
     .offset = offsetof(struct common_options, settings.metrics_listen)},
    {.name = "FAULT_POINT",
     .type = ES_CONFIG_TEXT,
     .fallback = "",
     .help = "Tests: end the process at this point (name or name:passage); see --fault-points",
     .offset = offsetof(struct common_options, fault_point)},
    {.name = "CLOCK_OFFSET_S",
     .type = ES_CONFIG_INT,
     .unit = "s",
     .fallback = "0",
     .min = -(int64_t)FARTHEST_DAYS * SECONDS_PER_DAY,
     .max = (int64_t)FARTHEST_DAYS * SECONDS_PER_DAY,
     .help = "Tests: move the wall clock by this much",
     .offset = offsetof(struct common_options, clock_offset_s)},
    {.name = "ABORT_ON_BUG",
     .type = ES_CONFIG_BOOL,
     .fallback = "no",
     .help = "Tests: end the process by abort when it finds a bug of its own",
     .offset = offsetof(struct common_options, abort_on_bug)},
};

/* The process: its common options, and whether and how it is to end. */
static struct common_options common;
static atomic_bool stop_asked;
static atomic_int stop_status;

const struct es_daemon_settings *es_daemon_settings(void)
{
    return &common.settings;
}

bool es_daemon_stopping(void)
{
    return atomic_load(&stop_asked);
}

void es_daemon_announce(const char *key, const char *value)
{
    es_ready_file_announce(key, value);
}

void es_daemon_request_stop(enum es_exit status)
{
    int none = ES_EXIT_OK;
    (void)atomic_compare_exchange_strong(&stop_status, &none, (int)status);
    /* The signal is blocked everywhere: it waits until the main thread takes it. */
    (void)kill(getpid(), SIGTERM);
}

/* --- arguments ------------------------------------------------------------------------------- */

static void print_help(const struct es_daemon *daemon)
{
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    es_buf_printf(&text,
                  "%s: %s\n\n"
                  "  --help           this text\n"
                  "  --version        the version\n"
                  "  --check-config   check the configuration, show it without secrets, and end\n"
                  "  --sample-env     an environment file with every option\n"
                  "  --fault-points   the points at which tests can end this process\n",
                  daemon->name, daemon->summary);
    for (size_t i = 0; i < daemon->flag_count; i++) {
        es_buf_printf(&text, "  %-16s %s\n", daemon->flags[i].name, daemon->flags[i].help);
    }
    es_buf_add_str(&text, "\nEnvironment:\n");
    es_config_describe(daemon->options, daemon->option_count, &text);
    es_config_describe(common_table, ES_ARRAY_LEN(common_table), &text);
    es_buf_printf(
        &text,
        "\nExit status: %d stopped as asked; %d failed, start again; %d wrong arguments;\n"
        "%d wrong configuration or key; %d other database schema; %d fault point.\n",
        ES_EXIT_OK, ES_EXIT_FAILED, ES_EXIT_USAGE, ES_EXIT_CONFIG, ES_EXIT_SCHEMA, ES_EXIT_FAULT);
    (void)fputs(es_buf_str(&text), stdout);
}

static void print_version(const struct es_daemon *daemon)
{
    (void)printf("%s %s\n", daemon->name, ES_VERSION);
}

static void print_sample(const struct es_daemon *daemon)
{
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    es_config_sample(daemon->options, daemon->option_count, &text);
    es_config_sample(common_table, ES_ARRAY_LEN(common_table), &text);
    (void)fputs(es_buf_str(&text), stdout);
}

static void print_fault_points(const struct es_daemon *daemon)
{
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    es_fault_describe(daemon->name, &text);
    (void)fputs(es_buf_str(&text), stdout);
}

static void print_config(const struct es_daemon *daemon)
{
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    es_config_show(daemon->options, daemon->option_count, daemon->config, &text);
    es_config_show(common_table, ES_ARRAY_LEN(common_table), &common, &text);
    (void)fputs(es_buf_str(&text), stdout);
}

/* Arguments that print something and end the process. */
static const struct request {
    const char *name;
    void (*print)(const struct es_daemon *daemon);
    bool needs_config;
} requests[] = {
    {"--help", print_help, false},          {"--version", print_version, false},
    {"--sample-env", print_sample, false},  {"--fault-points", print_fault_points, false},
    {"--check-config", print_config, true},
};

static bool set_flag(const struct es_daemon *daemon, const char *argument)
{
    for (size_t i = 0; i < daemon->flag_count; i++) {
        if (strcmp(daemon->flags[i].name, argument) == 0) {
            *daemon->flags[i].target = true;
            return true;
        }
    }
    return false;
}

/* *RET_REQUEST is the request among the arguments, or NULL to run. */
static bool read_arguments(const struct es_daemon *daemon, int argc, char **argv,
                           const struct request **ret_request)
{
    const struct request *found = NULL;
    for (int a = 1; a < argc; a++) {
        bool known = set_flag(daemon, argv[a]);
        for (size_t i = 0; i < ES_ARRAY_LEN(requests); i++) {
            if (strcmp(requests[i].name, argv[a]) == 0) {
                found = &requests[i];
                known = true;
            }
        }
        if (!known) {
            (void)fprintf(stderr, "%s: there is no argument \"%s\" (--help lists them)\n",
                          daemon->name, argv[a]);
            return false;
        }
    }
    *ret_request = found;
    return true;
}

/* --- configuration --------------------------------------------------------------------------- */

static bool load_config(const struct es_daemon *daemon)
{
    ES_CLEANUP(es_buf_done) struct es_buf errors = ES_BUF_INIT;
    const struct es_config_section sections[] = {
        {daemon->options, daemon->option_count, daemon->config},
        {common_table, ES_ARRAY_LEN(common_table), &common},
    };
    bool valid = es_config_load_sections(sections, ES_ARRAY_LEN(sections), environ, &errors);
    if (valid && daemon->check_config != NULL) {
        valid = daemon->check_config(daemon->config, &errors);
    }
    if (!es_fault_arm(common.fault_point)) {
        es_buf_add_str(&errors, "ELDERSAFE_FAULT_POINT names no fault point (--fault-points lists "
                                "them)\n");
        valid = false;
    }
    if (!valid) {
        (void)fprintf(stderr, "%s: the configuration is not valid:\n%s", daemon->name,
                      es_buf_str(&errors));
    }
    return valid;
}

static bool open_log(const struct es_daemon *daemon)
{
    return es_log_open(daemon->name, (enum es_log_level)common.log_level, common.log_file);
}

/* --- signals --------------------------------------------------------------------------------- */

static sigset_t our_signals(void)
{
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    return signals;
}

static void claim_signals(void)
{
    sigset_t signals = our_signals();
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

/* Wait at most WAIT_US for a signal and act on it. */
static void take_signal(const struct es_daemon *daemon, int64_t wait_us)
{
    sigset_t signals = our_signals();
    struct timespec wait = {
        .tv_sec = (time_t)(wait_us / ES_US_PER_S),
        .tv_nsec = (long)(wait_us % ES_US_PER_S) * NS_PER_US,
    };
    int taken = sigtimedwait(&signals, NULL, &wait);
    if (taken == SIGHUP && !open_log(daemon)) {
        es_log(ES_LOG_WARN, "daemon.log_not_reopened", es_f_text("error", strerror(errno)));
    } else if (taken == SIGHUP) {
        es_log_plain(ES_LOG_INFO, "daemon.log_reopened");
    } else if (taken == SIGTERM || taken == SIGINT) {
        es_log(ES_LOG_INFO, "daemon.stopping", es_f_text("signal", sigabbrev_np(taken)),
               es_f_int("status", atomic_load(&stop_status)));
        atomic_store(&stop_asked, true);
    }
}

/* --- life ------------------------------------------------------------------------------------ */

/* Feed the watchdog while the workers make progress; say so once when they stop doing so. */
static void feed_watchdog(const struct es_daemon *daemon, void *app, bool *was_alive)
{
    bool alive = daemon->alive == NULL || daemon->alive(app);
    if (alive) {
        (void)es_notify("WATCHDOG=1");
    } else if (*was_alive) {
        es_log_plain(ES_LOG_WARN, "daemon.no_progress");
    }
    *was_alive = alive;
}

static void wait_for_stop(const struct es_daemon *daemon, void *app)
{
    int64_t interval_us = es_notify_watchdog_interval_us();
    int64_t feed_at_us = es_clock_mono_us();
    bool was_alive = true;
    while (!es_daemon_stopping()) {
        int64_t now_us = es_clock_mono_us();
        if (interval_us > 0 && now_us >= feed_at_us) {
            feed_watchdog(daemon, app, &was_alive);
            feed_at_us = now_us + interval_us;
        }
        take_signal(daemon, interval_us > 0 ? feed_at_us - now_us : LONG_WAIT_US);
    }
}

/* Say why the process cannot start, also to whoever started it by hand and looks at the screen. */
static void report_failure(const struct es_daemon *daemon, const char *step, struct es_buf *error,
                           enum es_exit status)
{
    es_buf_add_str(error, ""); /* so that there is a text to trim */
    const char *why = es_trim((char *)error->data);
    es_log(ES_LOG_WARN, "daemon.start_failed", es_f_text("step", step), es_f_text("error", why),
           es_f_int("status", status));
    if (common.log_file != NULL) {
        (void)fprintf(stderr, "%s: %s: %s\n", daemon->name, step, why);
    }
    atomic_store(&stop_status, (int)status);
    atomic_store(&stop_asked, true);
}

/* Start the steps in order, as far as they can be started and nobody asks to stop. Returns how many
 * were started. */
static size_t start_steps(const struct es_daemon *daemon, void *app)
{
    for (size_t i = 0; i < daemon->step_count; i++) {
        ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
        enum es_exit status = daemon->steps[i].start(app, &error);
        if (status != ES_EXIT_OK) {
            report_failure(daemon, daemon->steps[i].name, &error, status);
            return i;
        }
        take_signal(daemon, 0);
        if (es_daemon_stopping()) {
            return i + 1;
        }
    }
    return daemon->step_count;
}

static void stop_steps(const struct es_daemon *daemon, void *app, size_t started)
{
    while (started > 0) {
        started--;
        if (daemon->steps[started].stop != NULL) {
            daemon->steps[started].stop(app);
        }
    }
}

/* Everything runs: tell whoever waits for it. */
static void report_ready(const struct es_daemon *daemon, int64_t began_us)
{
    es_fault_point("daemon.started");
    if (common.ready_file != NULL && !es_ready_file_write(common.ready_file)) {
        ES_CLEANUP(es_buf_done) struct es_buf error = ES_BUF_INIT;
        es_buf_printf(&error, "%s: %s", common.ready_file, strerror(errno));
        report_failure(daemon, "ready file", &error, ES_EXIT_FAILED);
        return;
    }
    if (!es_notify("READY=1")) {
        es_log(ES_LOG_WARN, "daemon.not_notified", es_f_text("error", strerror(errno)));
    }
    es_log(ES_LOG_INFO, "daemon.ready", es_f_text("listen", es_ready_file_value("listen")),
           es_f_text("metrics", es_ready_file_value("metrics")),
           es_f_ms("ms", es_clock_mono_us() - began_us));
}

/* What a production process must not have, an operator must see. */
static void apply_test_settings(void)
{
    es_clock_set_offset_us(common.clock_offset_s * ES_US_PER_S);
    es_bug_set_abort(common.abort_on_bug);
    if (common.clock_offset_s != 0 || common.fault_point != NULL) {
        es_log(ES_LOG_WARN, "daemon.test_settings",
               es_f_int("clock_offset_s", common.clock_offset_s),
               es_f_text("fault_point", common.fault_point));
    }
}

static int run(const struct es_daemon *daemon, void *app)
{
    int64_t began_us = es_clock_mono_us();
    claim_signals();
    if (!open_log(daemon)) {
        (void)fprintf(stderr, "%s: ELDERSAFE_LOG_FILE: %s: %s\n", daemon->name, common.log_file,
                      strerror(errno));
        return ES_EXIT_CONFIG;
    }
    es_log(ES_LOG_INFO, "daemon.starting", es_f_text("version", ES_VERSION),
           es_f_int("pid", getpid()));
    apply_test_settings();
    es_ready_file_clear(common.ready_file);
    size_t started = start_steps(daemon, app);
    if (!es_daemon_stopping()) {
        report_ready(daemon, began_us);
        wait_for_stop(daemon, app);
    }
    int64_t stop_us = es_clock_mono_us();
    es_fault_point("daemon.stopping");
    (void)es_notify("STOPPING=1");
    es_ready_file_withdraw(common.ready_file);
    stop_steps(daemon, app, started);
    int status = atomic_load(&stop_status);
    es_log(ES_LOG_INFO, "daemon.stopped", es_f_int("status", status),
           es_f_ms("ms", es_clock_mono_us() - stop_us));
    es_log_close();
    return status;
}

int es_daemon_main(const struct es_daemon *daemon, void *app, int argc, char **argv)
{
    const struct request *request = NULL;
    if (!read_arguments(daemon, argc, argv, &request)) {
        return ES_EXIT_USAGE;
    }
    if (request != NULL && !request->needs_config) {
        request->print(daemon);
        return ES_EXIT_OK;
    }
    es_random_init();
    if (!load_config(daemon)) {
        return ES_EXIT_CONFIG;
    }
    if (request != NULL) {
        request->print(daemon);
        return ES_EXIT_OK;
    }
    return run(daemon, app);
}
