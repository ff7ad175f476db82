/*
 * Inside common/daemon only: the file by which a process tells that it is ready, and where.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>

/* One more member of the line. KEY is kept, VALUE copied. Before es_ready_file_write(), from one
 * thread. */
void es_ready_file_announce(const char *key, const char *value);

/* What was announced under KEY, or NULL. */
const char *es_ready_file_value(const char *key);

/* Write PATH whole or not at all: the line goes to a new file beside it, which then takes its
 * name. False, with errno set, when that fails. */
bool es_ready_file_write(const char *path) ES_MUST_CHECK;

/* Before the start: remove what a process that died has left at PATH (NULL: none). */
void es_ready_file_clear(const char *path);

/* At the end: remove PATH (NULL: none) if it is the file that this process has written, and forget
 * what was announced. A successor may be up already: ports are free before a process ends. */
void es_ready_file_withdraw(const char *path);
