/*
 * Answers written straight to the socket, for the moments in which libmicrohttpd takes none: while
 * it still reads a request, and when its memory for the connection is used up. Nothing else is on
 * the wire then. The caller ends the connection.
 */
#pragma once

#include "common/answer/request-id.h"
#include "common/http/problem.h"

/* Best effort, never blocks: a peer that does not take a few hundred bytes gets none. */
void es_raw_answer(int fd, enum es_problem problem, const char *detail, const char *request_id);
