#include "common/tlog/note.h"

#include "common/base/text.h"
#include "common/tlog/base64.h"

#include <sodium.h>
#include <string.h>

#define TYPE_ED25519        0x01
#define LINE_START          "\xE2\x80\x94 " /* em dash U+2014, space */
#define LINE_START_LENGTH   4
#define SIGNATURE_BYTES_MAX 2560 /* an ML-DSA-44 cosignature has 4 + 8 + 2420 */

static bool name_bytes_valid(const char *name, size_t length)
{
    if (length == 0 || length >= ES_NOTE_NAME_SIZE) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (name[i] <= ' ' || name[i] > '~' || name[i] == '+') {
            return false;
        }
    }
    return true;
}

bool es_note_name_valid(const char *name)
{
    return name_bytes_valid(name, strnlen(name, ES_NOTE_NAME_SIZE));
}

bool es_note_key_make(const char *name, const unsigned char public_key[ES_NOTE_PUBLIC_KEY_SIZE],
                      struct es_note_key *ret_key)
{
    static const unsigned char middle[] = {'\n', TYPE_ED25519};
    struct es_note_key key = {.name = ""};
    crypto_hash_sha256_state state;
    unsigned char hash[crypto_hash_sha256_BYTES];
    if (!es_note_name_valid(name) || !es_copy_str(key.name, sizeof(key.name), name)) {
        return false;
    }
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *)name, strlen(name));
    crypto_hash_sha256_update(&state, middle, sizeof(middle));
    crypto_hash_sha256_update(&state, public_key, ES_NOTE_PUBLIC_KEY_SIZE);
    crypto_hash_sha256_final(&state, hash);
    memcpy(key.id, hash, sizeof(key.id));
    memcpy(key.public_key, public_key, sizeof(key.public_key));
    *ret_key = key;
    return true;
}

void es_note_key_write(const struct es_note_key *key, struct es_buf *out)
{
    unsigned char typed[1 + ES_NOTE_PUBLIC_KEY_SIZE] = {TYPE_ED25519};
    memcpy(typed + 1, key->public_key, sizeof(key->public_key));
    es_buf_add_str(out, key->name);
    es_buf_add_byte(out, '+');
    es_buf_add_hex(out, key->id, sizeof(key->id));
    es_buf_add_byte(out, '+');
    es_buf_add_base64(out, typed, sizeof(typed));
}

bool es_note_key_parse(const char *text, struct es_note_key *ret_key)
{
    char name[ES_NOTE_NAME_SIZE];
    unsigned char typed[1 + ES_NOTE_PUBLIC_KEY_SIZE];
    size_t length = 0;
    const char *id_at = strchr(text, '+');
    if (id_at == NULL || (size_t)(id_at - text) >= sizeof(name)) {
        return false;
    }
    const char *key_at = strchr(id_at + 1, '+');
    if (key_at == NULL ||
        !es_base64_parse(key_at + 1, strlen(key_at + 1), typed, sizeof(typed), &length) ||
        length != sizeof(typed) || typed[0] != TYPE_ED25519) {
        return false;
    }
    memcpy(name, text, (size_t)(id_at - text));
    name[id_at - text] = '\0';
    struct es_note_key key;
    if (!es_note_key_make(name, typed + 1, &key)) {
        return false;
    }
    /* The id between the two '+' is the one thing not yet compared. */
    ES_CLEANUP(es_buf_done) struct es_buf again = ES_BUF_INIT;
    es_note_key_write(&key, &again);
    if (strcmp(es_buf_str(&again), text) != 0) {
        return false;
    }
    *ret_key = key;
    return true;
}

static void write_line(const struct es_note_signature *signature, struct es_buf *out)
{
    ES_CLEANUP(es_buf_done) struct es_buf bytes = ES_BUF_INIT;
    es_buf_add(&bytes, signature->key_id, sizeof(signature->key_id));
    es_buf_add(&bytes, signature->bytes, signature->length);
    es_buf_add_str(out, LINE_START);
    es_buf_add_str(out, signature->name);
    es_buf_add_byte(out, ' ');
    es_buf_add_base64(out, bytes.data, bytes.length);
    es_buf_add_byte(out, '\n');
}

bool es_note_sign_line(const char *text, size_t length, const char *name,
                       const unsigned char secret_key[ES_NOTE_SECRET_KEY_SIZE], struct es_buf *out)
{
    struct es_note_key key;
    unsigned char bytes[crypto_sign_BYTES];
    struct es_note_signature signature = {.bytes = bytes, .length = sizeof(bytes)};
    if (!es_note_key_make(name, secret_key + crypto_sign_SEEDBYTES, &key)) {
        return false;
    }
    crypto_sign_detached(bytes, NULL, (const unsigned char *)text, length, secret_key);
    signature.name = key.name;
    memcpy(signature.key_id, key.id, sizeof(signature.key_id));
    write_line(&signature, out);
    return true;
}

