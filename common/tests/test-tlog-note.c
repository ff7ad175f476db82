/* Unit tests of common/tlog: signed notes, verifier keys, checkpoints. */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/random.h"
#include "common/tests/unit.h"
#include "common/tlog/base64.h"
#include "common/tlog/checkpoint.h"
#include "common/tlog/merkle.h"
#include "common/tlog/note.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define TEST(title, function)                                                                      \
    {                                                                                              \
        title, function, NULL, NULL, NULL                                                          \
    }

#define DASH "\xE2\x80\x94"

/* The example of C2SP signed-note. */
#define C2SP_KEY "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
#define C2SP_NOTE                                                                                  \
    "This is an example message.\n\n" DASH " example.com/foo "                                     \
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuw"                 \
    "HjG1Yu72IneyaQM=\n"

/* The examples of C2SP tlog-checkpoint and tlog-cosignature (their keys are not published). */
#define C2SP_CHECKPOINT                                                                            \
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n" DASH \
    " example.com/behind-the-sofa "                                                                \
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q"                             \
    "1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
#define C2SP_COSIGNATURE                                                                           \
    DASH                                                                                           \
        " witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJs" \
        "X3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"

static enum es_note_verdict verdict_on(const char *note, const struct es_note_key *keys,
                                       size_t key_count, size_t *ret_unknown)
{
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    struct es_note parsed;
    if (!es_note_parse(arena, note, strlen(note), &parsed)) {
        return ES_NOTE_MALFORMED;
    }
    return es_note_verify(&parsed, keys, key_count, ret_unknown);
}

static void c2sp_example_verifies(void **state)
{
    (void)state;
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    struct es_note_key key;
    size_t unknown = 9;
    assert_true(es_note_key_parse(C2SP_KEY, &key));
    assert_string_equal(key.name, "example.com/foo");
    es_note_key_write(&key, &text);
    assert_string_equal(es_buf_str(&text), C2SP_KEY);
    assert_int_equal(verdict_on(C2SP_NOTE, &key, 1, &unknown), ES_NOTE_GOOD);
    assert_int_equal(unknown, 0);
    assert_int_equal(verdict_on(C2SP_NOTE, &key, 0, &unknown), ES_NOTE_UNKNOWN);
    assert_int_equal(unknown, 1);
}

/* The key pair and note in the documentation of golang.org/x/mod/sumdb/note. */
static void go_example_is_signed_alike(void **state)
{
    (void)state;
    static const char text[] = "If you think cryptography is the answer to your problem,\n"
                               "then you don't know what your problem is.\n";
    static const char expected[] =
        DASH " PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqd"
             "ngotpRZb6KE6RyyBwJnAM=\n";
    ES_CLEANUP(es_buf_done) struct es_buf line = ES_BUF_INIT;
    unsigned char typed_seed[1 + crypto_sign_SEEDBYTES];
    unsigned char public_key[ES_NOTE_PUBLIC_KEY_SIZE];
    unsigned char secret_key[ES_NOTE_SECRET_KEY_SIZE];
    size_t length = 0;
    struct es_note_key key;
    assert_true(es_base64_parse("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz", 44, typed_seed,
                                sizeof(typed_seed), &length));
    crypto_sign_seed_keypair(public_key, secret_key, typed_seed + 1);
    assert_true(es_note_key_make("PeterNeumann", public_key, &key));
    es_note_key_write(&key, &line);
    assert_string_equal(es_buf_str(&line),
                        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
    es_buf_clear(&line);
    assert_true(es_note_sign_line(text, strlen(text), "PeterNeumann", secret_key, &line));
    assert_string_equal(es_buf_str(&line), expected);
}

static void verifier_keys_are_exact(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "example.com/foo",
        "example.com/foo+530d903a",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2",
        "example.com/foo+530d903a+BOkyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2kAA==",
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
    };
    struct es_note_key key;
    for (size_t i = 0; i < ES_ARRAY_LEN(refused); i++) {
        assert_false(es_note_key_parse(refused[i], &key));
    }
    char longest[ES_NOTE_NAME_SIZE + 1];
    memset(longest, 'a', sizeof(longest));
    longest[ES_NOTE_NAME_SIZE] = '\0';
    assert_false(es_note_name_valid(longest));
    longest[ES_NOTE_NAME_SIZE - 1] = '\0';
    assert_true(es_note_name_valid(longest));
}

