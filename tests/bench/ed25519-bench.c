/*
 * Which library verifies Ed25519 signatures faster here, and which keyed hash of a token is
 * cheaper? Prints the figures that common/crypto/token.c and token-cache.c quote. Needs no other
 * part of the suite than its clock:
 *
 *     gcc -O2 -D_GNU_SOURCE -I. tests/bench/ed25519-bench.c common/base/c[li]*.c \
 *         -lsodium -lcrypto -o build/ed25519-bench && build/ed25519-bench
 *
 * Both get what a token check has: a 32-byte public key known long before, a message of a token's
 * size. OpenSSL is given every help it takes: key and context are made once and reused.
 */
#include "common/base/clock.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define MESSAGE_SIZE 340 /* header and payload of a token */
#define TOKEN_SIZE   430 /* with the signature */
#define ROUNDS       20000
#define REPEATS      5

struct subject {
    unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
    unsigned char secret_key[crypto_sign_SECRETKEYBYTES];
    unsigned char message[MESSAGE_SIZE];
    unsigned char signature[crypto_sign_BYTES];
    unsigned char token[TOKEN_SIZE];
    EVP_PKEY *openssl_public;
    EVP_PKEY *openssl_secret;
    EVP_MD_CTX *verify_context;
    EVP_MD_CTX *sign_context;
};

typedef bool operation(struct subject *subject);

static bool sodium_verify(struct subject *subject)
{
    return crypto_sign_verify_detached(subject->signature, subject->message, MESSAGE_SIZE,
                                       subject->public_key) == 0;
}

static bool sodium_sign(struct subject *subject)
{
    return crypto_sign_detached(subject->signature, NULL, subject->message, MESSAGE_SIZE,
                                subject->secret_key) == 0;
}

/* A context cannot be used for a second one-shot call without being initialised again. */
static bool openssl_verify(struct subject *subject)
{
    return EVP_DigestVerifyInit(subject->verify_context, NULL, NULL, NULL,
                                subject->openssl_public) == 1 &&
           EVP_DigestVerify(subject->verify_context, subject->signature, sizeof(subject->signature),
                            subject->message, MESSAGE_SIZE) == 1;
}

static bool openssl_sign(struct subject *subject)
{
    size_t length = sizeof(subject->signature);
    return EVP_DigestSignInit(subject->sign_context, NULL, NULL, NULL, subject->openssl_secret) ==
               1 &&
           EVP_DigestSign(subject->sign_context, subject->signature, &length, subject->message,
                          MESSAGE_SIZE) == 1;
}

static bool siphash(struct subject *subject)
{
    unsigned char hash[crypto_shorthash_siphashx24_BYTES];
    return crypto_shorthash_siphashx24(hash, subject->token, TOKEN_SIZE, subject->secret_key) == 0;
}

static bool blake2b(struct subject *subject)
{
    unsigned char hash[crypto_generichash_BYTES_MIN];
    return crypto_generichash(hash, sizeof(hash), subject->token, TOKEN_SIZE, subject->secret_key,
                              crypto_generichash_KEYBYTES) == 0;
}

/* The best of REPEATS runs: what the machine can do when nothing else disturbs it. */
static double best_us(operation *run, struct subject *subject)
{
    double best = 0;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        int64_t before_us = es_clock_mono_us();
        for (int i = 0; i < ROUNDS; i++) {
            if (!run(subject)) {
                (void)fputs("a signature was refused\n", stderr);
                exit(EXIT_FAILURE);
            }
        }
        double each = (double)(es_clock_mono_us() - before_us) / ROUNDS;
        best = repeat == 0 || each < best ? each : best;
    }
    return best;
}

int main(void)
{
    static const struct {
        const char *name;
        operation *run;
    } rows[] = {
        {"libsodium verify", sodium_verify}, {"OpenSSL   verify", openssl_verify},
        {"libsodium sign", sodium_sign},     {"OpenSSL   sign", openssl_sign},
        {"SipHash-2-4-128", siphash},        {"BLAKE2b-128", blake2b},
    };
    struct subject subject = {0};
    if (sodium_init() < 0) {
        return EXIT_FAILURE;
    }
    randombytes_buf(subject.message, sizeof(subject.message));
    (void)crypto_sign_keypair(subject.public_key, subject.secret_key);
    (void)sodium_sign(&subject);
    subject.openssl_public = EVP_PKEY_new_raw_public_key_ex(
        NULL, "ED25519", NULL, subject.public_key, sizeof(subject.public_key));
    subject.openssl_secret = EVP_PKEY_new_raw_private_key_ex(
        NULL, "ED25519", NULL, subject.secret_key, crypto_sign_SEEDBYTES);
    subject.verify_context = EVP_MD_CTX_new();
    subject.sign_context = EVP_MD_CTX_new();
    printf("libsodium %s, %s\n", sodium_version_string(), OpenSSL_version(OPENSSL_VERSION));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        printf("%-18s %6.2f us\n", rows[i].name, best_us(rows[i].run, &subject));
    }
    EVP_MD_CTX_free(subject.verify_context);
    EVP_MD_CTX_free(subject.sign_context);
    EVP_PKEY_free(subject.openssl_public);
    EVP_PKEY_free(subject.openssl_secret);
    return EXIT_SUCCESS;
}
