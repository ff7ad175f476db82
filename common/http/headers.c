#include "common/http/headers.h"

#include "common/http/content-type.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    size_t length;
    bool once;
} known_headers[] = {
#define X(identifier, name, once) [ES_HEADER_##identifier] = {name, sizeof(name) - 1, once},
    ES_KNOWN_HEADERS(X)
#undef X
};

static void cut_trailing_blanks(struct es_header *header, struct es_arena *arena)
{
    size_t length = header->value_length;
    while (length > 0 && (header->value[length - 1] == ' ' || header->value[length - 1] == '\t')) {
        length--;
    }
    if (length < header->value_length) {
        header->value = es_arena_strndup(arena, header->value, length);
        header->value_length = length;
    }
}

static void note_if_known(struct es_headers *headers, const struct es_header *header)
{
    for (size_t i = 0; i < ES_HEADER_KNOWN_COUNT; i++) {
        if (known_headers[i].length == header->name_length &&
            strncasecmp(known_headers[i].name, header->name, header->name_length) == 0) {
            headers->repeated |= known_headers[i].once && headers->known[i] != NULL;
            headers->known[i] = header->value;
            return;
        }
    }
}

void es_headers_index(struct es_headers *headers, struct es_arena *arena)
{
    for (size_t i = 0; i < headers->count; i++) {
        cut_trailing_blanks(&headers->items[i], arena);
        note_if_known(headers, &headers->items[i]);
    }
}

static bool is_called(const struct es_header *header, const char *name, size_t length)
{
    return header->name_length == length && strncasecmp(header->name, name, length) == 0;
}

const char *es_headers_find(const struct es_headers *headers, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < headers->count; i++) {
        if (is_called(&headers->items[i], name, length)) {
            return headers->items[i].value;
        }
    }
    return NULL;
}

bool es_headers_accept_page(const struct es_headers *headers)
{
    bool found = false;
    for (size_t i = 0; i < headers->count && !found; i++) {
        found = is_called(&headers->items[i], "Accept", strlen("Accept")) &&
                es_accepts_page(headers->items[i].value);
    }
    return found;
}