void es_note_write(const struct es_note *note, struct es_buf *out)
{
    es_buf_add(out, note->text, note->text_length);
    es_buf_add_byte(out, '\n');
    for (size_t i = 0; i < note->signature_count; i++) {
        write_line(&note->signatures[i], out);
    }
}

/* The line from START to END (its newline excluded). */
static bool parse_line(struct es_arena *arena, const char *start, const char *end,
                       struct es_note_signature *ret_signature)
{
    if (end - start <= LINE_START_LENGTH || memcmp(start, LINE_START, LINE_START_LENGTH) != 0) {
        return false;
    }
    const char *name = start + LINE_START_LENGTH;
    const char *space = memchr(name, ' ', (size_t)(end - name));
    if (space == NULL || !name_bytes_valid(name, (size_t)(space - name))) {
        return false;
    }
    unsigned char bytes[SIGNATURE_BYTES_MAX];
    size_t length = 0;
    if (!es_base64_parse(space + 1, (size_t)(end - space - 1), bytes, sizeof(bytes), &length) ||
        length <= ES_NOTE_KEY_ID_SIZE) {
        return false;
    }
    unsigned char *kept = es_arena_alloc(arena, length);
    memcpy(kept, bytes, length);
    memcpy(ret_signature->key_id, kept, ES_NOTE_KEY_ID_SIZE);
    ret_signature->name = es_arena_strndup(arena, name, (size_t)(space - name));
    ret_signature->bytes = kept + ES_NOTE_KEY_ID_SIZE;
    ret_signature->length = length - ES_NOTE_KEY_ID_SIZE;
    return true;
}

static bool characters_valid(const char *note, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)note[i] < ' ' && note[i] != '\n') {
            return false;
        }
    }
    return es_utf8_valid(note, length);
}

/* The signatures begin after the last blank line: C2SP signed-note, "Format". */
static const char *find_signatures(const char *note, size_t length)
{
    for (size_t i = length; i >= 2; i--) {
        if (note[i - 1] == '\n' && note[i - 2] == '\n') {
            return note + i;
        }
    }
    return NULL;
}

bool es_note_parse(struct es_arena *arena, const char *note, size_t length,
                   struct es_note *ret_note)
{
    if (length == 0 || length > ES_NOTE_SIZE_MAX || note[length - 1] != '\n' ||
        !characters_valid(note, length)) {
        return false;
    }
    const char *end = note + length;
    const char *line = find_signatures(note, length);
    if (line == NULL || line == end) {
        return false;
    }
    struct es_note_signature *signatures =
        es_arena_alloc(arena, ES_NOTE_SIGNATURES_MAX * sizeof(*signatures));
    struct es_note parsed = {
        .text = note, .text_length = (size_t)(line - note) - 1, .signatures = signatures};
    while (line < end) {
        const char *line_end = memchr(line, '\n', (size_t)(end - line));
        if (parsed.signature_count == ES_NOTE_SIGNATURES_MAX || line_end == NULL ||
            !parse_line(arena, line, line_end, &signatures[parsed.signature_count])) {
            return false;
        }
        parsed.signature_count++;
        line = line_end + 1;
    }
    *ret_note = parsed;
    return true;
}

static const struct es_note_key *find_key(const struct es_note_signature *signature,
                                          const struct es_note_key *keys, size_t key_count)
{
    for (size_t i = 0; i < key_count; i++) {
        if (strcmp(keys[i].name, signature->name) == 0 &&
            memcmp(keys[i].id, signature->key_id, sizeof(keys[i].id)) == 0) {
            return &keys[i];
        }
    }
    return NULL;
}

enum es_note_verdict es_note_verify(const struct es_note *note, const struct es_note_key *keys,
                                    size_t key_count, size_t *ret_unknown)
{
    size_t good = 0;
    size_t forged = 0;
    for (size_t i = 0; i < note->signature_count; i++) {
        const struct es_note_signature *signature = &note->signatures[i];
        const struct es_note_key *key = find_key(signature, keys, key_count);
        if (key == NULL) {
            continue;
        }
        bool valid =
            signature->length == crypto_sign_BYTES &&
            crypto_sign_verify_detached(signature->bytes, (const unsigned char *)note->text,
                                        note->text_length, key->public_key) == 0;
        good += valid ? 1 : 0;
        forged += valid ? 0 : 1;
    }
    if (ret_unknown != NULL) {
        *ret_unknown = note->signature_count - good - forged;
    }
    if (forged > 0) {
        return ES_NOTE_FORGED;
    }
    return good > 0 ? ES_NOTE_GOOD : ES_NOTE_UNKNOWN;
}
