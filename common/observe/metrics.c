#include "common/observe/metrics.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/observe/process.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX         "eldersafe_"
#define LONGEST_DOUBLE 32
#define FEWEST_DIGITS  6
#define ENOUGH_DIGITS  17 /* to get every double back exactly */

/* One row of the table: a number, or for a histogram one count per bucket (not cumulative; the last
 * is for what is above all bounds) and the bits of the sum. */
struct cell {
    atomic_llong value;
    atomic_ullong *buckets;
    atomic_ullong sum_bits;
};

struct es_metrics {
    const struct es_metric *table;
    size_t count;
    int64_t started_us;
    struct cell cells[];
};

static const char *const type_names[] = {
    [ES_METRIC_COUNTER] = "counter",
    [ES_METRIC_GAUGE] = "gauge",
    [ES_METRIC_HISTOGRAM] = "histogram",
};

struct es_metrics *es_metrics_new(const struct es_metric *table, size_t count)
{
    struct es_metrics *metrics = es_calloc(1, sizeof(*metrics) + count * sizeof(metrics->cells[0]));
    metrics->table = table;
    metrics->count = count;
    metrics->started_us = es_clock_now_us();
    for (size_t i = 0; i < count; i++) {
        if (table[i].type == ES_METRIC_HISTOGRAM) {
            metrics->cells[i].buckets =
                es_calloc(table[i].bound_count + 1, sizeof(*metrics->cells[i].buckets));
        }
    }
    return metrics;
}

struct es_metrics *es_metrics_free(struct es_metrics *metrics)
{
    if (metrics != NULL) {
        for (size_t i = 0; i < metrics->count; i++) {
            free(metrics->cells[i].buckets);
        }
        free(metrics);
    }
    return NULL;
}

/* The cell of row INDEX. An index outside the table would write into somebody else's memory. */
static struct cell *cell_at(struct es_metrics *metrics, size_t index, bool histogram)
{
    if (index >= metrics->count || (metrics->cells[index].buckets != NULL) != histogram) {
        abort();
    }
    return &metrics->cells[index];
}

void es_metric_add(struct es_metrics *metrics, size_t index, int64_t amount)
{
    atomic_fetch_add_explicit(&cell_at(metrics, index, false)->value, amount, memory_order_relaxed);
}

void es_metric_set(struct es_metrics *metrics, size_t index, int64_t value)
{
    atomic_store_explicit(&cell_at(metrics, index, false)->value, value, memory_order_relaxed);
}

static double double_of(unsigned long long bits)
{
    double value = 0;
    _Static_assert(sizeof(value) == sizeof(bits), "a double fits its bits");
    memcpy(&value, &bits, sizeof(value));
    return value;
}

static void add_to_sum(atomic_ullong *sum_bits, double value)
{
    unsigned long long before = atomic_load_explicit(sum_bits, memory_order_relaxed);
    unsigned long long after = 0;
    do {
        double sum = double_of(before) + value;
        memcpy(&after, &sum, sizeof(after));
    } while (!atomic_compare_exchange_weak_explicit(sum_bits, &before, after, memory_order_relaxed,
                                                    memory_order_relaxed));
}

void es_metric_observe(struct es_metrics *metrics, size_t index, double value)
{
    struct cell *cell = cell_at(metrics, index, true);
    const struct es_metric *metric = &metrics->table[index];
    size_t bucket = 0;
    if (isnan(value)) {
        return; /* would spoil the sum for good */
    }
    while (bucket < metric->bound_count && value > metric->bounds[bucket]) {
        bucket++;
    }
    atomic_fetch_add_explicit(&cell->buckets[bucket], 1, memory_order_relaxed);
    add_to_sum(&cell->sum_bits, value);
}

