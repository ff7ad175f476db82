/*
 * The only clock of the suite. Daemons never call time() or clock_gettime() themselves, so tests
 * can move time: ELDERSAFE_CLOCK_OFFSET_S (an option of every daemon) shifts the wall clock; the
 * monotonic clock never moves.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Microseconds since 1970-01-01T00:00:00Z, wall clock. */
int64_t es_clock_now_us(void);

/* Microseconds on a clock that never jumps: for durations, deadlines and time-outs. */
int64_t es_clock_mono_us(void);

/* Shift the wall clock by OFFSET_US from now on. Tests only. */
void es_clock_set_offset_us(int64_t offset_us);

#define ES_US_PER_S  INT64_C(1000000)
#define ES_US_PER_MS INT64_C(1000)
#define ES_MS_PER_S  INT64_C(1000)

/* "2026-11-21T07:02:11.123Z" (RFC 3339, milliseconds, UTC): 24 characters and a NUL. From 1970 on.
 */
#define ES_TIME_TEXT_SIZE 25
void es_clock_format(int64_t at_us, char ret_text[ES_TIME_TEXT_SIZE]);

/* Parse RFC 3339 with an offset or Z and up to 9 fraction digits (kept to microseconds); years
 * 1970 to 9999. Returns false when TEXT is anything else. */
bool es_clock_parse(const char *text, int64_t *ret_at_us) ES_MUST_CHECK;
