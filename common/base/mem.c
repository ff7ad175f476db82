#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ES_NORETURN void out_of_memory(void)
{
    static const char message[] = "{\"level\":\"broken\",\"event\":\"out_of_memory\"}\n";
    ssize_t ignored = write(STDERR_FILENO, message, sizeof(message) - 1);
    (void)ignored;
    abort();
}

void *es_calloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size ? size : 1);
    if (memory == NULL) {
        out_of_memory();
    }
    return memory;
}

void *es_reallocarray(void *pointer, size_t count, size_t size)
{
    void *memory = reallocarray(pointer, count ? count : 1, size ? size : 1);
    if (memory == NULL) {
        out_of_memory();
    }
    return memory;
}

char *es_strdup(const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL) {
        out_of_memory();
    }
    return copy;
}

void es_free_p(void *pointer_to_pointer)
{
    free(*(void **)pointer_to_pointer);
}

void es_close_p(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

void es_fclose_p(void *pointer_to_file)
{
    FILE *file = *(FILE **)pointer_to_file;
    if (file != NULL) {
        (void)fclose(file);
    }
}
