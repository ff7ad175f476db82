#include "common/tlog/checkpoint.h"

#include "common/base/text.h"
#include "common/tlog/base64.h"
#include "common/tlog/merkle.h"

#include <inttypes.h>
#include <string.h>

void es_checkpoint_write(const struct es_checkpoint *checkpoint, struct es_buf *out)
{
    es_buf_printf(out, "%s\n%" PRIu64 "\n", checkpoint->origin, checkpoint->size);
    es_buf_add_base64(out, checkpoint->root.bytes, sizeof(checkpoint->root.bytes));
    es_buf_add_byte(out, '\n');
}

/* Copy the line at *AT to LINE without its newline and move on; false when there is no newline or
 * the line does not fit. */
static bool next_line(const char **at, const char *end, char *line, size_t size)
{
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    if (newline == NULL || (size_t)(newline - *at) >= size) {
        return false;
    }
    size_t length = (size_t)(newline - *at);
    memcpy(line, *at, length);
    line[length] = '\0';
    *at = newline + 1;
    return strlen(line) == length;
}

bool es_checkpoint_parse(const char *text, size_t length, struct es_checkpoint *ret_checkpoint)
{
    struct es_checkpoint checkpoint;
    char size[24];
    char root[48];
    size_t root_length = 0;
    const char *at = text;
    const char *end = text + length;
    if (!next_line(&at, end, checkpoint.origin, sizeof(checkpoint.origin)) ||
        !next_line(&at, end, size, sizeof(size)) || !next_line(&at, end, root, sizeof(root)) ||
        at != end) {
        return false;
    }
    if (!es_note_name_valid(checkpoint.origin) || !es_parse_u64(size, &checkpoint.size) ||
        checkpoint.size > ES_MERKLE_SIZE_MAX ||
        !es_base64_parse(root, strlen(root), checkpoint.root.bytes, sizeof(checkpoint.root.bytes),
                         &root_length) ||
        root_length != sizeof(checkpoint.root.bytes)) {
        return false;
    }
    *ret_checkpoint = checkpoint;
    return true;
}

bool es_checkpoint_sign(const struct es_checkpoint *checkpoint,
                        const unsigned char secret_key[ES_NOTE_SECRET_KEY_SIZE], struct es_buf *out)
{
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    ES_CLEANUP(es_buf_done) struct es_buf line = ES_BUF_INIT;
    es_checkpoint_write(checkpoint, &text);
    if (!es_note_sign_line(es_buf_str(&text), text.length, checkpoint->origin, secret_key, &line)) {
        return false;
    }
    es_buf_add(out, text.data, text.length);
    es_buf_add_byte(out, '\n');
    es_buf_add(out, line.data, line.length);
    return true;
}

/* Verify NOTE with those of KEYS that bear the name ORIGIN. */
static enum es_note_verdict verify_as(const char *origin, const struct es_note *note,
                                      const struct es_note_key *keys, size_t key_count,
                                      struct es_arena *arena, size_t *ret_unknown)
{
    struct es_note_key *own = es_arena_alloc(arena, key_count * sizeof(*own));
    size_t own_count = 0;
    for (size_t i = 0; i < key_count; i++) {
        if (strcmp(keys[i].name, origin) == 0) {
            own[own_count++] = keys[i];
        }
    }
    return es_note_verify(note, own, own_count, ret_unknown);
}

enum es_note_verdict es_checkpoint_open(const char *note, size_t length,
                                        const struct es_note_key *keys, size_t key_count,
                                        struct es_checkpoint *ret_checkpoint, size_t *ret_unknown)
{
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct es_note parsed;
    if (!es_note_parse(arena, note, length, &parsed) ||
        !es_checkpoint_parse(parsed.text, parsed.text_length, ret_checkpoint)) {
        return ES_NOTE_MALFORMED;
    }
    return verify_as(ret_checkpoint->origin, &parsed, keys, key_count, arena, ret_unknown);
}
