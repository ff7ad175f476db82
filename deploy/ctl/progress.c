#include "deploy/ctl/progress.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BAR_WIDTH     30
#define TERMINAL_STEP (ES_US_PER_S / 10)
#define PLAIN_STEP    (5 * ES_US_PER_S)
#define CLEAR_LINE    "\r\x1b[K"
#define PERCENT       100

struct es_progress {
    const char *what;
    uint64_t total;
    bool terminal;
    bool drawn;
    int64_t started_us;
    int64_t next_us;
};

struct es_progress *es_progress_start(const char *what, uint64_t total)
{
    struct es_progress *progress = ES_NEW(struct es_progress);
    progress->what = what;
    progress->total = total;
    progress->terminal = isatty(STDERR_FILENO) == 1;
    progress->started_us = es_clock_mono_us();
    progress->next_us = progress->started_us + (progress->terminal ? TERMINAL_STEP : PLAIN_STEP);
    return progress;
}

int64_t es_progress_took_us(const struct es_progress *progress)
{
    return es_clock_mono_us() - progress->started_us;
}

static void add_bar(struct es_buf *line, uint64_t steps, uint64_t total)
{
    uint64_t full = steps * BAR_WIDTH / total;
    es_buf_add_byte(line, '[');
    for (uint64_t i = 0; i < BAR_WIDTH; i++) {
        es_buf_add_byte(line, i < full ? '#' : '.');
    }
    es_buf_add_str(line, "] ");
}

/* "1:02:03" or "2:03". */
static void add_duration(struct es_buf *line, uint64_t seconds)
{
    if (seconds >= 3600) {
        es_buf_printf(line, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, seconds / 3600,
                      seconds / 60 % 60, seconds % 60);
    } else {
        es_buf_printf(line, "%" PRIu64 ":%02" PRIu64, seconds / 60, seconds % 60);
    }
}

static void describe(const struct es_progress *progress, uint64_t steps, uint64_t count,
                     struct es_buf *line)
{
    uint64_t took_us = (uint64_t)es_progress_took_us(progress) + 1;
    if (progress->total > 0) {
        uint64_t done = steps < progress->total ? steps : progress->total;
        if (progress->terminal) {
            add_bar(line, done, progress->total);
        }
        es_buf_printf(line, "%" PRIu64 "%%  ", done * PERCENT / progress->total);
    }
    double rate = (double)count * (double)ES_US_PER_S / (double)took_us;
    es_buf_printf(line, "%" PRIu64 " %s, %.0f/s", count, progress->what, rate);
    if (progress->total > 0 && steps > 0 && steps < progress->total) {
        double left_us = (double)took_us * (double)(progress->total - steps) / (double)steps;
        es_buf_add_str(line, ", ");
        add_duration(line, (uint64_t)(left_us / (double)ES_US_PER_S));
        es_buf_add_str(line, " left");
    }
}

void es_progress_show(struct es_progress *progress, uint64_t steps, uint64_t count)
{
    int64_t now_us = es_clock_mono_us();
    if (now_us < progress->next_us) {
        return;
    }
    ES_CLEANUP(es_buf_done) struct es_buf line = ES_BUF_INIT;
    describe(progress, steps, count, &line);
    if (progress->terminal) {
        (void)fprintf(stderr, CLEAR_LINE "%s", es_buf_str(&line));
    } else {
        (void)fprintf(stderr, "%s\n", es_buf_str(&line));
    }
    (void)fflush(stderr);
    progress->drawn = progress->terminal;
    progress->next_us = now_us + (progress->terminal ? TERMINAL_STEP : PLAIN_STEP);
}

struct es_progress *es_progress_end(struct es_progress *progress)
{
    if (progress != NULL && progress->drawn) {
        (void)fputs(CLEAR_LINE, stderr);
    }
    free(progress);
    return NULL;
}

void es_progress_end_p(struct es_progress **progress)
{
    *progress = es_progress_end(*progress);
}
