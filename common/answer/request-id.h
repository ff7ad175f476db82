/*
 * Request ids: random UUIDs (version 4), taken from the kernel's generator many at a time because
 * one system call per request would cost more than the rest of a fast answer.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

#define ES_REQUEST_ID_BYTES     16
#define ES_REQUEST_ID_TEXT_SIZE 37
#define ES_REQUEST_IDS_AT_ONCE  32

/* Belongs to one thread. Starts zeroed. */
struct es_id_source {
    unsigned char bytes[ES_REQUEST_IDS_AT_ONCE * ES_REQUEST_ID_BYTES];
    size_t left; /* unused bytes, at the start */
};

void es_request_id_make(struct es_id_source *source, unsigned char ret_id[ES_REQUEST_ID_BYTES]);

/* "8e03978e-40d5-4b4b-8f4c-5c3a1d2e6f70", lower case. */
void es_request_id_format(const unsigned char id[ES_REQUEST_ID_BYTES],
                          char ret_text[ES_REQUEST_ID_TEXT_SIZE]);

/* Any syntactically valid UUID, either case. */
bool es_request_id_parse(const char *text, unsigned char ret_id[ES_REQUEST_ID_BYTES]) ES_MUST_CHECK;
