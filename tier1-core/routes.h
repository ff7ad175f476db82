/* The routes of eldersafe-core: routes.c holds the one table of everything it serves. */
#pragma once

#include "common/http/server.h"
#include "common/redis/limiter.h"

#include <stddef.h>

/* Who may call a route (es_route.access). */
enum core_access {
    ACCESS_PUBLIC,  /* anybody */
    ACCESS_SIGNAL,  /* a device or a session */
    ACCESS_SESSION, /* a session: a device token may only signal */
};

/* Rate classes (es_route.rate): index into core_rates. */
enum core_rate {
    RATE_NONE,
    RATE_LOGIN,    /* per client address */
    RATE_VERIFY,   /* per client address */
    RATE_SESSIONS, /* per member */
    RATE_HISTORY,  /* per member */
    RATE_STATUS,   /* per member */
    RATE_SIGNAL,   /* per member; the lanes apply it, or admit() on the executor's way */
};

extern const struct es_rate core_rates[];
/* Sign-ins per pair of number and mail address, whoever asks (J4.4). */
extern const struct es_rate login_identity_rate;

extern const struct es_route core_routes[];
extern const size_t core_route_count;

/* Hooks of the server that the tier provides: sign-in and limits, idempotency, metrics. */
extern const struct es_http_hooks core_hooks;
