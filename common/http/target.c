#include "common/http/target.h"

#include <string.h>
#include <strings.h>

#define FIRST_PRINTABLE 0x20

/* Visible ASCII only; '#' would begin a fragment, which is never sent. */
static bool has_only_uri_characters(const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c <= ' ' || c >= 0x7F || c == '#') {
            return false;
        }
    }
    return true;
}

static int digit_value(char c)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    if (at == NULL) {
        return -1;
    }
    int index = (int)(at - digits);
    return index < 16 ? index : index - 6;
}

/* No escape that is cut short or stands for a control character. */
static bool has_only_plain_escapes(const char *path)
{
    for (const char *at = strchr(path, '%'); at != NULL; at = strchr(at + 1, '%')) {
        int high = digit_value(at[1]);
        int low = high < 0 ? -1 : digit_value(at[2]);
        int byte = high * 16 + low;
        if (high < 0 || low < 0 || byte < FIRST_PRINTABLE || byte == 0x7F) {
            return false;
        }
    }
    return true;
}

/* Where the path begins; NULL when TARGET has no form we take. */
static const char *path_of(const char *target)
{
    static const char *const schemes[] = {"http://", "https://"};
    if (target[0] == '/' || strcmp(target, "*") == 0) {
        return target;
    }
    for (size_t i = 0; i < ES_ARRAY_LEN(schemes); i++) {
        size_t length = strlen(schemes[i]);
        if (strncasecmp(target, schemes[i], length) != 0) {
            continue;
        }
        size_t authority = strcspn(target + length, "/?");
        return authority > 0 ? target + length + authority : NULL;
    }
    return NULL;
}

bool es_target_parse(struct es_arena *arena, const char *target, struct es_target *ret_target)
{
    const char *path = path_of(target);
    if (path == NULL || !has_only_uri_characters(target)) {
        return false;
    }
    size_t length = strcspn(path, "?");
    const char *copy = length > 0 ? es_arena_strndup(arena, path, length) : "/";
    if (!has_only_plain_escapes(copy)) {
        return false;
    }
    *ret_target = (struct es_target){
        .path = copy,
        .query = path[length] == '?' ? es_arena_strdup(arena, path + length + 1) : NULL,
    };
    return true;
}
