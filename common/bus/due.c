#include "common/bus/due.h"

#include "common/base/clock.h"

bool es_due(struct es_due *due, int64_t period_us)
{
    int64_t now_us = es_clock_mono_us();
    if (now_us < due->at_us) {
        return false;
    }
    due->at_us = now_us + period_us;
    return true;
}
