/* Something to be done now and then by a thread that comes by often. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The monotonic instant from which on it is due; 0: at once. */
struct es_due {
    int64_t at_us;
};

/* True at most once every PERIOD_US. */
bool es_due(struct es_due *due, int64_t period_us);
