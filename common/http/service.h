/*
 * One ordinary request on an executor thread: its age, the tier's admission, Idempotency-Key, the
 * handler. Ends with es_request_resume().
 */
#pragma once

struct es_request;

void es_service_run(struct es_request *request, void *worker);
