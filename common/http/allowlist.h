/*
 * The hosts this process may call, each with the region its data goes to (E7): one text from the
 * configuration, "api.example=EU,127.0.0.1=local,[::1]=local".
 *
 * URLs are taken apart by libcurl's own parser, so what is checked is what is connected to.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/compiler.h"
#include "common/http/breaker.h"

#include <stdbool.h>
#include <stddef.h>

struct es_allowed_host {
    char *name; /* lower case; IPv6 in brackets */
    char *region;
    struct es_breaker breaker;
};

struct es_allowlist {
    struct es_allowed_host *hosts;
    size_t count;
};

/* False, with a line in ERROR and nothing to release, when TEXT is malformed. NULL and "" allow
 * nothing. */
bool es_allowlist_parse(const char *text, struct es_allowlist *ret_list,
                        struct es_buf *error) ES_MUST_CHECK;
void es_allowlist_done(struct es_allowlist *list);

/* The entry for the host of URL, or NULL: not listed, not http or https, http to anywhere but
 * loopback, a user name in it, or not a URL. */
struct es_allowed_host *es_allowlist_find(const struct es_allowlist *list,
                                          const char *url) ES_MUST_CHECK;
