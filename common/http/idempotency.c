#include "common/http/idempotency.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

static bool is_visible(char c)
{
    return c > ' ' && c < 0x7F;
}

/* What may stand in a key without quotes: no character that would make it a list, a parameter or
 * a broken string. */
static bool is_bare(char c)
{
    return is_visible(c) && strchr("\",;\\", c) == NULL;
}

/* The text between the quotes (RFC 8941 section 3.3.3), unescaped into KEY. Yields its length, or
 * 0 when HEADER is not exactly one such string. */
static size_t read_quoted(const char *header, char *key)
{
    size_t length = 0;
    const char *at = header + 1;
    while (*at != '"') {
        if (*at == '\\') {
            at++;
            if (*at != '"' && *at != '\\') {
                return 0;
            }
        }
        if (!is_visible(*at)) { /* the end of the text, too */
            return 0;
        }
        key[length++] = *at++;
    }
    return at[1] == '\0' ? length : 0;
}

static size_t read_bare(const char *header, char *key)
{
    size_t length = 0;
    for (; header[length] != '\0'; length++) {
        if (!is_bare(header[length])) {
            return 0;
        }
        key[length] = header[length];
    }
    return length;
}

const char *es_idempotency_key_parse(struct es_arena *arena, const char *header)
{
    char *key = es_arena_alloc(arena, strlen(header) + 1);
    size_t length = header[0] == '"' ? read_quoted(header, key) : read_bare(header, key);
    return length > 0 && length <= ES_IDEMPOTENCY_KEY_MAX ? key : NULL;
}

void es_idempotency_fingerprint(const char *method, const char *path, const void *body,
                                size_t body_length, unsigned char ret_mark[ES_IDEMPOTENCY_MARK_LEN])
{
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *)method, strlen(method) + 1);
    crypto_hash_sha256_update(&state, (const unsigned char *)path, strlen(path) + 1);
    crypto_hash_sha256_update(&state, body, body_length);
    crypto_hash_sha256_final(&state, ret_mark);
}