int64_t es_metric_value(const struct es_metrics *metrics, size_t index)
{
    if (index >= metrics->count) {
        abort();
    }
    const struct cell *cell = &metrics->cells[index];
    if (cell->buckets == NULL) {
        return atomic_load_explicit(&cell->value, memory_order_relaxed);
    }
    unsigned long long observations = 0;
    for (size_t i = 0; i <= metrics->table[index].bound_count; i++) {
        observations += atomic_load_explicit(&cell->buckets[i], memory_order_relaxed);
    }
    return (int64_t)observations;
}

/* The shortest decimal text that yields the same number again: 0.1, not 0.10000000000000001. */
static void format_double(double value, char ret_text[LONGEST_DOUBLE])
{
    if (isinf(value)) {
        (void)snprintf(ret_text, LONGEST_DOUBLE, "%s", value > 0 ? "+Inf" : "-Inf");
        return;
    }
    for (int digits = FEWEST_DIGITS; digits <= ENOUGH_DIGITS; digits++) {
        (void)snprintf(ret_text, LONGEST_DOUBLE, "%.*g", digits, value);
        if (strtod(ret_text, NULL) == value) {
            return;
        }
    }
}

static void render_head(const struct es_metric *metric, struct es_buf *out)
{
    es_buf_printf(out, "# HELP " PREFIX "%s ", metric->name);
    for (const char *c = metric->help; *c != '\0'; c++) {
        if (*c == '\\' || *c == '\n') {
            es_buf_add_str(out, *c == '\\' ? "\\\\" : "\\n");
        } else {
            es_buf_add_byte(out, (unsigned char)*c);
        }
    }
    es_buf_printf(out, "\n# TYPE " PREFIX "%s %s\n", metric->name, type_names[metric->type]);
}

static void render_number(const struct es_metric *metric, const struct cell *cell,
                          struct es_buf *out)
{
    bool labelled = metric->labels != NULL;
    es_buf_printf(out, PREFIX "%s%s%s%s %lld\n", metric->name, labelled ? "{" : "",
                  labelled ? metric->labels : "", labelled ? "}" : "",
                  atomic_load_explicit(&cell->value, memory_order_relaxed));
}

static void render_histogram(const struct es_metric *metric, const struct cell *cell,
                             struct es_buf *out)
{
    char text[LONGEST_DOUBLE];
    bool labelled = metric->labels != NULL;
    const char *labels = labelled ? metric->labels : "";
    const char *comma = labelled ? "," : "";
    unsigned long long cumulative = 0;
    for (size_t i = 0; i <= metric->bound_count; i++) {
        format_double(i < metric->bound_count ? metric->bounds[i] : (double)INFINITY, text);
        cumulative += atomic_load_explicit(&cell->buckets[i], memory_order_relaxed);
        es_buf_printf(out, PREFIX "%s_bucket{%s%sle=\"%s\"} %llu\n", metric->name, labels, comma,
                      text, cumulative);
    }
    format_double(double_of(atomic_load_explicit(&cell->sum_bits, memory_order_relaxed)), text);
    const char *open = labelled ? "{" : "";
    const char *close = labelled ? "}" : "";
    es_buf_printf(out, PREFIX "%s_sum%s%s%s %s\n", metric->name, open, labels, close, text);
    /* What the +Inf bucket said: the two must agree even while somebody counts. */
    es_buf_printf(out, PREFIX "%s_count%s%s%s %llu\n", metric->name, open, labels, close,
                  cumulative);
}

void es_metrics_render(const struct es_metrics *metrics, struct es_buf *out)
{
    for (size_t i = 0; i < metrics->count; i++) {
        const struct es_metric *metric = &metrics->table[i];
        if (i == 0 || strcmp(metric->name, metrics->table[i - 1].name) != 0) {
            render_head(metric, out);
        }
        if (metric->type == ES_METRIC_HISTOGRAM) {
            render_histogram(metric, &metrics->cells[i], out);
        } else {
            render_number(metric, &metrics->cells[i], out);
        }
    }
    es_process_metrics_render(metrics->started_us, out);
}
