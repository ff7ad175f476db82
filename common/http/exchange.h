/*
 * One request and its answer, as libmicrohttpd tells of them: its callbacks, all on the thread of
 * the event loop, which is their context. Private to common/http.
 */
#pragma once

#include <microhttpd.h>
#include <stddef.h>

struct es_loop;

/* MHD_OPTION_URI_LOG_CALLBACK: the request line was read. Yields the request. */
void *es_exchange_begin(void *loop, const char *target, struct MHD_Connection *mhd);
/* MHD_AccessHandlerCallback: after the header, for each part of the body, after it, and when a
 * suspended request was handed back. */
enum MHD_Result es_exchange_go_on(void *loop, struct MHD_Connection *mhd, const char *target,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **request);
/* MHD_OPTION_NOTIFY_COMPLETED: the answer was sent, or the connection lost. */
void es_exchange_end(void *loop, struct MHD_Connection *mhd, void **request,
                     enum MHD_RequestTerminationCode code);

/* Frees the requests that LOOP keeps for later ones. */
void es_exchange_free_spare(struct es_loop *loop);
