/*
 * The answers that libmicrohttpd gives by itself, made ours.
 *
 * What it cannot parse it answers before it calls us: a text of its own, without our header
 * fields. 0.9.75 has no hook for that, but it queues those answers as anybody would, through the
 * dynamic linker, which prefers the program's MHD_queue_response() to the library's. The one in
 * library-answer.c writes the problem of the same status instead. Where the library does not call
 * it, because it was linked otherwise, its own texts are sent as before: the status is right and
 * the connection ends either way.
 */
#pragma once

#include <microhttpd.h>

/* The library's MHD_queue_response(): for answers of ours. Yields what that yields. */
enum MHD_Result es_library_queue(struct MHD_Connection *mhd, unsigned status,
                                 struct MHD_Response *response);
