/* A text that is taken for a signed note, a checkpoint or a verifier key is written back as it
 * was. */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/tlog/checkpoint.h"
#include "common/tlog/note.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_equal(const struct es_buf *written, const void *bytes, size_t size)
{
    if (written->length != size || memcmp(written->data, bytes, size) != 0) {
        abort();
    }
}

static void check_checkpoint(const struct es_note *note)
{
    ES_CLEANUP(es_buf_done) struct es_buf again = ES_BUF_INIT;
    struct es_checkpoint checkpoint;
    if (es_checkpoint_parse(note->text, note->text_length, &checkpoint)) {
        es_checkpoint_write(&checkpoint, &again);
        must_equal(&again, note->text, note->text_length);
    }
}

static void check_key(struct es_arena *arena, const uint8_t *data, size_t size)
{
    ES_CLEANUP(es_buf_done) struct es_buf again = ES_BUF_INIT;
    const char *text = es_arena_strndup(arena, (const char *)data, size);
    struct es_note_key key;
    if (es_note_key_parse(text, &key)) {
        es_note_key_write(&key, &again);
        must_equal(&again, text, strlen(text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    ES_CLEANUP(es_buf_done) struct es_buf again = ES_BUF_INIT;
    struct es_note_key key = {.name = "example.com/foo"};
    struct es_note note;
    check_key(arena, data, size);
    if (!es_note_parse(arena, (const char *)data, size, &note)) {
        return 0;
    }
    es_note_write(&note, &again);
    must_equal(&again, data, size);
    check_checkpoint(&note);
    memcpy(key.id, note.signatures[0].key_id, sizeof(key.id));
    (void)es_note_verify(&note, &key, 1, NULL);
    return 0;
}
