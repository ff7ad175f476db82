#include "common/crypto/lookup.h"

#include "common/base/text.h"

#include <sodium.h>
#include <string.h>

#define LONGEST_NUMBER 20
#define LONGEST_EMAIL  254 /* RFC 5321 with erratum 1690 */

_Static_assert(ES_LOOKUP_SIZE == crypto_auth_hmacsha256_BYTES, "a look-up is one HMAC");
_Static_assert(ES_LOOKUP_KEY_SIZE == crypto_auth_hmacsha256_KEYBYTES, "a key is one HMAC key");

void es_lookup(const struct es_lookup_key *key, const char *kind, const char *text,
               unsigned char ret_hash[ES_LOOKUP_SIZE])
{
    crypto_auth_hmacsha256_state state;
    (void)crypto_auth_hmacsha256_init(&state, key->bytes, sizeof(key->bytes));
    /* The NUL at the end of KIND is the separator. */
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)kind, strlen(kind) + 1);
    (void)crypto_auth_hmacsha256_update(&state, (const unsigned char *)text, strlen(text));
    (void)crypto_auth_hmacsha256_final(&state, ret_hash);
    sodium_memzero(&state, sizeof(state));
}

/* CHARACTER in upper case when it may stand in a member number, else NUL. */
static char number_character(char character)
{
    if (character >= 'a' && character <= 'z') {
        return (char)(character - ('a' - 'A'));
    }
    bool allowed = (character >= 'A' && character <= 'Z') || (character >= '0' && character <= '9');
    return allowed ? character : '\0';
}

bool es_normal_member_number(const char *text, char *ret, size_t size)
{
    char normal[LONGEST_NUMBER + 1] = {0};
    size_t length = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == ' ' || *c == '\t' || *c == '-') {
            continue;
        }
        normal[length] = number_character(*c);
        if (normal[length] == '\0' || length == LONGEST_NUMBER) {
            return false;
        }
        length++;
    }
    return length > 0 && es_copy_str(ret, size, normal);
}

/* Nothing that could end a line, a header or an envelope address when mail is sent to it. */
static bool is_mail_character(unsigned char byte)
{
    return byte > ' ' && byte != 0x7F && byte != '<' && byte != '>';
}

bool es_normal_email(const char *text, char *ret, size_t size)
{
    char copy[2 * LONGEST_EMAIL];
    if (!es_copy_str(copy, sizeof(copy), text)) {
        return false;
    }
    char *normal = es_ascii_lower(es_trim(copy));
    size_t length = strlen(normal);
    const char *at = strchr(normal, '@');
    if (length > LONGEST_EMAIL || at == NULL || at == normal || at[1] == '\0' ||
        strchr(at + 1, '@') != NULL) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (!is_mail_character((unsigned char)normal[i])) {
            return false;
        }
    }
    return es_copy_str(ret, size, normal);
}
