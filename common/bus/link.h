/*
 * A server that comes and goes, as the log should show it: one WARN when it is lost, one INFO when
 * it is back, nothing in between however often it is tried.
 */
#pragma once

#include <stdbool.h>

struct es_link {
    const char *lost; /* event names: "bus.redis_lost" */
    const char *back;
    bool down;
};

/* It was tried just now. GROUP says who tried ("relay", "notify"), REASON what was answered when it
 * is not UP. Yields UP. */
bool es_link_note(struct es_link *link, bool up, const char *group, const char *reason);
