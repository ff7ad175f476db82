/* Reading a receipt. JSON comes in through jansson, which refuses duplicate members and trailing
 * text; that nothing else was let through is decided by writing the result and comparing bytes. */
#include "common/base/text.h"
#include "common/tlog/merkle.h"
#include "common/tlog/note.h"
#include "common/tlog/receipt.h"

#include <jansson.h>
#include <string.h>

/* One parse: the first complaint ends up in WHY, and later steps go on with zero values. */
struct parse {
    struct es_arena *arena;
    const char *why;
};

static void release_json(json_t **json)
{
    json_decref(*json);
}

static void complain(struct parse *parse, const char *why)
{
    if (parse->why == NULL) {
        parse->why = why;
    }
}

/* Refuse members of OBJECT that are not in NAMES (ends with NULL). */
static void only_members(struct parse *parse, json_t *object, const char *const *names,
                         const char *why)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(object, key, value)
    {
        size_t i = 0;
        while (names[i] != NULL && strcmp(names[i], key) != 0) {
            i++;
        }
        if (names[i] == NULL) {
            complain(parse, why);
        }
    }
}

/* The text of member NAME, or "" after a complaint. */
static const char *text_member(struct parse *parse, json_t *object, const char *name,
                               const char *why)
{
    json_t *value = json_object_get(object, name);
    if (!json_is_string(value)) {
        complain(parse, why);
        return "";
    }
    return json_string_value(value);
}

static uint64_t number_member(struct parse *parse, json_t *object, const char *name,
                              const char *why)
{
    uint64_t number = 0;
    if (!es_parse_u64(text_member(parse, object, name, why), &number)) {
        complain(parse, why);
    }
    return number;
}

/* Exactly SIZE bytes of hexadecimal. */
static void fixed_hex(struct parse *parse, const char *text, unsigned char *ret_bytes, size_t size,
                      const char *why)
{
    if (!es_parse_hex(text, ret_bytes, size)) {
        complain(parse, why);
    }
}

/* One to LONGEST bytes of hexadecimal, into the arena. */
static const unsigned char *hex_member(struct parse *parse, json_t *object, const char *name,
                                       size_t longest, size_t *ret_length, const char *why)
{
    const char *text = text_member(parse, object, name, why);
    size_t length = strlen(text) / 2;
    if (length == 0 || length > longest) {
        complain(parse, why);
        return NULL;
    }
    unsigned char *bytes = es_arena_alloc(parse->arena, length);
    fixed_hex(parse, text, bytes, length, why);
    *ret_length = length;
    return bytes;
}

/* Are all members of ARRAY texts of LENGTH characters? Asked before memory is taken for them. */
static bool all_texts_of_length(json_t *array, size_t length)
{
    for (size_t i = 0; i < json_array_size(array); i++) {
        json_t *text = json_array_get(array, i);
        if (!json_is_string(text) || json_string_length(text) != length) {
            return false;
        }
    }
    return true;
}

/* An array of hexadecimal strings of SIZE bytes each, into the arena, one after the other. */
static const unsigned char *hex_array_member(struct parse *parse, json_t *object, const char *name,
                                             size_t size, size_t *ret_count, const char *why)
{
    json_t *array = json_object_get(object, name);
    if (!json_is_array(array) || !all_texts_of_length(array, 2 * size)) {
        complain(parse, why);
        return NULL;
    }
    size_t count = json_array_size(array);
    unsigned char *bytes = es_arena_alloc(parse->arena, count * size);
    for (size_t i = 0; i < count; i++) {
        fixed_hex(parse, json_string_value(json_array_get(array, i)), bytes + i * size, size, why);
    }
    *ret_count = count;
    return bytes;
}

static void parse_log_parts(struct parse *parse, json_t *root, struct es_receipt *receipt)
{
    receipt->leaf_index =
        number_member(parse, root, "leaf_index", "leaf_index is not a decimal string");
    receipt->inclusion = (const struct es_hash *)(const void *)hex_array_member(
        parse, root, "inclusion", ES_HASH_SIZE, &receipt->inclusion_length,
        "inclusion is not an array of 32-byte hashes");
    receipt->checkpoint = es_arena_strdup(
        parse->arena, text_member(parse, root, "checkpoint", "checkpoint is not a text"));
}

static void parse_block(struct parse *parse, json_t *root, struct es_receipt_block *block)
{
    static const char *const names[] = {"height", "hash", "header", NULL};
    json_t *object = json_object_get(root, "block");
    struct es_hash shown = {{0}};
    if (!json_is_object(object)) {
        complain(parse, "block is not an object");
        return;
    }
    only_members(parse, object, names, "block has a member that the format does not know");
    block->height = number_member(parse, object, "height", "block.height is not a decimal string");
    fixed_hex(parse, text_member(parse, object, "hash", "block.hash is not a text"), shown.bytes,
              sizeof(shown.bytes), "block.hash is not 32 bytes of hexadecimal");
    block->hash = es_hash_reversed(&shown);
    fixed_hex(parse, text_member(parse, object, "header", "block.header is not a text"),
              block->header, sizeof(block->header), "block.header is not 80 bytes of hexadecimal");
}

