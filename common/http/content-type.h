/* Media types of requests (RFC 9110 section 8.3). */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>

/* Whether HEADER (NULL: none) names TYPE ("application/json"), in either case, with no other
 * charset than UTF-8. Other parameters are passed over. */
bool es_content_type_is(const char *header, const char *type) ES_MUST_CHECK;

/* Whether an Accept HEADER (NULL: none) names text/html: a browser asks for a page. */
bool es_accepts_page(const char *header) ES_MUST_CHECK;
