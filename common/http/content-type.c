#include "common/http/content-type.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t"

static bool is_utf8_charset(const char *value, size_t length)
{
    static const char *const names[] = {"utf-8", "\"utf-8\""};
    for (size_t i = 0; i < ES_ARRAY_LEN(names); i++) {
        if (strlen(names[i]) == length && strncasecmp(names[i], value, length) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether the parameters at AT ("; charset=utf-8") leave the text UTF-8. */
static bool parameters_fit(const char *at)
{
    static const char charset[] = "charset=";
    while (*at == ';') {
        at += 1 + strspn(at + 1, BLANKS);
        size_t length = strcspn(at, "; \t");
        if (strncasecmp(at, charset, sizeof(charset) - 1) == 0 &&
            !is_utf8_charset(at + sizeof(charset) - 1, length - (sizeof(charset) - 1))) {
            return false;
        }
        at += length + strspn(at + length, BLANKS);
    }
    return *at == '\0';
}

bool es_content_type_is(const char *header, const char *type)
{
    size_t length = strlen(type);
    if (header == NULL || strncasecmp(header, type, length) != 0) {
        return false;
    }
    return parameters_fit(header + length + strspn(header + length, BLANKS));
}

bool es_accepts_page(const char *header)
{
    static const char page[] = "text/html";
    for (const char *at = header; at != NULL; at = strchr(at, ',')) {
        at += strspn(at, ", \t");
        size_t length = strcspn(at, ",; \t");
        if (length == sizeof(page) - 1 && strncasecmp(at, page, length) == 0) {
            return true;
        }
    }
    return false;
}
