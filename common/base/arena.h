/*
 * Request arena: many small allocations with one lifetime.
 *
 * Everything that belongs to one request (or one batch) is taken from its arena and released
 * together by es_arena_reset() or es_arena_free(). Not thread-safe: an arena has one owner at a
 * time. Memory is 16-byte aligned. Like mem.h it never returns NULL.
 */
#pragma once

#include "common/base/compiler.h"

#include <stdarg.h>
#include <stddef.h>

struct es_arena;

/* A new arena whose first block holds BLOCK_SIZE bytes (0: 4 KiB). */
struct es_arena *es_arena_new(size_t block_size) ES_MUST_CHECK;

/* Release everything taken from ARENA; the first block is kept for reuse. */
void es_arena_reset(struct es_arena *arena);

/* Release ARENA and all it gave out. NULL is accepted. Returns NULL. */
struct es_arena *es_arena_free(struct es_arena *arena);
void es_arena_free_p(struct es_arena **arena);

/* Zeroed memory of SIZE bytes. */
void *es_arena_alloc(struct es_arena *arena, size_t size) ES_MUST_CHECK
    __attribute__((returns_nonnull));

/* Copies of a text, of LENGTH bytes of a text (a NUL is added), and of a formatted text. */
char *es_arena_strdup(struct es_arena *arena, const char *text) ES_MUST_CHECK;
char *es_arena_strndup(struct es_arena *arena, const char *text, size_t length) ES_MUST_CHECK;
char *es_arena_printf(struct es_arena *arena, const char *format, ...) ES_MUST_CHECK
    ES_PRINTF(2, 3);
char *es_arena_vprintf(struct es_arena *arena, const char *format, va_list args) ES_MUST_CHECK
    ES_PRINTF(2, 0);

/* A new zeroed object of TYPE in ARENA. */
#define ES_ARENA_NEW(arena, type) ((type *)es_arena_alloc((arena), sizeof(type)))
