#include "common/http/cookie.h"

#include <stdbool.h>
#include <string.h>

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

/* Whether the pair at PAIR (LENGTH bytes) is NAME's. */
static bool is_named(const char *pair, size_t length, const char *name, size_t name_length)
{
    return length > name_length && memcmp(pair, name, name_length) == 0 && pair[name_length] == '=';
}

static size_t without_trailing_blanks(const char *text, size_t length)
{
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t')) {
        length--;
    }
    return length;
}

const char *es_cookie_find(struct es_arena *arena, const char *header, const char *name)
{
    size_t name_length = strlen(name);
    const char *found = NULL;
    size_t found_length = 0;
    const char *at = header != NULL ? header : "";
    while (*(at = skip_blanks(at)) != '\0') {
        size_t length = strcspn(at, ";");
        if (is_named(at, length, name, name_length)) {
            if (found != NULL) {
                return NULL;
            }
            found = at + name_length + 1;
            found_length = without_trailing_blanks(found, length - name_length - 1);
        }
        at += length + (at[length] == ';');
    }
    return found != NULL ? es_arena_strndup(arena, found, found_length) : NULL;
}
