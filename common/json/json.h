/*
 * JSON from outside, read strictly, and JSON to the outside, written exactly.
 *
 * Reading: jansson does the parsing (it refuses invalid UTF-8 and duplicate members); this layer
 * adds what a request needs: a depth limit, no NUL, no trailing bytes, an object at the top, and a
 * declarative list of members, so that unknown, missing, ill-typed and over-long ones are refused
 * with one clear sentence.
 *
 * Writing: a small comma-keeping writer over es_buf. Identifiers and money go out as strings.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ES_JSON_MAX_DEPTH 16

enum es_json_type {
    ES_JSON_TEXT,  /* const char *; copied into the arena; MIN..MAX count bytes */
    ES_JSON_INT,   /* int64_t; MIN..MAX */
    ES_JSON_BOOL,  /* bool */
    ES_JSON_TEXTS, /* struct es_json_texts; MIN..MAX count entries, each at most MAX_EACH bytes */
};

struct es_json_texts {
    const char **items;
    size_t count;
};

/* One member of a request object. TARGET points to a variable of the type above; it keeps its
 * value when an optional member is absent. JSON null counts as absent. Members are read in order,
 * so those before the one that is refused have been set. */
struct es_json_member {
    const char *name;
    enum es_json_type type;
    bool required;
    int64_t min;
    int64_t max;
    size_t max_each;
    void *target;
};

enum es_json_result {
    ES_JSON_OK,
    ES_JSON_MALFORMED, /* not JSON, not UTF-8, too deep, NUL, trailing bytes, duplicate member */
    ES_JSON_INVALID,   /* JSON, but not the object asked for */
};

/* Read BODY (LENGTH bytes) as an object of MEMBERS. On anything but ES_JSON_OK, *RET_ERROR is one
 * sentence in ARENA that names the member and never repeats its value. */
enum es_json_result es_json_read(struct es_arena *arena, const void *body, size_t length,
                                 const struct es_json_member *members, size_t member_count,
                                 const char **ret_error) ES_MUST_CHECK;

/* The writer. Begin and end must pair; a key precedes each value inside an object. */
struct es_json_writer {
    struct es_buf *out;
    bool need_comma;
};

struct es_json_writer es_json_writer_make(struct es_buf *out);
void es_json_begin_object(struct es_json_writer *writer);
void es_json_end_object(struct es_json_writer *writer);
void es_json_begin_array(struct es_json_writer *writer);
void es_json_end_array(struct es_json_writer *writer);
void es_json_key(struct es_json_writer *writer, const char *key);
void es_json_text(struct es_json_writer *writer, const char *text); /* NULL writes null */
void es_json_int(struct es_json_writer *writer, int64_t value);
void es_json_id(struct es_json_writer *writer, int64_t value); /* as a string */
void es_json_bool(struct es_json_writer *writer, bool value);
void es_json_null(struct es_json_writer *writer);
void es_json_time(struct es_json_writer *writer, int64_t at_us); /* RFC 3339 string */
void es_json_date(struct es_json_writer *writer, int32_t days);  /* "2026-11-21" */
void es_json_hex(struct es_json_writer *writer, const void *bytes, size_t length);

/* Key and value in one call. */
void es_json_put_text(struct es_json_writer *writer, const char *key, const char *text);
void es_json_put_int(struct es_json_writer *writer, const char *key, int64_t value);
void es_json_put_id(struct es_json_writer *writer, const char *key, int64_t value);
void es_json_put_bool(struct es_json_writer *writer, const char *key, bool value);
void es_json_put_time(struct es_json_writer *writer, const char *key, int64_t at_us);
void es_json_put_date(struct es_json_writer *writer, const char *key, int32_t days);

/* TEXT quoted and escaped (RFC 8259), appended to OUT. */
void es_json_quote(struct es_buf *out, const char *text, size_t length);
