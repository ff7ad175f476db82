#include "common/base/backoff.h"

#include "common/base/random.h"

int64_t es_backoff_ms(int64_t base_ms, int64_t cap_ms, unsigned attempt)
{
    int64_t whole = base_ms;
    for (unsigned i = 1; i < attempt && whole < cap_ms; i++) {
        whole *= 2;
    }
    whole = whole < cap_ms ? whole : cap_ms;
    int64_t half = whole / 2;
    return half + es_random_below((uint32_t)(whole - half) + 1);
}