static void notes_are_parsed_strictly(void **state)
{
    (void)state;
    static const char *const refused[] = {
        "",
        "\n",
        "\n\n",
        "text\n",
        "text\n\n",
        "text\n" DASH " n AAAAAAA=\n",
        "text\n\n" DASH " n AAAAAAA=",         /* no final newline */
        "text\n\n" DASH " n AAAAAAA=\n\n",     /* a blank line after the signatures */
        "text\n\n" DASH " n AAAAAAA=\n\nmore", /* trailing text */
        "text\n\n" DASH " n AAAAAAB=\n",       /* spare bits of the base64 */
        "text\n\n" DASH " n AAAAAAA\n",        /* no padding */
        "text\n\n" DASH " n AAAAAAA==\n",      /* too much padding */
        "text\n\n" DASH " n AAAA\n",           /* no more than a key id would need */
        "text\n\n" DASH " n AAAAAA==\n",       /* a key id without signature */
        "text\n\n" DASH " n  AAAAAAA=\n",
        "text\n\n" DASH "  AAAAAAA=\n",
        "text\n\n" DASH " a+b AAAAAAA=\n",
        "text\n\n" DASH "n AAAAAAA=\n",
        "text\n\n- n AAAAAAA=\n",
        "te\rxt\n\n" DASH " n AAAAAAA=\n",
        "te\x7Fxt\xFF\n\n" DASH " n AAAAAAA=\n", /* not UTF-8 */
        "text\n\n" DASH " n\xC2\xA0 AAAAAAA=\n",
    };
    assert_int_equal(verdict_on("text\n\n" DASH " n AAAAAAA=\n", NULL, 0, NULL), ES_NOTE_UNKNOWN);
    for (size_t i = 0; i < ES_ARRAY_LEN(refused); i++) {
        assert_int_equal(verdict_on(refused[i], NULL, 0, NULL), ES_NOTE_MALFORMED);
    }
}

static void text_ends_at_the_last_blank_line(void **state)
{
    (void)state;
    static const char note[] = "one\n\ntwo\n\n" DASH " a AAAAAAA=\n" DASH " b AAAAAQE=\n";
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    ES_CLEANUP(es_buf_done) struct es_buf again = ES_BUF_INIT;
    struct es_note parsed;
    assert_true(es_note_parse(arena, note, strlen(note), &parsed));
    assert_int_equal(parsed.text_length, strlen("one\n\ntwo\n"));
    assert_int_equal(parsed.signature_count, 2);
    assert_string_equal(parsed.signatures[1].name, "b");
    assert_int_equal(parsed.signatures[1].length, 1);
    es_note_write(&parsed, &again);
    assert_string_equal(es_buf_str(&again), note);
}

static void notes_are_bounded(void **state)
{
    (void)state;
    ES_CLEANUP(es_arena_free_p) struct es_arena *arena = es_arena_new(0);
    ES_CLEANUP(es_buf_done) struct es_buf note = ES_BUF_INIT;
    struct es_note parsed;
    es_buf_add_str(&note, "text\n\n");
    for (size_t i = 0; i < ES_NOTE_SIGNATURES_MAX; i++) {
        es_buf_add_str(&note, DASH " n AAAAAAA=\n");
    }
    assert_true(es_note_parse(arena, es_buf_str(&note), note.length, &parsed));
    es_buf_add_str(&note, DASH " n AAAAAAA=\n");
    assert_false(es_note_parse(arena, es_buf_str(&note), note.length, &parsed));
    es_buf_clear(&note);
    while (note.length <= ES_NOTE_SIZE_MAX) {
        es_buf_add_str(&note, "one more line of text\n");
    }
    es_buf_add_str(&note, "\n" DASH " n AAAAAAA=\n");
    assert_false(es_note_parse(arena, es_buf_str(&note), note.length, &parsed));
}