static void parse_block_parts(struct parse *parse, json_t *root, struct es_receipt *receipt)
{
    receipt->bump = hex_member(parse, root, "bump", ES_RECEIPT_BUMP_MAX, &receipt->bump_length,
                               "bump is not a hexadecimal text of acceptable length");
    parse_block(parse, root, &receipt->block);
    if (json_object_get(root, "headers") != NULL) {
        receipt->headers =
            hex_array_member(parse, root, "headers", ES_RECEIPT_HEADER_SIZE, &receipt->header_count,
                             "headers is not an array of 80-byte headers");
    }
}

static void parse_members(struct parse *parse, json_t *root, struct es_receipt *receipt)
{
    static const char *const names[] = {"receipt",    "status",    "event",      "salt",
                                        "leaf_index", "inclusion", "checkpoint", "transaction",
                                        "bump",       "block",     "headers",    NULL};
    json_t *version = json_object_get(root, "receipt");
    only_members(parse, root, names, "there is a member that the format does not know");
    if (!json_is_integer(version) || json_integer_value(version) != 1) {
        complain(parse, "the version is not 1");
    }
    if (!es_receipt_status_parse(text_member(parse, root, "status", "status is not a text"),
                                 &receipt->status)) {
        complain(parse, "the status is not a known one");
    }
    receipt->event =
        es_arena_strdup(parse->arena, text_member(parse, root, "event", "event is not a text"));
    fixed_hex(parse, text_member(parse, root, "salt", "salt is not a text"), receipt->salt,
              sizeof(receipt->salt), "salt is not 16 bytes of hexadecimal");
    if (receipt->status >= ES_RECEIPT_SEALED) {
        parse_log_parts(parse, root, receipt);
    }
    if (receipt->status >= ES_RECEIPT_SENT) {
        receipt->transaction = hex_member(
            parse, root, "transaction", ES_RECEIPT_TRANSACTION_MAX, &receipt->transaction_length,
            "transaction is not a hexadecimal text of acceptable length");
    }
    if (receipt->status >= ES_RECEIPT_MINED) {
        parse_block_parts(parse, root, receipt);
    }
}

/* The text must be what the writer makes of the result: this settles order, white space, letter
 * case, escapes, and members that the status does not call for. */
static void compare_with_canonical(struct parse *parse, const struct es_receipt *receipt,
                                   const char *text, size_t length)
{
    ES_CLEANUP(es_buf_done) struct es_buf again = ES_BUF_INIT;
    if (parse->why != NULL) {
        return;
    }
    if (!es_receipt_write(receipt, &again)) {
        complain(parse, "a part is empty, too long or not text");
    } else if (again.length != length || memcmp(again.data, text, length) != 0) {
        complain(parse, "the text is not in the canonical form");
    }
}

/* A tree of JSON values takes many times the memory of its text, unless the text is made of long
 * strings, as a receipt is: this many marks come with event and checkpoint, and a header of 163
 * characters adds three. Texts of another make are refused before a tree is built of them. */
#define MARKS_FREE           (4 * ES_RECEIPT_EVENT_MAX)
#define CHARACTERS_EACH_MARK 32

static bool is_made_of_long_strings(const char *text, size_t length)
{
    size_t marks = 0;
    for (size_t i = 0; i < length; i++) {
        marks += text[i] == '"' || text[i] == ',' || text[i] == '[' || text[i] == '{' ? 1 : 0;
    }
    return marks <= MARKS_FREE + length / CHARACTERS_EACH_MARK;
}

const struct es_receipt *es_receipt_parse(struct es_arena *arena, const char *text, size_t length,
                                          const char **ret_why)
{
    struct parse parse = {.arena = arena};
    json_error_t error;
    if (length == 0 || length > ES_RECEIPT_TEXT_MAX) {
        *ret_why = "the file is empty or longer than 16 MiB";
        return NULL;
    }
    if (text[length - 1] == '\n') {
        length--;
    }
    if (!is_made_of_long_strings(text, length)) {
        *ret_why = "the text is not in the canonical form";
        return NULL;
    }
    ES_CLEANUP(release_json)
    json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        *ret_why = "the text is not a JSON object";
        return NULL;
    }
    struct es_receipt *receipt = ES_ARENA_NEW(arena, struct es_receipt);
    parse_members(&parse, root, receipt);
    compare_with_canonical(&parse, receipt, text, length);
    if (parse.why != NULL) {
        *ret_why = parse.why;
        return NULL;
    }
    return receipt;
}
