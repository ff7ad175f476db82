/*
 * Fuzz target: a request body read as an object of a few members; what was accepted is written by
 * our writer and must be read again as the same.
 */
#include "common/json/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_TEXT 100
#define MOST_TAGS    3

struct request {
    const char *channel;
    int64_t number;
    bool urgent;
    struct es_json_texts tags;
};

static enum es_json_result read_request(struct es_arena *arena, const void *body, size_t length,
                                        struct request *ret_request)
{
    const char *error = NULL;
    struct request request = {.channel = NULL};
    const struct es_json_member members[] = {
        {.name = "channel",
         .type = ES_JSON_TEXT,
         .required = true,
         .max = LONGEST_TEXT,
         .target = &request.channel},
        {.name = "number",
         .type = ES_JSON_INT,
         .min = INT64_MIN,
         .max = INT64_MAX,
         .target = &request.number},
        {.name = "urgent", .type = ES_JSON_BOOL, .target = &request.urgent},
        {.name = "tags",
         .type = ES_JSON_TEXTS,
         .max = MOST_TAGS,
         .max_each = LONGEST_TEXT,
         .target = &request.tags},
    };
    enum es_json_result result =
        es_json_read(arena, body, length, members, ES_ARRAY_LEN(members), &error);
    if ((result != ES_JSON_OK) != (error != NULL)) {
        abort(); /* a refusal has a sentence, an acceptance has none */
    }
    *ret_request = request;
    return result;
}

static void write_request(const struct request *request, struct es_buf *out)
{
    struct es_json_writer writer = es_json_writer_make(out);
    es_json_begin_object(&writer);
    es_json_put_text(&writer, "channel", request->channel);
    es_json_put_int(&writer, "number", request->number);
    es_json_put_bool(&writer, "urgent", request->urgent);
    es_json_key(&writer, "tags");
    es_json_begin_array(&writer);
    for (size_t i = 0; i < request->tags.count; i++) {
        es_json_text(&writer, request->tags.items[i]);
    }
    es_json_end_array(&writer);
    es_json_end_object(&writer);
}

static bool same(const struct request *a, const struct request *b)
{
    bool equal = strcmp(a->channel, b->channel) == 0 && a->number == b->number &&
                 a->urgent == b->urgent && a->tags.count == b->tags.count;
    for (size_t i = 0; equal && i < a->tags.count; i++) {
        equal = strcmp(a->tags.items[i], b->tags.items[i]) == 0;
    }
    return equal;
}

/* Any bytes at all, quoted, are one JSON text. */
static void check_quoting(struct es_arena *arena, const uint8_t *data, size_t size)
{
    ES_CLEANUP(es_buf_done) struct es_buf out = ES_BUF_INIT;
    const char *error = NULL;
    es_buf_add_str(&out, "{\"text\":");
    es_json_quote(&out, (const char *)data, size);
    es_buf_add_str(&out, "}");
    const char *text = NULL;
    const struct es_json_member members[] = {
        {.name = "text", .type = ES_JSON_TEXT, .max = INT64_MAX, .target = &text},
    };
    enum es_json_result result = es_json_read(arena, out.data, out.length, members, 1, &error);
    bool has_nul = memchr(data, '\0', size) != NULL; /* escaped when written, refused when read */
    if ((result == ES_JSON_OK) == has_nul) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct request request;
    struct request again;
    if (size > 0) {
        check_quoting(arena, data, size);
    }
    if (read_request(arena, data, size, &request) != ES_JSON_OK) {
        return 0;
    }
    ES_CLEANUP(es_buf_done) struct es_buf written = ES_BUF_INIT;
    write_request(&request, &written);
    if (read_request(arena, written.data, written.length, &again) != ES_JSON_OK ||
        !same(&request, &again)) {
        abort();
    }
    return 0;
}