static void checkpoint_texts_are_exact(void **state)
{
    (void)state;
    static const char root[] = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    static const char *const refused[] = {
        "origin\n5\n%s",
        "origin\n05\n%s\n",
        "origin\n+5\n%s\n",
        "origin\n\n%s\n",
        "origin\n-1\n%s\n",
        "\n5\n%s\n",
        "origin \n5\n%s\n",
        "or+igin\n5\n%s\n",
        "origin\n5\n%s\nmore",
        "origin\n5\n%s\n\n",
        "origin\n5\n%s\nmore\n",
        "origin\n5\n %s\n",
        "origin\n9223372036854775808\n%s\n",
    };
    struct es_checkpoint checkpoint;
    ES_CLEANUP(es_buf_done) struct es_buf text = ES_BUF_INIT;
    es_buf_printf(&text, "origin\n9223372036854775807\n%s\n", root);
    assert_true(es_checkpoint_parse(es_buf_str(&text), text.length, &checkpoint));
    assert_true(checkpoint.size == ES_MERKLE_SIZE_MAX);
    for (size_t i = 0; i < ES_ARRAY_LEN(refused); i++) {
        const char *slot = strstr(refused[i], "%s");
        es_buf_clear(&text);
        es_buf_add(&text, refused[i], (size_t)(slot - refused[i]));
        es_buf_add_str(&text, root);
        es_buf_add_str(&text, slot + 2);
        assert_false(es_checkpoint_parse(es_buf_str(&text), text.length, &checkpoint));
    }
}

static void c2sp_checkpoints_are_read(void **state)
{
    (void)state;
    static const char *const notes[] = {C2SP_CHECKPOINT, C2SP_CHECKPOINT C2SP_COSIGNATURE};
    for (size_t i = 0; i < ES_ARRAY_LEN(notes); i++) {
        struct es_checkpoint checkpoint;
        size_t unknown = 0;
        assert_int_equal(
            es_checkpoint_open(notes[i], strlen(notes[i]), NULL, 0, &checkpoint, &unknown),
            ES_NOTE_UNKNOWN);
        assert_int_equal(unknown, i + 1);
        assert_string_equal(checkpoint.origin, "example.com/behind-the-sofa");
        assert_int_equal(checkpoint.size, 20852163);
    }
}

/* libsodium 1.0.18 decodes every byte from 0x80 on as if it were '/'. */
static void base64_is_ascii(void **state)
{
    (void)state;
    unsigned char bytes[8];
    size_t length = 0;
    assert_true(es_base64_parse("A/AA", 4, bytes, sizeof(bytes), &length) && length == 3);
    assert_true(es_base64_parse("", 0, bytes, sizeof(bytes), &length) && length == 0);
    for (unsigned other = 0; other < 256; other++) {
        const char text[] = {'A', (char)other, 'A', 'A'};
        ES_CLEANUP(es_buf_done) struct es_buf again = ES_BUF_INIT;
        if (es_base64_parse(text, sizeof(text), bytes, sizeof(bytes), &length)) {
            es_buf_add_base64(&again, bytes, length);
            assert_memory_equal(again.data, text, sizeof(text));
        }
    }
}

/* Two keys of one log, and a checkpoint signed by the first. */
struct log_keys {
    struct es_note_key keys[2];
    unsigned char secrets[2][ES_NOTE_SECRET_KEY_SIZE];
    struct es_checkpoint checkpoint;
    struct es_buf note;
};

static int make_log(void **state)
{
    struct log_keys *log = ES_NEW(struct log_keys);
    for (size_t i = 0; i < 2; i++) {
        unsigned char seed[crypto_sign_SEEDBYTES] = {(unsigned char)(i + 1)};
        unsigned char public_key[ES_NOTE_PUBLIC_KEY_SIZE];
        crypto_sign_seed_keypair(public_key, log->secrets[i], seed);
        if (!es_note_key_make("log.example/2026", public_key, &log->keys[i])) {
            return -1;
        }
    }
    log->checkpoint = (struct es_checkpoint){
        .origin = "log.example/2026", .size = 12345, .root = es_merkle_leaf("root", 4)};
    *state = log;
    return es_checkpoint_sign(&log->checkpoint, log->secrets[0], &log->note) ? 0 : -1;
}

static int release_log(void **state)
{
    struct log_keys *log = *state;
    es_buf_done(&log->note);
    free(log);
    return 0;
}

static void checkpoint_goes_round(void **state)
{
    struct log_keys *log = *state;
    struct es_checkpoint read;
    size_t unknown = 9;
    assert_int_equal(
        es_checkpoint_open(es_buf_str(&log->note), log->note.length, log->keys, 2, &read, &unknown),
        ES_NOTE_GOOD);
    assert_int_equal(unknown, 0);
    assert_string_equal(read.origin, log->checkpoint.origin);
    assert_int_equal(read.size, log->checkpoint.size);
    assert_true(es_hash_equal(&read.root, &log->checkpoint.root));
}

