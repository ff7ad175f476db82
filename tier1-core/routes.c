#include "tier1-core/routes.h"

#include "tier1-core/http/handlers.h"
#include "tier1-core/http/hooks.h"

#define MINUTE_S 60
#define HOUR_S   3600

const struct es_rate core_rates[] = {
    [RATE_NONE] = {"none", 0, 0},
    [RATE_LOGIN] = {"login", 5, MINUTE_S},
    [RATE_VERIFY] = {"verify", 10, MINUTE_S},
    [RATE_SESSIONS] = {"sessions", 10, MINUTE_S},
    [RATE_HISTORY] = {"history", 60, MINUTE_S},
    [RATE_STATUS] = {"status", 10, MINUTE_S},
    [RATE_SIGNAL] = {"signal", 0, 0}, /* configured: SIGNAL_QUOTA, SIGNAL_WINDOW */
};

const struct es_rate login_identity_rate = {"login-identity", 10, HOUR_S};

/* clang-format off */
const struct es_route core_routes[] = {
    /* method, path, handler, fast handler, who, limit, body limit, flags */
    {"GET",    "/health",                    NULL, get_health,       ACCESS_PUBLIC,  RATE_NONE,     0, 0},
    {"GET",    "/health/live",               NULL, get_health_live,  ACCESS_PUBLIC,  RATE_NONE,     0, 0},
    {"GET",    "/health/ready",              NULL, get_health_ready, ACCESS_PUBLIC,  RATE_NONE,     0, 0},
    {"GET",    "/.well-known/jwks.json",     NULL, get_jwks,         ACCESS_PUBLIC,  RATE_NONE,     0, 0},
    {"GET",    "/sign-in",                   NULL, get_sign_in,      ACCESS_PUBLIC,  RATE_NONE,     0, ES_ROUTE_PAGE},

    {"POST",   "/api/auth/login",            post_auth_login,         NULL, ACCESS_PUBLIC,  RATE_LOGIN,    0, ES_ROUTE_FORM | ES_ROUTE_PAGE},
    {"GET",    "/api/auth/verify",           get_auth_verify,         NULL, ACCESS_PUBLIC,  RATE_VERIFY,   0, ES_ROUTE_PAGE},
    {"POST",   "/api/auth/verify",           post_auth_verify,        NULL, ACCESS_PUBLIC,  RATE_VERIFY,   0, ES_ROUTE_FORM | ES_ROUTE_PAGE},
    {"POST",   "/api/auth/logout",           post_auth_logout,        NULL, ACCESS_SESSION, RATE_SESSIONS, 0, 0},
    {"GET",    "/api/auth/sessions",         get_auth_sessions,       NULL, ACCESS_SESSION, RATE_SESSIONS, 0, 0},
    {"DELETE", "/api/auth/sessions/{id}",    delete_auth_sessions_id, NULL, ACCESS_SESSION, RATE_SESSIONS, 0, 0},
    {"POST",   "/api/auth/device",           post_auth_device,        NULL, ACCESS_SESSION, RATE_SESSIONS, 0, ES_ROUTE_IDEMPOTENCY_KEY | ES_ROUTE_SECRET},

    {"POST",   "/api/signal",                NULL, post_signal,             ACCESS_SIGNAL,  RATE_SIGNAL,   0, ES_ROUTE_IDEMPOTENCY_KEY},
    {"GET",    "/api/signals",               get_signals,             NULL, ACCESS_SESSION, RATE_HISTORY,  0, 0},
    {"GET",    "/api/signals/{id}/receipt",  get_signals_id_receipt,  NULL, ACCESS_SESSION, RATE_HISTORY,  0, 0},
    {"GET",    "/api/member/status",         get_member_status,       NULL, ACCESS_SIGNAL,  RATE_STATUS,   0, 0},
};
/* clang-format on */

const size_t core_route_count = ES_ARRAY_LEN(core_routes);

const struct es_http_hooks core_hooks = {
    .worker_new = worker_new,
    .worker_free = worker_free,
    .worker_settle = worker_settle,
    .admit = admit,
    .idempotency_begin = begin_idempotent,
    .idempotency_finish = finish_idempotent,
    .completed = count_request,
};
