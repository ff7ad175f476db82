/*
 * Structured log: one JSON object a line on standard error (or the file given), whole lines only.
 *
 * Every line has time, level, process, event and, on a thread that serves a request, request_id.
 * Fields are typed. What is personal or secret has a type of its own that prints as "[redacted]",
 * so it cannot get into a log by carelessness: mail addresses, member numbers, tokens, keys and
 * bodies are only ever passed as es_f_redacted().
 *
 * Levels: BROKEN we have a bug; WARN unusual, somebody should look; INFO what an operator wants to
 * see; DEBUG for developers. Library code does not log, it returns; daemons' main parts log.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum es_log_level { ES_LOG_DEBUG, ES_LOG_INFO, ES_LOG_WARN, ES_LOG_BROKEN };

enum es_field_type {
    ES_FIELD_END,
    ES_FIELD_TEXT,
    ES_FIELD_INT,
    ES_FIELD_BOOL,
    ES_FIELD_MS,
    ES_FIELD_HEX,
    ES_FIELD_REDACTED,
};

struct es_field {
    const char *name;
    enum es_field_type type;
    const char *text;
    int64_t number;
    const void *bytes;
    size_t length;
};

struct es_field es_f_text(const char *name, const char *text); /* cut after 512 bytes */
struct es_field es_f_int(const char *name, int64_t value);
struct es_field es_f_bool(const char *name, bool value);
struct es_field es_f_ms(const char *name, int64_t duration_us); /* printed as milliseconds */
struct es_field es_f_hex(const char *name, const void *bytes, size_t length);
struct es_field es_f_redacted(const char *name);

/* Call at start, and again to change anything or to reopen PATH after it was moved away (SIGHUP):
 * threads that are writing meanwhile lose nothing. PATH NULL: standard error. False, with errno set
 * and nothing changed, when PATH cannot be opened. PROCESS is kept, not copied. Until the first
 * call, lines of every level go to standard error. */
bool es_log_open(const char *process, enum es_log_level lowest, const char *path) ES_MUST_CHECK;
/* Back to standard error. No other thread may be logging. */
void es_log_close(void);
bool es_log_level_parse(const char *text, enum es_log_level *ret_level) ES_MUST_CHECK;

/* The request id that this thread's lines carry from now on; NULL for none. Not copied. */
void es_log_set_request_id(const char *request_id);

/* FIELDS ends with a field of type ES_FIELD_END. EVENT is a stable dotted name. A line is one
 * write(2) of at most ES_LOG_LINE_MAX bytes, so lines never mix, not even in a pipe; fields that do
 * not fit are left out and "cut":true says so. A line that cannot be written at once, because the
 * disk is full or the reader of a pipe or socket is slow, is counted and lost: nobody waits for it.
 */
#define ES_LOG_LINE_MAX 4096 /* PIPE_BUF */
void es_log_write(enum es_log_level level, const char *event, const struct es_field *fields);

#define es_log(level, event, ...)                                                                  \
    es_log_write((level), (event), (const struct es_field[]){__VA_ARGS__, {.type = ES_FIELD_END}})
#define es_log_plain(level, event)                                                                 \
    es_log_write((level), (event), (const struct es_field[]){{.type = ES_FIELD_END}})

/* For lines that a rush would write by the thousand. All zero to begin with. */
struct es_log_pace {
    atomic_llong said_us; /* monotonic */
    atomic_llong unsaid;
};

/* True at most once a second: write the line; *RET_UNSAID is how many were left out since the last
 * one. From any thread. */
bool es_log_paced(struct es_log_pace *pace, int64_t *ret_unsaid) ES_MUST_CHECK;

/* How many BROKEN lines this process has written (a metric, and a test's teardown gate). */
uint64_t es_log_broken_count(void);

/* How many lines were lost because the file or pipe did not take them (a metric). */
uint64_t es_log_lost_count(void);

/* For a condition that only a bug can make true: writes a BROKEN line and, in tests
 * (ELDERSAFE_ABORT_ON_BUG, which the daemon hands to es_bug_set_abort), aborts. Yields CONDITION,
 * to branch on. */
bool es_bug_on(bool condition, const char *what) ES_MUST_CHECK;
void es_bug_set_abort(bool abort_on_bug);