static void keys_can_rotate(void **state)
{
    struct log_keys *log = *state;
    ES_CLEANUP(es_buf_done) struct es_buf both = ES_BUF_INIT;
    struct es_checkpoint read;
    size_t unknown = 0;
    const char *note = es_buf_str(&log->note);
    size_t text_length = (size_t)(strstr(note, "\n\n") - note) + 1;
    assert_int_equal(es_checkpoint_open(note, log->note.length, &log->keys[1], 1, &read, NULL),
                     ES_NOTE_UNKNOWN);
    es_buf_add_str(&both, note);
    assert_true(es_note_sign_line(note, text_length, log->keys[1].name, log->secrets[1], &both));
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(
            es_checkpoint_open(es_buf_str(&both), both.length, &log->keys[i], 1, &read, &unknown),
            ES_NOTE_GOOD);
        assert_int_equal(unknown, 1);
    }
    assert_int_equal(
        es_checkpoint_open(es_buf_str(&both), both.length, log->keys, 2, &read, &unknown),
        ES_NOTE_GOOD);
    assert_int_equal(unknown, 0);
}

static void key_of_another_name_does_not_count(void **state)
{
    struct log_keys *log = *state;
    ES_CLEANUP(es_buf_done) struct es_buf note = ES_BUF_INIT;
    struct es_note_key other;
    struct es_checkpoint read;
    es_checkpoint_write(&log->checkpoint, &note);
    size_t text_length = note.length;
    es_buf_add_byte(&note, '\n');
    ES_CLEANUP(es_buf_done) struct es_buf line = ES_BUF_INIT;
    assert_true(
        es_note_sign_line(es_buf_str(&note), text_length, "other.example", log->secrets[0], &line));
    es_buf_add(&note, line.data, line.length);
    assert_true(es_note_key_make("other.example", log->keys[0].public_key, &other));
    assert_int_equal(verdict_on(es_buf_str(&note), &other, 1, NULL), ES_NOTE_GOOD);
    assert_int_equal(es_checkpoint_open(es_buf_str(&note), note.length, &other, 1, &read, NULL),
                     ES_NOTE_UNKNOWN);
}

static void any_changed_byte_is_noticed(void **state)
{
    struct log_keys *log = *state;
    ES_CLEANUP(es_buf_done) struct es_buf note = ES_BUF_INIT;
    struct es_checkpoint read;
    es_buf_add(&note, log->note.data, log->note.length);
    for (size_t at = 0; at < note.length; at++) {
        unsigned char right = note.data[at];
        for (unsigned wrong = 0; wrong < 256; wrong++) {
            note.data[at] = (unsigned char)wrong;
            bool good = es_checkpoint_open((const char *)note.data, note.length, log->keys, 1,
                                           &read, NULL) == ES_NOTE_GOOD;
            assert_true(good == (wrong == right));
        }
        note.data[at] = right;
    }
}

static void bad_origin_is_not_signed(void **state)
{
    struct log_keys *log = *state;
    ES_CLEANUP(es_buf_done) struct es_buf note = ES_BUF_INIT;
    struct es_checkpoint bad = log->checkpoint;
    bad.origin[3] = ' ';
    assert_false(es_checkpoint_sign(&bad, log->secrets[0], &note));
    assert_int_equal(note.length, 0);
}

int main(void)
{
    es_random_init();
    const struct CMUnitTest tests[] = {
        TEST("C2SP's example note verifies", c2sp_example_verifies),
        TEST("Go's example note is signed alike", go_example_is_signed_alike),
        TEST("verifier keys are exact", verifier_keys_are_exact),
        TEST("notes are parsed strictly", notes_are_parsed_strictly),
        TEST("the text ends at the last blank line", text_ends_at_the_last_blank_line),
        TEST("base64 is ASCII", base64_is_ascii),
        TEST("notes are bounded", notes_are_bounded),
        TEST("J2.13 checkpoint texts are exact", checkpoint_texts_are_exact),
        TEST("J2.13 J2.14 C2SP's example checkpoints are read", c2sp_checkpoints_are_read),
        TEST("J2.13 signed checkpoint goes round", checkpoint_goes_round),
        TEST("J2.13 keys can rotate", keys_can_rotate),
        TEST("a key of another name does not count", key_of_another_name_does_not_count),
        TEST("J2.13 any changed byte of a checkpoint is noticed", any_changed_byte_is_noticed),
        TEST("a bad origin is not signed", bad_origin_is_not_signed),
    };
    return cmocka_run_group_tests(tests, make_log, release_log);
}
