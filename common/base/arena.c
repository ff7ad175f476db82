#include "common/base/arena.h"

#include "common/base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_BLOCK_SIZE 4096
#define ALIGNMENT          16

struct block {
    struct block *next; /* older blocks, filled up before this one */
    size_t size;
    size_t used;
    _Alignas(ALIGNMENT) unsigned char data[];
};

struct es_arena {
    struct block *top;
    size_t block_size;
};

static struct block *block_new(size_t size, struct block *next)
{
    struct block *block = es_calloc(1, sizeof(*block) + size);
    block->size = size;
    block->next = next;
    return block;
}

struct es_arena *es_arena_new(size_t block_size)
{
    struct es_arena *arena = ES_NEW(struct es_arena);
    arena->block_size = block_size ? block_size : DEFAULT_BLOCK_SIZE;
    arena->top = block_new(arena->block_size, NULL);
    return arena;
}

static struct block *free_all_but_first(struct block *block)
{
    while (block->next != NULL) {
        struct block *older = block->next;
        free(block);
        block = older;
    }
    return block;
}

void es_arena_reset(struct es_arena *arena)
{
    arena->top = free_all_but_first(arena->top);
    memset(arena->top->data, 0, arena->top->used);
    arena->top->used = 0;
}

struct es_arena *es_arena_free(struct es_arena *arena)
{
    if (arena != NULL) {
        free(free_all_but_first(arena->top));
        free(arena);
    }
    return NULL;
}

void es_arena_free_p(struct es_arena **arena)
{
    *arena = es_arena_free(*arena);
}

void *es_arena_alloc(struct es_arena *arena, size_t size)
{
    size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (rounded < size) { /* wrapped: a caller's size was not bounded */
        abort();
    }
    if (rounded > arena->top->size - arena->top->used) {
        size_t block_size = rounded > arena->block_size ? rounded : arena->block_size;
        arena->top = block_new(block_size, arena->top);
    }
    void *memory = arena->top->data + arena->top->used;
    arena->top->used += rounded;
    return memory;
}

char *es_arena_strndup(struct es_arena *arena, const char *text, size_t length)
{
    char *copy = es_arena_alloc(arena, length + 1);
    memcpy(copy, text, length);
    return copy;
}

char *es_arena_strdup(struct es_arena *arena, const char *text)
{
    return es_arena_strndup(arena, text, strlen(text));
}

char *es_arena_vprintf(struct es_arena *arena, const char *format, va_list args)
{
    va_list measure;
    va_copy(measure, args);
    int length = vsnprintf(NULL, 0, format, measure);
    va_end(measure);
    if (length < 0) { /* only a broken format string can do this */
        abort();
    }
    char *text = es_arena_alloc(arena, (size_t)length + 1);
    (void)vsnprintf(text, (size_t)length + 1, format, args);
    return text;
}

char *es_arena_printf(struct es_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = es_arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}
