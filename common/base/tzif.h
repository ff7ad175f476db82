/*
 * Inside common/base only: what a zone file says, for day.c.
 *
 * Reads TZif of version 2 and later (RFC 8536): 64-bit transitions, then the footer, a rule in the
 * style of POSIX TZ for all times after the last transition (with the extensions of version 3:
 * hours from -167 to 167). Refused, as malformed: version 1 alone (its times end in 2038), files
 * that count leap seconds (their clock is not ours), offsets beyond a day and some hours, tables
 * out of order. The input is untrusted; a zone takes memory in proportion to its file.
 */
#pragma once

#include "common/base/compiler.h"

#include <stddef.h>
#include <stdint.h>

/* Offsets lie between these (RFC 8536 section 3.2 asks for no more). */
#define ES_TZIF_SMALLEST_OFFSET_S (-25 * 3600 + 1)
#define ES_TZIF_LARGEST_OFFSET_S  (26 * 3600 - 1)

struct es_tzif;

/* NULL when LENGTH bytes at FILE are no such file. */
struct es_tzif *es_tzif_parse(const void *file, size_t length) ES_MUST_CHECK;
struct es_tzif *es_tzif_free(struct es_tzif *tzif);

/* A stretch of time with one offset. */
struct es_tzif_span {
    int32_t offset_s; /* east of UTC */
    int64_t end_s;    /* first second after it; INT64_MAX: it does not end */
};

/* The span that AT_S (seconds since 1970, UTC) lies in; |AT_S| at most INT64_MAX / 1e6. */
struct es_tzif_span es_tzif_at(const struct es_tzif *tzif, int64_t at_s);
