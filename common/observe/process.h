/*
 * Inside common/observe only: the metrics every process has, whatever it does.
 */
#pragma once

#include "common/base/buf.h"

#include <stdint.h>

/* Append them in Prometheus text format. STARTED_US is when the process started (wall clock). What
 * the kernel does not tell is left out. */
void es_process_metrics_render(int64_t started_us, struct es_buf *out);
