#include "common/json/json.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#define LONGEST_SHOWN_NAME 40

/* What a request must be before jansson sees it: no NUL byte, not deeper than we allow. jansson
 * itself goes 2048 levels down, and its depth is fixed when it is built. */
static const char *refuse_by_bytes(const unsigned char *bytes, size_t length)
{
    size_t depth = 0;
    bool in_text = false;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = bytes[i];
        if (byte == '\0') {
            return "The body contains a NUL byte.";
        }
        if (in_text) {
            i += byte == '\\'; /* whatever is escaped neither ends the text nor nests */
            in_text = byte != '"';
        } else if (byte == '"') {
            in_text = true;
        } else if (byte == '{' || byte == '[') {
            depth++;
        } else if ((byte == '}' || byte == ']') && depth > 0) {
            depth--;
        }
        if (depth > ES_JSON_MAX_DEPTH) {
            return "The body is nested too deeply.";
        }
    }
    return NULL;
}

/* Our words for what jansson found: its own text quotes the input. */
static const char *sentence_for(enum json_error_code code)
{
    static const struct {
        enum json_error_code code;
        const char *sentence;
    } sentences[] = {
        {json_error_premature_end_of_input, "The body ends before the JSON value does."},
        {json_error_end_of_input_expected, "Something follows the JSON value."},
        {json_error_invalid_utf8, "The body is not valid UTF-8."},
        {json_error_null_character, "A text contains a NUL character."},
        {json_error_duplicate_key, "A member occurs twice."},
        {json_error_numeric_overflow, "A number is too large."},
    };
    for (size_t i = 0; i < ES_ARRAY_LEN(sentences); i++) {
        if (sentences[i].code == code) {
            return sentences[i].sentence;
        }
    }
    return "The body is not valid JSON.";
}

/* A member's name as the client wrote it, when it is harmless to repeat. */
static bool can_be_shown(const char *name)
{
    static const char harmless[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t length = strlen(name);
    return length > 0 && length <= LONGEST_SHOWN_NAME && strspn(name, harmless) == length;
}

static const char *refuse_unknown(struct es_arena *arena, json_t *object,
                                  const struct es_json_member *members, size_t count)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach(object, name, value)
    {
        size_t i = 0;
        while (i < count && strcmp(members[i].name, name) != 0) {
            i++;
        }
        if (i == count && can_be_shown(name)) {
            return es_arena_printf(arena, "There is no member \"%s\".", name);
        }
        if (i == count) {
            return "There is a member that is not known here.";
        }
    }
    return NULL;
}

static const char *read_text(struct es_arena *arena, const struct es_json_member *member,
                             const json_t *value)
{
    if (!json_is_string(value)) {
        return es_arena_printf(arena, "\"%s\" must be a text.", member->name);
    }
    int64_t length = (int64_t)json_string_length(value);
    if (length > member->max) {
        return es_arena_printf(arena, "\"%s\" is longer than %" PRId64 " bytes.", member->name,
                               member->max);
    }
    if (length < member->min) {
        return es_arena_printf(arena, "\"%s\" is shorter than %" PRId64 " bytes.", member->name,
                               member->min);
    }
    *(const char **)member->target =
        es_arena_strndup(arena, json_string_value(value), (size_t)length);
    return NULL;
}

static const char *read_int(struct es_arena *arena, const struct es_json_member *member,
                            const json_t *value)
{
    if (!json_is_integer(value)) {
        return es_arena_printf(arena, "\"%s\" must be a whole number.", member->name);
    }
    int64_t number = json_integer_value(value);
    if (number < member->min || number > member->max) {
        return es_arena_printf(arena, "\"%s\" must be from %" PRId64 " to %" PRId64 ".",
                               member->name, member->min, member->max);
    }
    *(int64_t *)member->target = number;
    return NULL;
}

static const char *read_bool(struct es_arena *arena, const struct es_json_member *member,
                             const json_t *value)
{
    if (!json_is_boolean(value)) {
        return es_arena_printf(arena, "\"%s\" must be true or false.", member->name);
    }
    *(bool *)member->target = json_is_true(value);
    return NULL;
}

static const char *read_texts(struct es_arena *arena, const struct es_json_member *member,
                              const json_t *value)
{
    size_t count = json_array_size(value); /* 0 when it is no array */
    if (!json_is_array(value)) {
        return es_arena_printf(arena, "\"%s\" must be a list of texts.", member->name);
    }
    if ((int64_t)count > member->max || (int64_t)count < member->min) {
        return es_arena_printf(arena, "\"%s\" must have from %" PRId64 " to %" PRId64 " entries.",
                               member->name, member->min, member->max);
    }
    const char **items = es_arena_alloc(arena, (count + 1) * sizeof(*items));
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(value, i);
        if (!json_is_string(entry) || json_string_length(entry) > member->max_each) {
            return es_arena_printf(arena,
                                   "Each entry of \"%s\" must be a text of at most %zu bytes.",
                                   member->name, member->max_each);
        }
        items[i] = es_arena_strndup(arena, json_string_value(entry), json_string_length(entry));
    }
    *(struct es_json_texts *)member->target = (struct es_json_texts){items, count};
    return NULL;
}

typedef const char *read_member_fn(struct es_arena *arena, const struct es_json_member *member,
                                   const json_t *value);

static read_member_fn *const readers[] = {
    [ES_JSON_TEXT] = read_text,
    [ES_JSON_INT] = read_int,
    [ES_JSON_BOOL] = read_bool,
    [ES_JSON_TEXTS] = read_texts,
};

static const char *read_members(struct es_arena *arena, json_t *object,
                                const struct es_json_member *members, size_t count)
{
    const char *error = refuse_unknown(arena, object, members, count);
    for (size_t i = 0; error == NULL && i < count; i++) {
        const json_t *value = json_object_get(object, members[i].name);
        if (value != NULL && !json_is_null(value)) {
            error = readers[members[i].type](arena, &members[i], value);
        } else if (members[i].required) {
            error = es_arena_printf(arena, "\"%s\" is missing.", members[i].name);
        }
    }
    return error;
}

enum es_json_result es_json_read(struct es_arena *arena, const void *body, size_t length,
                                 const struct es_json_member *members, size_t member_count,
                                 const char **ret_error)
{
    const char *refusal = refuse_by_bytes(body, length);
    if (refusal != NULL) {
        *ret_error = refusal;
        return ES_JSON_MALFORMED;
    }
    json_error_t error;
    ES_CLEANUP(json_decrefp)
    json_t *value = json_loadb(body, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (value == NULL) {
        *ret_error = sentence_for(json_error_code(&error));
        return ES_JSON_MALFORMED;
    }
    if (!json_is_object(value)) {
        *ret_error = "The body must be a JSON object.";
        return ES_JSON_INVALID;
    }
    refusal = read_members(arena, value, members, member_count);
    if (refusal != NULL) {
        *ret_error = refusal;
        return ES_JSON_INVALID;
    }
    return ES_JSON_OK;
}
