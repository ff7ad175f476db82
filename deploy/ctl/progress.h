/*
 * How far a long command is: on a terminal one line that is drawn again a few times a second (bar,
 * rate, time left), elsewhere a plain line every few seconds. On standard error, so that it never
 * mixes with results.
 */
#pragma once

#include <stdint.h>

struct es_progress;

/* Progress of something that has TOTAL steps (0: not known); WHAT is counted: "members". */
struct es_progress *es_progress_start(const char *what, uint64_t total);

/* STEPS of the total are done (bytes of a file, say), and COUNT of what is counted. */
void es_progress_show(struct es_progress *progress, uint64_t steps, uint64_t count);

/* Take the line off the terminal. NULL accepted. Returns NULL. */
struct es_progress *es_progress_end(struct es_progress *progress);
void es_progress_end_p(struct es_progress **progress);

/* Microseconds since it started. */
int64_t es_progress_took_us(const struct es_progress *progress);
