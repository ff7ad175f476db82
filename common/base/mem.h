/*
 * Heap allocation that cannot return NULL, and scope cleanups for plain resources.
 *
 * A daemon that cannot get a few kilobytes is not in a state to decide anything about a person's
 * safety: these functions end the process (exit by abort, the supervisor restarts it). Sizes that
 * come from outside are bounded before they get here.
 */
#pragma once

#include "common/base/compiler.h"

#include <stddef.h>

/* Zeroed memory for COUNT objects of SIZE bytes; never NULL. Release with free(). */
void *es_calloc(size_t count, size_t size) ES_MUST_CHECK __attribute__((malloc, returns_nonnull));

/* Grow or shrink POINTER to COUNT * SIZE bytes; new bytes are not initialised. Never NULL. */
void *es_reallocarray(void *pointer, size_t count, size_t size) ES_MUST_CHECK
    __attribute__((returns_nonnull));

/* A heap copy of TEXT (not NULL). Release with free(). */
char *es_strdup(const char *text) ES_MUST_CHECK __attribute__((malloc, returns_nonnull));

/* A new zeroed object of TYPE. */
#define ES_NEW(type) ((type *)es_calloc(1, sizeof(type)))

/* Cleanups for ES_CLEANUP: each accepts an unset (NULL or -1) variable. */
void es_free_p(void *pointer_to_pointer);
void es_close_p(int *fd);
void es_fclose_p(void *pointer_to_file);
