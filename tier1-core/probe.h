/*
 * One thread that asks, once a second, whether what the process needs is there, and refreshes the
 * gauges that only the process itself can read. Everybody else reads the last answer.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>

struct app;
struct probe;

/* Makes APP's health (app->health) and starts the thread. */
struct probe *probe_start(struct app *app) ES_MUST_CHECK;
struct probe *probe_stop(struct probe *probe);

/* Read the gauges of SERVER from now on; NULL: no more. Returns when the probe has let go of the
 * one before, so that it may be freed. */
struct es_http_server;
void probe_watch_server(struct probe *probe, struct es_http_server *server);

/* Could the process do its work a second ago? */
bool probe_ready(const struct probe *probe);
