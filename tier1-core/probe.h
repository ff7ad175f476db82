/*
 * One thread that asks, once a second, whether what the process needs is there. Everybody else
 * reads the last answer.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>

struct app;
struct probe;

/* Makes APP's health (app->health) and starts the thread. */
struct probe *probe_start(struct app *app) ES_MUST_CHECK;
struct probe *probe_stop(struct probe *probe);

/* Could the process do its work a second ago? */
bool probe_ready(const struct probe *probe);
