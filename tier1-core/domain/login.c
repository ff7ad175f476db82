#include "tier1-core/domain/login.h"

#include "common/base/random.h"
#include "common/base/text.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define CODES 1000000u

static void make_secret(char ret_text[LOGIN_SECRET_TEXT_SIZE])
{
    unsigned char bytes[LOGIN_SECRET_SIZE];
    es_random_bytes(bytes, sizeof(bytes));
    sodium_bin2base64(ret_text, LOGIN_SECRET_TEXT_SIZE, bytes, sizeof(bytes),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(bytes, sizeof(bytes));
}

void login_make_secrets(struct login_secrets *ret_secrets)
{
    char code[16];
    make_secret(ret_secrets->token);
    make_secret(ret_secrets->browser);
    (void)snprintf(code, sizeof(code), "%06u", es_random_below(CODES));
    memcpy(ret_secrets->code, code, LOGIN_CODE_TEXT_SIZE);
    sodium_memzero(code, sizeof(code));
}

bool login_secret_valid(const char *text)
{
    unsigned char bytes[LOGIN_SECRET_SIZE];
    size_t length = 0;
    return strlen(text) == LOGIN_SECRET_TEXT_SIZE - 1 &&
           es_parse_base64url(text, LOGIN_SECRET_TEXT_SIZE - 1, bytes, sizeof(bytes), &length) &&
           length == LOGIN_SECRET_SIZE;
}

bool login_code_valid(const char *text)
{
    return strlen(text) == LOGIN_CODE_TEXT_SIZE - 1 &&
           strspn(text, "0123456789") == LOGIN_CODE_TEXT_SIZE - 1;
}

void login_secret_hash(const char *text, unsigned char ret_hash[LOGIN_HASH_SIZE])
{
    crypto_hash_sha256(ret_hash, (const unsigned char *)text, strlen(text));
}

void login_code_hash(const struct es_lookup_key *key, const char *browser, const char *code,
                     unsigned char ret_hash[LOGIN_HASH_SIZE])
{
    char text[LOGIN_SECRET_TEXT_SIZE + LOGIN_CODE_TEXT_SIZE + 1];
    (void)snprintf(text, sizeof(text), "%s:%s", browser, code);
    es_lookup(key, "login-code", text, ret_hash);
    sodium_memzero(text, sizeof(text));
}

void login_hash_secrets(const struct es_lookup_key *key, const struct login_secrets *secrets,
                        struct login_hashes *ret_hashes)
{
    login_secret_hash(secrets->token, ret_hashes->token);
    login_secret_hash(secrets->browser, ret_hashes->browser);
    login_code_hash(key, secrets->browser, secrets->code, ret_hashes->code);
}
