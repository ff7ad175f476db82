/*
 * Signed notes (C2SP signed-note): a text, a blank line, and signature lines
 *
 *     — <key name> base64(<4-byte key id> || <signature>)
 *
 * Signing and checking are for Ed25519 (signature type 0x01): the signature covers the text with
 * its final newline, and key id = SHA-256(name || "\n" || 0x01 || public key)[:4]. Lines of other
 * signature types (witness cosignatures) are parsed and kept, and count as unknown.
 *
 * Stricter than C2SP in one point: key names are printable ASCII without space and '+'.
 */
#pragma once

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

#define ES_NOTE_SIZE_MAX        ((size_t)64 * 1024)
#define ES_NOTE_SIGNATURES_MAX  16
#define ES_NOTE_NAME_SIZE       128 /* with the NUL */
#define ES_NOTE_KEY_ID_SIZE     4
#define ES_NOTE_PUBLIC_KEY_SIZE 32
#define ES_NOTE_SECRET_KEY_SIZE 64 /* libsodium's form: seed, then public key */

/* A verifier key: what a reader of the note has to know. */
struct es_note_key {
    char name[ES_NOTE_NAME_SIZE];
    unsigned char id[ES_NOTE_KEY_ID_SIZE];
    unsigned char public_key[ES_NOTE_PUBLIC_KEY_SIZE];
};

/* True for 1 to ES_NOTE_NAME_SIZE - 1 printable ASCII characters without space and '+'. */
bool es_note_name_valid(const char *name) ES_MUST_CHECK;

/* The key NAME with PUBLIC_KEY; false when the name is not valid. */
bool es_note_key_make(const char *name, const unsigned char public_key[ES_NOTE_PUBLIC_KEY_SIZE],
                      struct es_note_key *ret_key) ES_MUST_CHECK;

/* Verifier key text ("vkey"): "<name>+<key id, 8 hex digits>+<base64(0x01 || public key)>". Parsing
 * takes exactly what writing gives, and the id must be that of the name and key. */
bool es_note_key_parse(const char *text, struct es_note_key *ret_key) ES_MUST_CHECK;
void es_note_key_write(const struct es_note_key *key, struct es_buf *out);

/*
 * Append one signature line over TEXT (LENGTH bytes, ending in a newline) to OUT. A whole note is
 * the text, "\n", and one or more such lines. False when NAME is not valid. SECRET_KEY is not kept.
 */
bool es_note_sign_line(const char *text, size_t length, const char *name,
                       const unsigned char secret_key[ES_NOTE_SECRET_KEY_SIZE],
                       struct es_buf *out) ES_MUST_CHECK;

struct es_note_signature {
    const char *name; /* NUL-terminated */
    unsigned char key_id[ES_NOTE_KEY_ID_SIZE];
    const unsigned char *bytes; /* what follows the key id */
    size_t length;              /* 64 when it is Ed25519 */
};

struct es_note {
    const char *text; /* inside the parsed input, not NUL-terminated */
    size_t text_length;
    const struct es_note_signature *signatures;
    size_t signature_count; /* 1..ES_NOTE_SIGNATURES_MAX */
};

/*
 * Parse a note of LENGTH bytes: well-formed UTF-8, no control character but newline, canonical
 * base64, nothing after the last line. The parts live in ARENA, the text in NOTE; both must
 * outlive *RET_NOTE. A parsed note is not yet a true one: see es_note_verify().
 */
bool es_note_parse(struct es_arena *arena, const char *note, size_t length,
                   struct es_note *ret_note) ES_MUST_CHECK;

/* Append exactly the text that was parsed. */
void es_note_write(const struct es_note *note, struct es_buf *out);

enum es_note_verdict {
    ES_NOTE_GOOD,      /* a given key signed the text, and no given key's signature is wrong */
    ES_NOTE_UNKNOWN,   /* no line is by a given key */
    ES_NOTE_FORGED,    /* a line that claims to be by a given key does not verify */
    ES_NOTE_MALFORMED, /* not a note of the expected form (es_checkpoint_open() only) */
};

/*
 * Check the signatures of NOTE against KEY_COUNT keys, as C2SP signed-note asks: name and id choose
 * the key, lines by other keys are passed over. How many lines that were is stored in *RET_UNKNOWN
 * (NULL is accepted) whatever the verdict.
 */
enum es_note_verdict es_note_verify(const struct es_note *note, const struct es_note_key *keys,
                                    size_t key_count, size_t *ret_unknown) ES_MUST_CHECK;
