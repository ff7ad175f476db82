/*
 * Which hosts are this machine: the one answer to whether something may go in clear.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>

/* "localhost" and names below it (RFC 6761), 127.0.0.0/8 in four numbers, ::1 with or without
 * brackets. A name that only begins like one of these is somebody else's. */
bool es_host_is_loopback(const char *host) ES_MUST_CHECK;

/* The same for the host of URL (scheme://host[:port][/…]); false when there is a user name in it or
 * it is no such URL. */
bool es_url_is_loopback(const char *url) ES_MUST_CHECK;
