/*
 * Metrics from one table, in Prometheus text format 0.0.4.
 *
 * Each process declares its metrics once as a static array (an enum indexes it), so the list of
 * all metrics is one screen of code. Counters and gauges are 64-bit atomics; histograms have fixed
 * upper bounds. Count after commit, never before. Safe from any thread.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stddef.h>
#include <stdint.h>

enum es_metric_type { ES_METRIC_COUNTER, ES_METRIC_GAUGE, ES_METRIC_HISTOGRAM };

struct es_metric {
    const char *name; /* without the "eldersafe_" prefix; counters end in _total */
    enum es_metric_type type;
    const char *help;
    const char *labels;   /* `code="200"` or NULL; lines that share a name stand together */
    const double *bounds; /* histogram: ascending upper bounds, +Inf is implied */
    size_t bound_count;
};

struct es_metrics;

/* TABLE must outlive the result. An index outside of it, or a call that does not fit the metric's
 * type, ends the process: both are mistakes in the caller's table. */
struct es_metrics *es_metrics_new(const struct es_metric *table, size_t count) ES_MUST_CHECK;
struct es_metrics *es_metrics_free(struct es_metrics *metrics);

void es_metric_add(struct es_metrics *metrics, size_t index, int64_t amount);
void es_metric_set(struct es_metrics *metrics, size_t index, int64_t value);
void es_metric_observe(struct es_metrics *metrics, size_t index, double value); /* not NaN */
/* The number; of a histogram, how many observations it has. */
int64_t es_metric_value(const struct es_metrics *metrics, size_t index);

/* Append every metric of the table, then process metrics (resident memory, open files, CPU and
 * start time, broken and lost log lines, build information). */
void es_metrics_render(const struct es_metrics *metrics, struct es_buf *out);

#define ES_METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
