/*
 * Health of a process: named checks, each run by its owner, read by anyone.
 *
 * A check is either needed (the process cannot do its work without it: PostgreSQL) or helpful
 * (it can: Redis). `ready` looks at needed checks only, so losing Redis takes nobody out of
 * rotation (FE26). Answers are computed at most once a second however often they are asked for.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

struct es_health;

struct es_health_check {
    const char *name; /* "postgresql" */
    bool needed;
    bool (*probe)(void *context); /* called from one thread at a time; must answer within 1 s */
    void *context;
};

/* CHECKS must outlive the result. No probe runs before the first es_health_ready(). */
struct es_health *es_health_new(const struct es_health_check *checks, size_t count) ES_MUST_CHECK;
struct es_health *es_health_free(struct es_health *health);

/* Run the probes when the last run is older than a second; another thread's run is not waited
 * for. True when every needed check passes. */
bool es_health_ready(struct es_health *health);

/* Of the last run (call es_health_ready() first to have one):
 * {"status":"ok|degraded|down","checks":{"postgresql":"up","redis":"down"},"stopping":false,
 *  "checked_at":"2026-11-21T07:02:11.123Z"}. "degraded" when a helpful check
 * fails; before the first run "down", without checked_at. */
void es_health_render(struct es_health *health, struct es_buf *out);

/* The process is stopping: ready is false from now on. */
void es_health_set_stopping(struct es_health *health);
