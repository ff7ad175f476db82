/* What the two ways of a request with an Idempotency-Key share. */
#pragma once

#include "tier1-core/db/idempotency.h"

struct es_request;

/* What KEY is known by in the database. */
void idempotent_key_hash(const char *key, unsigned char ret_hash[IDEMPOTENCY_HASH_SIZE]);

/* Answer with ANSWER, which was kept; the mark is es_respond_idempotency's. */
void idempotent_respond(struct es_request *request, const struct idempotency_answer *answer);
