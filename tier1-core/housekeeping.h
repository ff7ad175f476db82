/*
 * Regular jobs: partitions of core.signals made ahead, what has ended removed, all of it. At start
 * and every hour; several core processes may do them at once.
 */
#pragma once

#include "common/base/compiler.h"

struct app;
struct housekeeping;

struct housekeeping *housekeeping_start(struct app *app) ES_MUST_CHECK;
struct housekeeping *housekeeping_stop(struct housekeeping *housekeeping);
