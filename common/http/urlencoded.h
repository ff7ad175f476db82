/*
 * Percent-encoding and name=value pairs: query strings and bodies of type
 * application/x-www-form-urlencoded. Pure functions; memory comes from the caller's arena.
 *
 * Decoded text is well-formed UTF-8 without NUL, or the whole is malformed.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

/* Decode LENGTH bytes; PLUS_IS_SPACE as forms do. NULL when an escape is cut short or not
 * hexadecimal, or when the result is not UTF-8 or has a NUL. */
char *es_percent_decode(struct es_arena *arena, const char *text, size_t length,
                        bool plus_is_space) ES_MUST_CHECK;

/* Walks over the pairs of one text. */
struct es_pairs {
    const char *next;
    const char *end;
};

enum es_pairs_step { ES_PAIRS_ONE, ES_PAIRS_END, ES_PAIRS_MALFORMED };

struct es_pairs es_pairs_make(const char *text, size_t length);

/* The next pair, decoded; empty pairs are passed over, a pair without '=' has the value "". */
enum es_pairs_step es_pairs_next(struct es_pairs *pairs, struct es_arena *arena,
                                 const char **ret_name, const char **ret_value) ES_MUST_CHECK;

enum es_query_result { ES_QUERY_FOUND, ES_QUERY_ABSENT, ES_QUERY_MALFORMED, ES_QUERY_REPEATED };

/* The value of NAME in QUERY (NULL: no query). *RET_VALUE is set for ES_QUERY_FOUND only. */
enum es_query_result es_query_find(struct es_arena *arena, const char *query, const char *name,
                                   const char **ret_value) ES_MUST_CHECK;
