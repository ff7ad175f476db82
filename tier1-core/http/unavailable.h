/* Answering that the database did not. */
#pragma once

struct es_request;
struct worker;

/* 503, after telling the process when it was the connection that failed (outage.h). */
void respond_unavailable(struct es_request *request, const struct worker *worker);
