#include "common/http/form.h"

#include "common/base/text.h"
#include "common/http/urlencoded.h"

#include <string.h>

/* The pairs of one body, decoded. */
struct fields {
    const char **names;
    const char **values;
    size_t count;
};

static bool read_fields(struct es_arena *arena, const char *body, size_t length,
                        struct fields *ret_fields)
{
    size_t most = 1;
    for (size_t i = 0; i < length; i++) {
        most += body[i] == '&';
    }
    struct fields fields = {
        .names = es_arena_alloc(arena, most * sizeof(*fields.names)),
        .values = es_arena_alloc(arena, most * sizeof(*fields.values)),
    };
    struct es_pairs pairs = es_pairs_make(body, length);
    enum es_pairs_step step = ES_PAIRS_END;
    while ((step = es_pairs_next(&pairs, arena, &fields.names[fields.count],
                                 &fields.values[fields.count])) == ES_PAIRS_ONE) {
        fields.count++;
    }
    if (step == ES_PAIRS_MALFORMED) {
        return false;
    }
    *ret_fields = fields;
    return true;
}

static const struct es_json_member *find_member(const struct es_json_member *members, size_t count,
                                                const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(members[i].name, name) == 0) {
            return &members[i];
        }
    }
    return NULL;
}

static void put_text(struct es_json_writer *writer, const char *value)
{
    es_json_text(writer, value);
}

static void put_int(struct es_json_writer *writer, const char *value)
{
    int64_t number = 0;
    if (es_parse_i64(value, &number)) {
        es_json_int(writer, number);
    } else {
        es_json_text(writer, value);
    }
}

static void put_bool(struct es_json_writer *writer, const char *value)
{
    bool truth = strcmp(value, "true") == 0;
    if (truth || strcmp(value, "false") == 0) {
        es_json_bool(writer, truth);
    } else {
        es_json_text(writer, value);
    }
}

/* Every value of the name that stands at FIRST. */
static void put_list(struct es_json_writer *writer, const struct fields *fields, size_t first)
{
    es_json_begin_array(writer);
    for (size_t i = first; i < fields->count; i++) {
        if (strcmp(fields->names[i], fields->names[first]) == 0) {
            es_json_text(writer, fields->values[i]);
        }
    }
    es_json_end_array(writer);
}

static bool stands_before(const struct fields *fields, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(fields->names[i], fields->names[index]) == 0) {
            return true;
        }
    }
    return false;
}

static void put_field(struct es_json_writer *writer, const struct fields *fields, size_t index,
                      const struct es_json_member *member)
{
    static void (*const put[])(struct es_json_writer *, const char *) = {
        [ES_JSON_TEXT] = put_text,
        [ES_JSON_INT] = put_int,
        [ES_JSON_BOOL] = put_bool,
    };
    bool list = member != NULL && member->type == ES_JSON_TEXTS;
    if (list && stands_before(fields, index)) {
        return; /* already in the list */
    }
    if (member != NULL && !list && fields->values[index][0] == '\0') {
        return;
    }
    es_json_key(writer, fields->names[index]);
    if (list) {
        put_list(writer, fields, index);
    } else {
        put[member != NULL ? member->type : ES_JSON_TEXT](writer, fields->values[index]);
    }
}

bool es_form_to_json(struct es_arena *arena, const void *body, size_t length,
                     const struct es_json_member *members, size_t count, struct es_buf *out)
{
    struct fields fields = {0};
    if (!read_fields(arena, body, length, &fields)) {
        return false;
    }
    struct es_json_writer writer = es_json_writer_make(out);
    es_json_begin_object(&writer);
    for (size_t i = 0; i < fields.count; i++) {
        put_field(&writer, &fields, i, find_member(members, count, fields.names[i]));
    }
    es_json_end_object(&writer);
    return true;
}
