/* The Retry-After response header (RFC 9110 section 10.2.3). */
#pragma once

#include <stdint.h>

/* A longer wait is read as this: whoever asks for more has no say in our deadlines, and callers may
 * multiply what they get. */
#define ES_RETRY_AFTER_MAX_S INT64_C(86400)

/* Seconds from NOW_US (wall clock) that TEXT asks to wait, whether it says so in seconds or as a
 * date (0 for one in the past); -1 when it is NULL or neither. */
int64_t es_retry_after_parse(const char *text, int64_t now_us);
