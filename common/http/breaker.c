#include "common/http/breaker.h"

bool es_breaker_allow(struct es_breaker *breaker, int64_t now_us)
{
    if (!breaker->open) {
        return true;
    }
    if (breaker->probing || now_us < breaker->probe_at_us) {
        return false;
    }
    breaker->probing = true;
    return true;
}

void es_breaker_succeeded(struct es_breaker *breaker)
{
    *breaker = (struct es_breaker){0};
}

void es_breaker_failed(struct es_breaker *breaker, const struct es_breaker_rule *rule,
                       int64_t now_us)
{
    breaker->failures++;
    breaker->probing = false;
    if (breaker->open ||
        (rule->failures_to_open > 0 && breaker->failures >= rule->failures_to_open)) {
        breaker->open = true;
        breaker->probe_at_us = now_us + rule->open_us;
    }
}
