/* The tier's hooks into the HTTP server (common/http/server.h says when each is called). */
#pragma once

#include "common/http/server.h"

#include <stdbool.h>

void *worker_new(void *app);
void worker_free(void *worker);
void worker_settle(void *worker);

bool admit(struct es_request *request, const struct es_route *route, void *app, void *worker);

enum es_idempotency_state begin_idempotent(struct es_request *request, const char *key,
                                           const unsigned char fingerprint[32], void *app,
                                           void *worker);
void finish_idempotent(struct es_request *request, const char *key, bool completed, void *app,
                       void *worker);

void count_request(const struct es_request *request, void *app);
