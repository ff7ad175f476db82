#include "common/http/urlencoded.h"

#include "common/base/text.h"

#include <string.h>

#define NO_DIGIT 16

static unsigned hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? (unsigned)(lower - 'a') + 10 : NO_DIGIT;
}

/* The byte that the escape at TEXT ("%41", LEFT bytes remain) stands for, or -1. */
static int escaped_byte(const char *text, size_t left)
{
    if (left < 3) {
        return -1;
    }
    unsigned high = hex_digit(text[1]);
    unsigned low = hex_digit(text[2]);
    return high == NO_DIGIT || low == NO_DIGIT ? -1 : (int)(high * 16 + low);
}

char *es_percent_decode(struct es_arena *arena, const char *text, size_t length, bool plus_is_space)
{
    char *decoded = es_arena_alloc(arena, length + 1);
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        int byte = (unsigned char)text[i];
        if (text[i] == '%') {
            byte = escaped_byte(text + i, length - i);
            i += 2;
        } else if (text[i] == '+' && plus_is_space) {
            byte = ' ';
        }
        if (byte < 0) {
            return NULL;
        }
        decoded[used++] = (char)byte;
    }
    return es_utf8_valid(decoded, used) ? decoded : NULL;
}

struct es_pairs es_pairs_make(const char *text, size_t length)
{
    return (struct es_pairs){.next = text, .end = text + length};
}

enum es_pairs_step es_pairs_next(struct es_pairs *pairs, struct es_arena *arena,
                                 const char **ret_name, const char **ret_value)
{
    while (pairs->next < pairs->end && *pairs->next == '&') {
        pairs->next++;
    }
    if (pairs->next >= pairs->end) {
        return ES_PAIRS_END;
    }
    const char *start = pairs->next;
    const char *stop = memchr(start, '&', (size_t)(pairs->end - start));
    stop = stop != NULL ? stop : pairs->end;
    const char *equals = memchr(start, '=', (size_t)(stop - start));
    const char *value = equals != NULL ? equals + 1 : stop;
    size_t name_length = (size_t)((equals != NULL ? equals : stop) - start);
    char *name = es_percent_decode(arena, start, name_length, true);
    char *text = es_percent_decode(arena, value, (size_t)(stop - value), true);
    if (name == NULL || text == NULL) {
        return ES_PAIRS_MALFORMED;
    }
    pairs->next = stop;
    *ret_name = name;
    *ret_value = text;
    return ES_PAIRS_ONE;
}

enum es_query_result es_query_find(struct es_arena *arena, const char *query, const char *name,
                                   const char **ret_value)
{
    const char *found = NULL;
    const char *pair_name = NULL;
    const char *pair_value = NULL;
    const char *text = query != NULL ? query : "";
    struct es_pairs pairs = es_pairs_make(text, strlen(text));
    enum es_pairs_step step = ES_PAIRS_END;
    while ((step = es_pairs_next(&pairs, arena, &pair_name, &pair_value)) == ES_PAIRS_ONE) {
        if (strcmp(pair_name, name) != 0) {
            continue;
        }
        if (found != NULL) {
            return ES_QUERY_REPEATED;
        }
        found = pair_value;
    }
    if (step == ES_PAIRS_MALFORMED) {
        return ES_QUERY_MALFORMED;
    }
    if (found == NULL) {
        return ES_QUERY_ABSENT;
    }
    *ret_value = found;
    return ES_QUERY_FOUND;
}
